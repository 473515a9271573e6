"""What of a run is exported: its examples, or the preferences that its judge has stated."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from codeclm.archive import RunArchive
from codeclm.judgements import Judgement, judgements
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
                reason = REPEATED if "repeats" in row else self._why_not(one)
                if reason or one.responses is None:
                    self.left_out[reason] += 1
                else:
                    yield _preference(row["id"], one, one.responses)

    def _why_not(self, one: Judgement) -> str:
        """Why a comparison is no preference; "" where it is one."""
        if abs(one.gap) <= self.min_gap:
            return GAP_TOO_SMALL
        if self.only not in {None, one.winner}:
            return OTHER_WINNER
        if one.responses is None:
            return NOT_KEPT
        if one.flaw:
            return FLAWED
        return ALIKE if one.responses["strong"] == one.responses["target"] else ""


def _preference(identity: str, one: Judgement, responses: Mapping[Responder, str]) -> Preference:
    worse: Responder = "strong" if one.winner == "target" else "target"
    return Preference(
        identity,
        one.iteration,
        one.instruction,
        responses[one.winner],
        responses[worse],
        one.winner,
        one.gap,
    )
