"""The answers that went into an item: each once, in one order, and held no longer than the item is under way."""

from __future__ import annotations

from itertools import permutations

from codeclm.engine.events import StepFinished
from codeclm.llm.chat import Usage
from codeclm.llm.events import Answered
from codeclm.methods.entries import Pair, entry_of
from codeclm.receipts import Receipts
from codeclm.records import Metadata, Seed, Unit

MODEL = "openai:a@http://127.0.0.1:8000/v1"


def answered(
    stage: str, key: str, item: str = "x", iteration: int = 1, attempt: int = 0
) -> Answered:
    usage = Usage(len(key), None if stage == "respond" else 1)
    return Answered(MODEL, stage, "endpoint", usage, 0.1, (), item, iteration, attempt, key)


EVENTS = (
    answered("respond", "rr"),
    answered("judge", "j"),
    answered("judge", "jjj", attempt=1),
    answered("improve", "i", iteration=2),
)


def test_a_row_does_not_depend_on_the_order_of_arrival() -> None:
    """Nor on how often an answer was asked for, or whether it was paid; models are without the URL of their server."""
    rows = []
    for order in permutations(EVENTS):
        receipts = Receipts()
        for event in (*order, order[0]._replace(source="cache")):
            receipts(event)
        rows.append(receipts.columns("x"))
        assert receipts.columns("x") == {"calls": []}
    assert all(row == rows[0] for row in rows)
    assert rows[0] == {
        "calls": [
            ["respond", "openai:a", 1, 2, None],
            ["judge", "openai:a", 1, 1, 1],
            ["judge", "openai:a", 1, 3, 1],
            ["improve", "openai:a", 2, 1, 1],
        ],
        "redraws": [["judge", "openai:a", 1, 3, 1]],
    }


def test_a_shared_answer_counts_for_both_items() -> None:
    """Each of them needed it."""
    receipts = Receipts()
    receipts(EVENTS[1])
    receipts(EVENTS[1]._replace(source="shared", item="y"))
    assert (
        receipts.columns("x")
        == receipts.columns("y")
        == {"calls": [["judge", "openai:a", 1, 1, 1]]}
    )


def test_nothing_is_held_of_what_is_done() -> None:
    """Seeds, pairs and units of work that came to something have no row; rubrics and tiny calls are nobody's."""
    seed = Seed(0, "s", "Sing")
    entry = entry_of(seed, Metadata("music", ("rhyme",)))
    unit = Unit(entry, 0, 2, 2)
    receipts = Receipts()
    for stage, item, identity in (
        ("encode", seed, entry.id),
        ("pairs", Pair(entry), entry.id),
        ("decode", unit, unit.id),
    ):
        receipts(answered(stage, "k", identity, 0))
        assert len(receipts) == 1
        receipts(StepFinished(stage, item, (), 0.1))
        assert len(receipts) == 0
    receipts(answered("rubrics", "k", entry.id, 0))
    receipts(answered("preflight", "k", "", 0))
    assert len(receipts) == 0
