"""Wins, ties and losses of a candidate against a reference, and its Capacity Recovery Ratio."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

__all__ = ["OUTCOMES", "Outcome", "Scores", "Tally", "outcome_of", "tally_of"]

Outcome = Literal["win", "tie", "loss"]
OUTCOMES: tuple[Outcome, ...] = ("win", "tie", "loss")

Scores = tuple[float, float]
"""The candidate's score and the reference's, from one judgement."""


def outcome_of(candidate_first: Scores, reference_first: Scores) -> Outcome:
    """A win where the candidate is rated higher in both orders, a loss where it is rated lower in both, else a tie."""
    signs = {_sign(candidate_first), _sign(reference_first)}
    if signs == {1}:
        return "win"
    return "loss" if signs == {-1} else "tie"


@dataclass(frozen=True, slots=True)
class Tally:
    """How often a candidate won, tied and lost."""

    wins: int = 0
    ties: int = 0
    losses: int = 0

    @property
    def total(self) -> int:
        """All that was judged."""
        return self.wins + self.ties + self.losses

    @property
    def recovered(self) -> int:
        """On how many the candidate was at least as good as the reference."""
        return self.wins + self.ties

    @property
    def crr(self) -> float | None:
        """(wins + ties) / total in percent; None where nothing was judged."""
        return 100 * self.recovered / self.total if self.total else None


def tally_of(outcomes: Iterable[Outcome]) -> Tally:
    """Count ``outcomes``."""
    counts = dict.fromkeys(OUTCOMES, 0)
    for outcome in outcomes:
        counts[outcome] += 1
    return Tally(*counts.values())


def _sign(scores: Scores) -> int:
    candidate, reference = scores
    return (candidate > reference) - (candidate < reference)
