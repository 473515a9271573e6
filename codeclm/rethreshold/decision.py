"""What becomes of an instruction at another theta, by what is on record of it: plain rules, no calls, no guesses."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from codeclm.judgements import Judgement, judgements
from codeclm.records import Responder
from codeclm.stages.filter import TARGET_WINS_BUT, WITHIN

__all__ = ["BOTH", "FATES", "Decision", "Fate", "Rule", "Subject", "subject_of"]

Fate = Literal["selected", "discarded", "failed", "undetermined"]
FATES: tuple[Fate, ...] = ("selected", "discarded", "failed", "undetermined")
BOTH: frozenset[Responder] = frozenset({"strong", "target"})

GONE_ON = "it would have gone on to an iteration that was never made"
NOT_KEPT = "the responses of that iteration are not on record"
NO_SCORES = "the scores of its earlier iterations are not on record"
OTHER_WINNER = "the {winner} response wins, and is not wanted"


@dataclass(frozen=True, slots=True)
class Subject:
    """An instruction with all its comparisons.

    ``last`` is what became of it in the run; ``barred`` is why its last comparison was not selected whatever its gap,
    "" where theta decided.
    """

    row: dict[str, Any]
    comparisons: tuple[Judgement, ...]
    last: Fate
    barred: str = ""
    is_whole: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """The new fate, the comparison that is taken where that is "selected", the reason where it is not."""

    fate: Fate
    taken: Judgement | None = None
    reason: str = ""


def subject_of(name: Fate, row: dict[str, Any]) -> Subject | None:
    """The instruction in a row of the file ``name``; None for a seed, a pair or a unit that failed."""
    if "instruction" not in row:
        return None
    comparisons = tuple(judgements(row))
    reason = str(row.get("reason") or "")
    barred = "" if name == "selected" or reason.startswith(WITHIN) else reason
    expected = int(row.get("iteration") or 1) - (row.get("gap") is None)
    return Subject(row, comparisons, name, barred, len(comparisons) >= expected)


@dataclass(frozen=True, slots=True)
class Rule:
    """The filter of the method, applied to what is on record: the first gap beyond ``theta`` decides.

    ``iterations`` is how many comparisons the run made at the most. A larger theta than the run's would have sent
    some instructions on: what would have become of them is undetermined.
    """

    theta: float
    iterations: int
    winners: Collection[Responder] = BOTH

    def decide(self, subject: Subject) -> Decision:
        """What becomes of ``subject``."""
        if "repeats" in subject.row:  # a repeat is dropped as a whole, before any theta
            return Decision(subject.last, reason=subject.barred)
        if not subject.is_whole:
            return Decision("undetermined", reason=NO_SCORES)
        for one in subject.comparisons:
            if abs(one.gap) > self.theta:
                return self._beyond(one, subject)
        return self._within(subject)

    def _beyond(self, one: Judgement, subject: Subject) -> Decision:
        is_last = one is subject.comparisons[-1] and subject.row.get("gap") is not None
        if is_last and subject.barred:
            return Decision(subject.last, reason=subject.barred)
        if one.responses is None:
            return Decision("undetermined", reason=NOT_KEPT)
        if one.flaw:
            return Decision("discarded", reason=f"{TARGET_WINS_BUT} {one.flaw}")
        if one.winner not in self.winners:
            return Decision("discarded", reason=OTHER_WINNER.format(winner=one.winner))
        return Decision("selected", one)

    def _within(self, subject: Subject) -> Decision:
        row = subject.row
        if row.get("gap") is None:  # declined or failed on its way, which no theta changes
            return Decision(subject.last, reason=subject.barred)
        if subject.barred and not subject.barred.startswith(TARGET_WINS_BUT):
            return Decision(subject.last, reason=subject.barred)
        if int(row["iteration"]) < self.iterations:
            return Decision("undetermined", reason=GONE_ON)
        reason = f"{WITHIN} {self.theta:g} after {self.iterations} iterations"
        return Decision("discarded", reason=reason)
