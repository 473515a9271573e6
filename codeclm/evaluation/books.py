"""Where judgements go: append-only files while evaluating, sorted rows and the results at the end."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Container, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from codeclm.disk import REAL, Disk, replace_file, replace_json
from codeclm.engine.stage import Failed
from codeclm.evaluation.crr import Tally
from codeclm.evaluation.records import Judged, Match, Responses, TestItem
from codeclm.evaluation.results import results_of
from codeclm.lines import LinesFile, Row, each_once
from codeclm.row_books import RowBooks

__all__ = ["JudgementBooks"]

FATES = {"win": "wins", "tie": "ties", "loss": "losses"}


class JudgementBooks(RowBooks):
    """Records each match once, in ``directory``; knows what is on record from earlier sessions.

    ``items`` and ``candidates`` are those of the results, which say of themselves what is in ``about``.
    """

    things = "comparisons"
    fates = ("wins", "ties", "losses", "failed")
    tally: Mapping[tuple[str, str, int], int] = {}
    spent: Mapping[tuple[str, str], Sequence[int]] = {}

    def __init__(
        self,
        directory: Path,
        items: Sequence[TestItem],
        candidates: Sequence[str],
        about: Mapping[str, Any],
        disk: Disk = REAL,
    ) -> None:
        super().__init__()
        self._disk = disk
        self._directory = directory
        self._items = items
        self._candidates = candidates
        self._about = about
        self._tally: Counter[tuple[str, str]] = Counter()  # by candidate and fate
        self._by_stage: Counter[str] = Counter()
        try:
            for name in ("judged", "failed"):
                file = self._files[name] = LinesFile(directory / f"{name}.jsonl", disk)
                for row in file.recover():
                    self._doubled += not self._count(row)
        except BaseException:
            self.close()
            raise

    def write(self, outcome: object) -> None:
        """Append the row of ``outcome``, unless its id is on record."""
        name, row = _row(outcome)
        if row["id"] not in self._ids:
            self._files[name].append(row)
            self._count(row)

    def settle(self) -> None:
        """Nothing has to change at the end."""

    def write_dataset(self, chosen: Container[str] | None = None) -> Path:
        """Write ``judgements.jsonl``, sorted by item and candidate, and ``results.json``; whole or not at all."""
        rows = self._sorted_rows()
        failed = Counter(row["candidate"] for row in self._unique("failed"))
        results = {**self._about, **results_of(rows, self._candidates, failed)}
        lines = (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows)
        replace_file(self._directory / "judgements.jsonl", lines, self._disk)
        path = self._directory / "results.json"
        replace_json(path, results, self._disk)
        return path

    def counts(self) -> dict[str, Any]:
        """Outcomes so far: over all candidates, by candidate, failures by stage."""
        whole = {
            fate: sum(self._tally[name, fate] for name in self._candidates) for fate in self.fates
        }
        return {
            **whole,
            "candidates": [*map(self._so_far, self._candidates)],
            "failed_by_stage": dict(self._by_stage),
        }

    def _so_far(self, name: str) -> dict[str, Any]:
        counts = {fate: self._tally[name, fate] for fate in self.fates}
        tally = Tally(counts["wins"], counts["ties"], counts["losses"])
        return {"name": name, **counts, "crr": None if tally.crr is None else round(tally.crr, 2)}

    def _sorted_rows(self) -> list[Row]:
        """The rows of the results, with the categories that the test set has now."""
        categories = {item.number: item.category for item in self._items}
        order = {name: place for place, name in enumerate(self._candidates)}
        rows = [row for row in self._unique("judged") if row["candidate"] in order]
        rows.sort(key=lambda row: (row["number"], order[row["candidate"]]))
        return [{**row, "category": categories[row["number"]]} for row in rows]

    def _unique(self, name: str) -> Iterator[Row]:
        return each_once(self._files[name].rows())

    def _count(self, row: Row) -> bool:
        """Count ``row``; False where its id is on record."""
        is_new = self._ids.add(row["id"])
        if is_new:
            fate = FATES.get(row.get("outcome", ""), "failed")
            self._tally[str(row.get("candidate")), fate] += 1
            if fate == "failed":
                self._by_stage[str(row.get("stage"))] += 1
        return is_new


def _row(outcome: object) -> tuple[str, Row]:
    match outcome:
        case Judged():
            return "judged", _judged_row(outcome)
        case Failed(item, stage, error):
            row = {
                **_match_row(item.match if isinstance(item, Responses) else item),
                "stage": stage,
                "reason": f"{type(error).__name__}: {error}",
                "raw": error.raw,
            }
            return "failed", row
    raise TypeError(f"{type(outcome).__name__} is no outcome")


def _judged_row(judged: Judged) -> Row:
    """A judged match; scores and explanations are of the order with the candidate first, then of the other one."""
    responses, (one, other) = judged.responses, judged.scores
    return {
        **_match_row(responses.match),
        "outcome": judged.outcome,
        "scores": {"candidate": [one[0], other[0]], "reference": [one[1], other[1]]},
        "candidate_response": responses.candidate,
        "reference_response": responses.reference,
        "explanations": [judged.candidate_first.explanation, judged.reference_first.explanation],
        "cut_off": {
            "candidate": responses.candidate_cut_off,
            "reference": responses.reference_cut_off,
        },
    }


def _match_row(match: object) -> Row:
    assert isinstance(match, Match)
    item = match.item
    return {
        "id": match.id,
        "number": item.number,
        "item": item.id,
        "candidate": match.candidate,
        "category": item.category,
        "instruction": item.instruction,
    }
