"""Where outcomes go: each once, counted, sorted at the end."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from codeclm.engine.stage import Failed
from codeclm.errors import Declined, Filtered, ItemError, ParseError, Refused
from codeclm.methods.entries import Pair, entry_of
from codeclm.records import (
    Again,
    Comparison,
    Draft,
    Entry,
    Example,
    Metadata,
    Rejection,
    Seed,
    Unit,
    Verdict,
)
from codeclm.sink import Sink

SEED = Seed(0, "evol_1", "Sing a song")
ENTRY = entry_of(SEED, Metadata("music", ("rhythm", "rhyme")))


def verdict(identity: str, strong: float, target: float, iteration: int = 1) -> Verdict:
    previous = verdict(identity, 5, 5, iteration - 1) if iteration > 1 else None
    actions = tuple(f"action {n}" for n in range(1, iteration))
    draft = Draft(identity, ENTRY, f"text {identity} {iteration}", iteration, actions, previous)
    return Verdict(Comparison(draft, "S", "T"), (strong, strong), (target, target))


def selected(identity: str, iteration: int = 1) -> Example:
    one = verdict(identity, 9, 4, iteration)
    return Example(one.comparison, "strong", one)


def rows(path: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_a_selected_row_has_all_that_is_promised(tmp_path: Path) -> None:
    """The fields of dataset.jsonl, with the history of an instruction that went round."""
    sink = Sink(tmp_path)
    sink.write(selected("a", iteration=3))
    assert rows(sink.write_dataset()) == [
        {
            "id": "a",
            "instruction": "text a 3",
            "response": "S",
            "responder": "strong",
            "use_case": "music",
            "skills": ["rhythm", "rhyme"],
            "iteration": 3,
            "gap": 5.0,
            "scores": {"strong": [9, 9], "target": [4, 4]},
            "seed_id": "evol_1",
            "actions": ["action 1", "action 2"],
            "strong_response": "S",
            "target_response": "T",
            "target_cut_off": False,
            "target_refused": False,
            "history": [
                {
                    "instruction": f"text a {n}",
                    "gap": 0.0,
                    "scores": {"strong": [5, 5], "target": [5, 5]},
                    "strong_response": "S",
                    "target_response": "T",
                    "target_cut_off": False,
                    "target_refused": False,
                }
                for n in (1, 2)
            ],
        }
    ]
    sink.close()


@pytest.mark.parametrize("error", [ParseError("no scores", "??"), Refused("no", "??")])
def test_what_ends_on_its_way_keeps_the_comparisons_before(
    tmp_path: Path, error: ItemError
) -> None:
    """They were paid for; whether the step improved, responded or judged shows no difference."""
    latest = verdict("a", 6, 5, iteration=2)
    draft = latest.comparison.draft
    onward = Draft("a", ENTRY, "text a 3", 3, ("action 1", "action 2"), latest)
    for number, (item, stage) in enumerate(
        (
            (Again(draft, latest), "improve"),
            (onward, "respond"),
            (Comparison(onward, "S", "T"), "judge"),
        )
    ):
        sink = Sink(tmp_path)
        sink.write(Failed(item, stage, error))
        sink.close()
        (file,) = (path for path in tmp_path.glob("*.jsonl") if path.stat().st_size)
        row = json.loads(file.read_bytes())
        history = [(one["gap"], one["target_response"]) for one in row["history"]]
        assert history == [(0, "T"), (1, "T")]
        assert (row["use_case"], row["iteration"]) == ("music", 3 if number else 2)
        file.unlink()


def test_the_dataset_is_sorted_and_each_id_is_there_once(tmp_path: Path) -> None:
    """Order of arrival and repeated writes do not show."""
    sink = Sink(tmp_path)
    for identity in "cabcab":
        sink.write(selected(identity))
    assert [row["id"] for row in rows(sink.write_dataset())] == ["a", "b", "c"]
    assert len(rows(tmp_path / "selected.jsonl")) == 3
    sink.close()


def test_a_later_session_knows_what_is_on_record(tmp_path: Path) -> None:
    """Ids and counts survive; what is on record is not written again."""
    with_rejection = verdict("b", 5, 4)
    sink = Sink(tmp_path)
    sink.write(selected("a", iteration=2))
    sink.write(Rejection(with_rejection, "gap within 3"))
    sink.write(Failed(Unit(ENTRY, 0, 5, 5), "decode", ParseError("no list", "raw text")))
    sink.write(Failed(verdict("c", 1, 1).comparison, "judge", ParseError("no scores", "??")))
    counts = sink.counts()
    sink.close()
    again = Sink(tmp_path)
    again.write(selected("a"))
    assert again.counts() == counts
    assert "a" in again
    assert Unit(ENTRY, 0, 5, 5).id in again
    assert "z" not in again
    again.close()
    assert counts == {
        "selected": 1,
        "discarded": 1,
        "failed": 1,
        "selected_by_iteration": {"2": 1},
        "selected_by_responder": {"strong": 1},
        "failed_by_stage": {"decode": 1, "judge": 1},
    }


def test_what_is_odd_on_file_is_told(tmp_path: Path) -> None:
    """Lines that are no rows and rows that are there twice are counted and do no harm."""
    sink = Sink(tmp_path)
    sink.write(selected("a"))
    sink.write(selected("b"))
    sink.close()
    path = tmp_path / "selected.jsonl"
    first, second = path.read_bytes().splitlines(keepends=True)
    odd = first.replace(b'"iteration":1', b'"iteration":"?"').replace(b'"a"', b'"c"')
    path.write_bytes(first + b"[1]\n" + second + first + odd)
    sink = Sink(tmp_path)
    assert list(sink.oddities()) == [
        "1 bad lines of selected.jsonl are now in selected.jsonl.quarantine",
        "1 rows are on file twice; the first of each counts",
    ]
    assert sink.quarantined == 1
    assert sink.counts()["selected"] == 3
    assert [row["id"] for row in rows(sink.write_dataset())] == ["a", "b", "c"]
    sink.close()


def test_an_example_without_a_verdict_has_no_scores(tmp_path: Path) -> None:
    """Without filtering there is nothing to score, and the columns are there all the same."""
    sink = Sink(tmp_path)
    sink.write(Example(Comparison(Draft("a", ENTRY, "text"), "S", None), "strong"))
    (row,) = rows(sink.write_dataset())
    assert row["response"] == "S"
    assert row["gap"] is row["scores"] is row["target_response"] is None
    sink.close()


@pytest.mark.parametrize(
    "item",
    [
        SEED,
        Pair(Entry(7, "pair", Metadata("chat", ("tone",)))),
        Unit(ENTRY, 0, 5, 5),
        Draft("d", ENTRY, "text"),
        Again(Draft("d", ENTRY, "text")),
        verdict("d", 1, 1).comparison,
        verdict("d", 1, 1),
    ],
    ids=lambda item: type(item).__name__,
)
def test_whatever_fails_has_its_reason_and_raw_text_on_record(tmp_path: Path, item: object) -> None:
    """An item of any stage can fail, and its row tells why."""
    sink = Sink(tmp_path)
    sink.write(Failed(item, "some stage", ParseError("unreadable", "what it said")))
    (row,) = rows(tmp_path / "failed.jsonl")
    assert row["stage"] == "some stage"
    assert row["reason"] == "ParseError: unreadable"
    assert row["raw"] == "what it said"
    assert str(row["id"]) in sink
    sink.close()


@pytest.mark.parametrize("error", [Filtered("by a filter", "raw"), Refused("no", "raw")])
@pytest.mark.parametrize("stage", ["improve", "respond", "judge"])
def test_a_declined_instruction_is_discarded_and_no_failure(
    tmp_path: Path, error: Declined, stage: str
) -> None:
    """With its reason and lineage; it counts once, also in a later session."""
    sink = Sink(tmp_path)
    sink.write(Failed(Draft("d", ENTRY, "text"), stage, error))
    (row,) = rows(tmp_path / "discarded.jsonl")
    assert row == {
        "id": "d",
        "instruction": "text",
        "reason": f"{type(error).__name__.lower()}: {error}",
        "stage": stage,
        "use_case": "music",
        "skills": ["rhythm", "rhyme"],
        "iteration": 1,
        "seed_id": "evol_1",
        "actions": [],
        "raw": "raw",
        "history": [],
    }
    assert sink.counts()["failed_by_stage"] == {}
    sink.close()
    again = Sink(tmp_path)
    assert (again.counts()["discarded"], again.counts()["failed"]) == (1, 0)
    again.close()


@pytest.mark.parametrize("item", [SEED, Unit(ENTRY, 0, 5, 5)], ids=["seed", "unit"])
def test_a_declined_seed_has_failed(tmp_path: Path, item: object) -> None:
    """No instruction came of it, so there is none to discard."""
    sink = Sink(tmp_path)
    sink.write(Failed(item, "encode" if item is SEED else "decode", Refused("no")))
    assert len(rows(tmp_path / "failed.jsonl")) == 1
    assert not rows(tmp_path / "discarded.jsonl")
    sink.close()
