"""Contrastive Filtering: keep what the two models differ on most (section 3.4 of the paper). No model is asked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from codeclm.records import Again, Comparison, Example, Rejection, Verdict

__all__ = ["TARGET_WINS_BUT", "WITHIN", "Filter"]

TARGET_WINS_BUT = "the target response wins but"
"""How the reason begins where nothing can be learnt from the winner."""

WITHIN = "gap within"
"""How the reason begins where the iterations were used up and no gap exceeded theta."""


@dataclass(frozen=True, slots=True)
class Filter:
    """Verdict -> Example where the gap exceeds ``theta``, else Again, after ``iterations`` Rejection.

    The winner responds: strong above theta, target below -theta. The basic instruction is iteration 1.
    """

    theta: float
    iterations: int

    async def __call__(self, verdict: Verdict) -> Sequence[Example | Again | Rejection]:
        return [self.decide(verdict)]

    def decide(self, verdict: Verdict) -> Example | Again | Rejection:
        """What becomes of ``verdict``."""
        comparison, gap = verdict.comparison, verdict.gap
        if gap > self.theta:
            return Example(comparison, "strong", verdict)
        if gap < -self.theta:
            flaw = _flaw_of_target(comparison)
            if flaw:
                return Rejection(verdict, f"{TARGET_WINS_BUT} {flaw}")
            return Example(comparison, "target", verdict)
        if comparison.draft.iteration < self.iterations:
            return Again(comparison.draft, verdict)
        return Rejection(verdict, f"{WITHIN} {self.theta:g} after {self.iterations} iterations")


def _flaw_of_target(comparison: Comparison) -> str:
    """Why nothing can be learnt from the target's response; "" where something can."""
    if comparison.target_cut_off:
        return "was cut off"
    if comparison.target_refused:
        return "is a refusal"
    return "" if (comparison.target or "").strip() else "is empty"
