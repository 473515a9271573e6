"""What of a run is exported: its examples, or the preferences that its judge has stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from codeclm.archive import RunArchive
from codeclm.judgements import judgements
from codeclm.records import Responder

__all__ = ["Chosen", "Example", "Preference"]

NO_GAP = "no gap is on record"
GAP_TOO_SMALL = "the gap is not above --min-gap"
OTHER_WINNER = "the other model's win"
NOT_KEPT = "the responses of that iteration are not on record"
FLAWED = "the better response was cut off, a refusal or empty"
REPEATED = "of an instruction that repeats another"
ALIKE = "both responses are the same"


@dataclass(frozen=True, slots=True)
class Example:
    """A selected pair: its row of the run."""

    row: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preference:
    """A better and a worse response to one instruction. ``id`` is that of the instruction it began as."""

    id: str
    iteration: int
    instruction: str
    chosen: str
    rejected: str
    winner: Responder
    gap: float


@dataclass(slots=True)
class Chosen:
    """Reads a run; ``left_out`` counts, by reason, what was not taken so far.

    ``only`` takes the wins of one model. ``min_gap`` is what a gap must exceed.
    """

    archive: RunArchive
    only: Responder | None = None
    min_gap: float = 0.0
    left_out: Counter[str] = field(default_factory=Counter)

    def examples(self) -> Iterator[Example]:
        """The selected pairs."""
        for row in self.archive.selected():
            gap = row.get("gap")
            if self.only not in {None, row["responder"]}:
                self.left_out[OTHER_WINNER] += 1
            elif self.min_gap and gap is None:
                self.left_out[NO_GAP] += 1
            elif gap is not None and abs(gap) <= self.min_gap:
                self.left_out[GAP_TOO_SMALL] += 1
            else:
                yield Example(row)

    def preferences(self) -> Iterator[Preference]:
        """Each comparison that was made, whatever became of its instruction."""
        archive = self.archive
        for row in chain(archive.selected(), archive.discarded(), archive.failed()):
            for one in judgements(row) if "instruction" in row else ():
                reason = ""
                if "repeats" in row:
                    reason = REPEATED
                elif abs(one.gap) <= self.min_gap:
                    reason = GAP_TOO_SMALL
                elif self.only not in {None, one.winner}:
                    reason = OTHER_WINNER
                elif one.responses is None:
                    reason = NOT_KEPT
                elif one.flaw:
                    reason = FLAWED
                elif one.responses["strong"] == one.responses["target"]:
                    reason = ALIKE
                if reason or one.responses is None:
                    self.left_out[reason] += 1
                    continue
                worse: Responder = "strong" if one.winner == "target" else "target"
                chosen, rejected = one.responses[one.winner], one.responses[worse]
                yield Preference(
                    row["id"],
                    one.iteration,
                    one.instruction,
                    chosen,
                    rejected,
                    one.winner,
                    one.gap,
                )
