"""Where outcomes go: append-only files while running, one sorted dataset at the end."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator
from pathlib import Path
from typing import Any

from codeclm.disk import REAL, Disk, replace_file
from codeclm.engine.stage import Failed
from codeclm.errors import Declined
from codeclm.lines import LinesFile
from codeclm.number_set import IdSet
from codeclm.records import Dropped, Example, Rejection
from codeclm.row_books import RowBooks
from codeclm.rows import Row, declined_row, dropped_row, example_row, failure_row, rejection_row
from codeclm.rundir import DECODED, OUTCOMES
from codeclm.settle import settle
from codeclm.stages.unit_book import UnitBook

__all__ = ["INSTRUCTION_STAGES", "Sink"]

SORTED_BY = 2
"""Characters of an id, of 16 values each, that choose the part in which it is sorted."""

INSTRUCTION_STAGES = frozenset(
    {"improve", "respond", "judge", "filter", "rate", "complicate", "evolve", "breadth", "same"}
)
"""Stages in which what fails is an instruction; before them it is a seed, a pair or a unit of work."""


# What a kill left in two files, on its way from one to the other, is in the one that it was going to.
_AS_READ = ("discarded", "selected", "failed")


class Sink(RowBooks):
    """Records each outcome once, in ``directory``; knows what is on record from earlier sessions.

    ``tally`` counts rows by (file, responder or stage, iteration), ``spent`` the tokens of input and output that went
    into instructions by (file, model), but "redrawn" in the place of the file for repeated draws. ``units`` is what
    units of work were decoded into. ``calls`` are further columns of the row of an id: the answers that went into it.
    """

    things = "instructions"
    fates = OUTCOMES

    def __init__(
        self,
        directory: Path,
        disk: Disk = REAL,
        calls: Callable[[str], Row] = lambda identity: {},
    ) -> None:
        super().__init__()
        self._calls = calls
        self._disk = disk
        self._dataset = directory / "dataset.jsonl"
        self.tally: Counter[tuple[str, str, int]] = Counter()
        self.spent: dict[tuple[str, str], list[int]] = {}
        self._selected = IdSet()
        self._repeats = 0
        try:
            # Synced before the rows of its instructions.
            decoded = self._files[DECODED] = LinesFile(directory / f"{DECODED}.jsonl", disk)
            for name in OUTCOMES:
                self._files[name] = LinesFile(directory / f"{name}.jsonl", disk)
            for name in _AS_READ:
                for row in self._files[name].recover():
                    self._doubled += not self._count(name, row)
            self.units = UnitBook(decoded.recover(), decoded.append, self.__contains__)
        except BaseException:
            self.close()
            raise

    def is_selected(self, identity: str) -> bool:
        """Whether it is on record as selected."""
        return identity in self._selected and identity not in self.units.repeats

    def write(self, outcome: object) -> None:
        """Append the row of ``outcome``, unless its id is on record."""
        name, row = _row(outcome)
        row |= self._calls(row["id"])
        if row["id"] not in self._ids:
            self._files[name].append(row)
            self._count(name, row)

    def settle(self) -> None:
        """Discard what turned out to be a near-duplicate after it had another outcome. Raises UsageError."""
        repeats = self.units.repeats
        any_late = self._repeats != len(repeats) or self._doubled > 0
        if len(repeats):
            for name, row in settle(self._files, repeats, any_late=any_late):
                self._tally(name, row, -1)
                self._tally("discarded", row, 1)

    def write_dataset(self, chosen: Container[str] | None = None) -> Path:
        """Write ``dataset.jsonl``: the selected rows, each id once, sorted by id; whole or not at all.

        Only those that are ``chosen``, unless all are.
        """
        with self._files["selected"].path.open("rb") as file:

            def lines() -> Iterator[bytes]:
                latest = None
                for identity, offset in self._sorted_places():
                    if identity != latest and (chosen is None or identity in chosen):
                        latest = identity
                        file.seek(offset)
                        yield file.readline()

            replace_file(self._dataset, lines(), self._disk)
        return self._dataset

    def _sorted_places(self) -> Iterator[tuple[str, int]]:
        """By id, of equal ones the first on file first; in parts, for nothing else runs while Python sorts."""
        parts: dict[str, list[tuple[str, int]]] = {}
        for identity, offset in self._places():
            parts.setdefault(identity[:SORTED_BY], []).append((identity, offset))
        for start in sorted(parts):
            yield from sorted(parts.pop(start))

    def _places(self) -> Iterator[tuple[str, int]]:
        with self._files["selected"].path.open("rb") as file:
            offset = 0
            for row, line in zip(self._files["selected"].rows(), file, strict=True):
                yield row["id"], offset
                offset += len(line)

    def _count(self, name: str, row: Row) -> bool:
        """Count ``row``; False where its id is on record."""
        is_new = self._ids.add(row["id"])
        if is_new:
            if name == "selected":
                self._selected.add(row["id"])
            self._repeats += name == "discarded" and "repeats" in row
            self._tally(name, row, 1)
        return is_new

    def _tally(self, name: str, row: Row, number: int) -> None:
        kind = str(row.get("stage") or row.get("responder") or "")
        iteration = row.get("iteration")
        key = name, kind, iteration if type(iteration) is int else 0
        self.tally[key] += number
        if not self.tally[key]:
            del self.tally[key]
        if name != "failed" or kind in INSTRUCTION_STAGES:
            self._count_tokens(name, row, number)

    def _count_tokens(self, name: str, row: Row, number: int) -> None:
        try:
            self._add(name, row.get("calls", ()), number)
            if redraws := row.get("redraws"):
                self._add(name, redraws, -number)
                self._add("redrawn", redraws, number)
        except (TypeError, ValueError):
            return  # a file is what somebody made of it: this is no reason not to go on

    def _add(self, name: str, calls: list[list[Any]], sign: int) -> None:
        for _, model, _, given, made in calls:
            tokens = self.spent.get((name, model))
            if tokens is None:
                tokens = self.spent[name, model] = [0, 0]
            tokens[0] += sign * (given or 0)
            tokens[1] += sign * (made or 0)

    def counts(self) -> dict[str, Any]:
        """Outcomes so far: instructions by fate, selections by iteration and winner, failures by stage."""
        fates: Counter[str] = Counter()
        by_iteration: Counter[int] = Counter()
        by_responder: Counter[str] = Counter()
        by_stage: Counter[str] = Counter()
        for (name, kind, iteration), number in self.tally.items():
            if name == "failed":
                by_stage[kind] += number
                fates["failed"] += number if kind in INSTRUCTION_STAGES else 0
            else:
                fates[name] += number
            if name == "selected":
                by_iteration[iteration] += number
                by_responder[kind] += number
        return {
            "selected": fates["selected"],
            "discarded": fates["discarded"],
            "failed": fates["failed"],
            "selected_by_iteration": {str(key): by_iteration[key] for key in sorted(by_iteration)},
            "selected_by_responder": dict(sorted(by_responder.items())),
            "failed_by_stage": dict(sorted(by_stage.items())),
        }


def _row(outcome: object) -> tuple[str, Row]:
    match outcome:
        case Example():
            return "selected", example_row(outcome)
        case Rejection():
            return "discarded", rejection_row(outcome)
        case Dropped():
            return "discarded", dropped_row(outcome)
        case Failed(_, stage, Declined()) if stage in INSTRUCTION_STAGES:
            return "discarded", declined_row(outcome)
        case Failed():
            return "failed", failure_row(outcome)
    raise TypeError(f"{type(outcome).__name__} is no outcome")
