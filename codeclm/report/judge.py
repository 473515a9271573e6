"""How far the judge can be relied on: what it says when the two responses change places."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import dataclass

from codeclm.report.lineage import Round

__all__ = ["JudgeFigures", "Noise"]

INTERVAL = 1.96
"""Standard deviations within which 95 % of a normal distribution lie."""
FEWEST = 20
"""Comparisons from which a noise can be told."""


@dataclass(frozen=True, slots=True)
class Noise:
    """``spread`` is the standard deviation of the difference between the two orders' gaps.

    A gap is the mean of the two, so its own error is half of that.
    """

    spread: float

    @property
    def of_a_gap(self) -> float:
        """The standard error of a gap."""
        return self.spread / 2

    @property
    def reach(self) -> float:
        """95 % of the gaps of equally good responses are within this."""
        return INTERVAL * self.of_a_gap

    def chance(self, theta: float) -> float:
        """How often a gap exceeds theta where the responses are equally good."""
        if not self.spread:
            return 0.0
        return math.erfc(theta / (self.of_a_gap * math.sqrt(2)))


class JudgeFigures:
    """Counts of comparisons; bounded, whatever the number of rows."""

    def __init__(self) -> None:
        self.comparisons = self.ties = 0
        self.both_orders = self.flips = 0
        self.scores: dict[str, Counter[int]] = {"strong": Counter(), "target": Counter()}
        self._sum = self._squares = 0.0

    def add(self, one: Round) -> None:
        """Count the comparison of this round, if there was one."""
        if not (one.strong_scores and one.target_scores):
            return
        self.comparisons += 1
        self.ties += one.gap == 0
        for party, scores in (("strong", one.strong_scores), ("target", one.target_scores)):
            for score in scores:
                self.scores[party][round(score)] += 1
        if len(one.strong_scores) == len(one.target_scores) == 2:
            self._add_orders(
                one.strong_scores[0] - one.target_scores[0],
                one.strong_scores[1] - one.target_scores[1],
            )

    @property
    def position_effect(self) -> float | None:
        """By how much the response that is shown first is rated higher, on average."""
        return self._sum / self.both_orders / 2 if self.both_orders else None

    @property
    def noise(self) -> Noise | None:
        """None where too few comparisons were judged in both orders."""
        number = self.both_orders
        if number < FEWEST:
            return None
        variance = (self._squares - self._sum**2 / number) / (number - 1)
        return Noise(math.sqrt(max(0.0, variance)))

    def _add_orders(self, strong_first: float, target_first: float) -> None:
        """The gaps of both orders. A preference for a place is their mean difference, noise its spread."""
        self.both_orders += 1
        self.flips += strong_first * target_first < 0
        difference = strong_first - target_first
        self._sum += difference
        self._squares += difference * difference
