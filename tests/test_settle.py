"""What turns out late to be a near-duplicate is discarded at the end, wherever its row was."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from codeclm.engine.stage import Failed
from codeclm.errors import ParseError
from codeclm.methods.entries import entry_of
from codeclm.records import (
    Comparison,
    Draft,
    Dropped,
    Entry,
    Example,
    Metadata,
    Rejection,
    Seed,
    Unit,
    Verdict,
    draft_id,
)
from codeclm.sink import Sink
from codeclm.stages.screen import REPEAT, number_of
from tests.running import rows

ENTRIES = [
    entry_of(Seed(n, f"seed-{n}", f"Sing {n}"), Metadata("music", ("rhyme",))) for n in range(3)
]
BANDS = [[7, 1], [7, 2], [3, 7]]


def unit(entry: Entry) -> Unit:
    return Unit(entry, 0, 1, 1)


def draft(number: int) -> Draft:
    return Draft(draft_id(unit(ENTRIES[number]).id, 0), ENTRIES[number], f"text {number}")


def example(number: int) -> Example:
    verdict = Verdict(Comparison(draft(number), "S", "T"), (9.0,), (1.0,))
    return Example(verdict.comparison, "strong", verdict)


OUTCOMES: dict[str, Callable[[int], object]] = {
    "selected": example,
    "discarded": lambda number: Rejection(
        Verdict(Comparison(draft(number), "S", "T"), (5.0,), (5.0,)), "gap within 3"
    ),
    "failed": lambda number: Failed(draft(number), "respond", ParseError("cut off")),
    "dropped": lambda number: Dropped(draft(number), REPEAT, {"repeats": None}),
}


def come(sink: Sink, number: int, fate: str) -> None:
    """The unit of this number is decoded, and its instruction comes to its end."""
    one = unit(ENTRIES[number])
    sink.units.add(one, [number], 0, number_of(one), [BANDS[number]])
    sink.write(OUTCOMES[fate](number))


def left(directory: Path) -> dict[str, dict[str, Any]]:
    """The rows of each file by id."""
    return {
        name: {row["id"]: row for row in rows(directory / f"{name}.jsonl")}
        for name in ("selected", "discarded", "failed")
    }


@pytest.mark.parametrize("fate", [*OUTCOMES])
def test_the_late_one_is_discarded_with_what_it_repeats(tmp_path: Path, fate: str) -> None:
    """Selected, discarded for something else, failed, or dropped at once: in the end it makes no difference."""
    sink = Sink(tmp_path)
    come(sink, 2, fate)
    come(sink, 1, "dropped" if fate == "dropped" else fate)
    come(sink, 0, "selected")
    sink.settle()
    assert [row["id"] for row in rows(sink.write_dataset())] == [draft(0).id]
    files = left(tmp_path)
    assert files["selected"].keys() == {draft(0).id}
    assert files["failed"] == {}
    assert files["discarded"].keys() == {draft(1).id, draft(2).id}
    for row in files["discarded"].values():
        assert (row["reason"], row["repeats"]) == (REPEAT, draft(0).id)
        assert "response" not in row
    counts = sink.counts()
    assert (counts["selected"], counts["discarded"], counts["failed"]) == (1, 2, 0)
    assert counts["failed_by_stage"] == {}
    assert sink.is_selected(draft(0).id)
    assert not sink.is_selected(draft(1).id)
    sink.write(example(1))  # it has its outcome
    sink.close()
    assert left(tmp_path) == files


def test_what_was_broken_off_is_done_again(tmp_path: Path) -> None:
    """A kill between two files leaves a row in both: where it was going to counts, and the next end mends it."""
    sink = Sink(tmp_path)
    come(sink, 2, "selected")
    come(sink, 1, "failed")
    come(sink, 0, "selected")
    sink.sync()
    before = {name: (tmp_path / f"{name}.jsonl").read_bytes() for name in ("selected", "failed")}
    sink.settle()
    sink.close()
    done = left(tmp_path)
    for undone in (["selected", "failed"], ["failed"]):
        for name in undone:
            (tmp_path / f"{name}.jsonl").write_bytes(before[name])
        again = Sink(tmp_path)
        assert again.counts()["discarded"] == 2
        assert again.counts()["selected"] == 1
        again.settle()
        assert again.counts()["failed"] == 0
        again.close()
        assert left(tmp_path) == done


def test_it_holds_over_sittings(tmp_path: Path) -> None:
    """The bands on file are enough: the text of an earlier sitting is not needed to see that it repeats another."""
    sink = Sink(tmp_path)
    come(sink, 1, "selected")
    sink.close()
    sink = Sink(tmp_path)
    come(sink, 0, "selected")
    assert draft(1).id in sink.units.repeats
    sink.settle()
    sink.close()
    assert left(tmp_path)["selected"].keys() == {draft(0).id}


def test_without_repeats_no_file_is_touched(tmp_path: Path) -> None:
    """As in most runs."""
    sink = Sink(tmp_path)
    come(sink, 0, "selected")
    inode = (tmp_path / "discarded.jsonl").stat().st_ino
    sink.settle()
    assert (tmp_path / "discarded.jsonl").stat().st_ino == inode
    sink.close()


def test_an_overlap_stays_what_it_was(tmp_path: Path) -> None:
    """It is found first, in whatever order instructions come."""
    sink = Sink(tmp_path)
    come(sink, 0, "selected")
    one = unit(ENTRIES[1])
    sink.units.add(one, [1], 0, number_of(one), [BANDS[1]])
    sink.write(
        Dropped(draft(1), "overlaps a.jsonl", {"overlap": {"file": "a.jsonl", "words": "a b"}})
    )
    sink.settle()
    sink.close()
    assert left(tmp_path)["discarded"][draft(1).id]["reason"] == "overlaps a.jsonl"


SPOILT: tuple[dict[str, object], ...] = (
    {"number": -1},
    {"number": "x"},
    {"bands": ["?"]},
    {"bands": 3},
    {"bands": ["AAA="]},
)


@pytest.mark.parametrize("spoilt", SPOILT)
def test_a_spoilt_line_only_costs_that_its_unit_is_decoded_again(
    tmp_path: Path, spoilt: dict[str, object]
) -> None:
    """Whatever is in it."""
    sink = Sink(tmp_path)
    come(sink, 0, "selected")
    sink.close()
    [line] = rows(tmp_path / "decoded.jsonl")
    (tmp_path / "decoded.jsonl").write_text(json.dumps(line | spoilt) + "\n")
    sink = Sink(tmp_path)
    assert sink.units.take_finished(unit(ENTRIES[0])) is None
    sink.close()
