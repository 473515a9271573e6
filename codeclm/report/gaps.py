"""The gaps of all comparisons, in bins that begin at 0 and leave theta in none's middle where that can be."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Gaps", "Step"]

STEPS_EACH_WAY = 18


@dataclass(frozen=True, slots=True)
class Step:
    """A bin: gaps up to ``end``, seen from 0; how many are below -theta, within theta, above theta."""

    end: float
    target_wins: int
    within: int
    strong_wins: int


class Gaps:
    """Scores go from 1 to ``scale``, so a gap is at most ``scale`` - 1."""

    def __init__(self, theta: float, scale: int) -> None:
        self.theta = theta
        self._width = (scale - 1) / STEPS_EACH_WAY
        self._counts: Counter[tuple[int, int]] = Counter()

    def add(self, gap: float) -> None:
        """Count a comparison."""
        side = (gap > self.theta) - (gap < -self.theta)
        # Exact ties have a bin of their own; 1e-9 keeps 0.3 / 0.1 in the third.
        steps = min(STEPS_EACH_WAY, math.ceil(abs(gap) / self._width - 1e-9))
        self._counts[int(math.copysign(steps, gap)), side] += 1

    @property
    def number(self) -> int:
        """All comparisons."""
        return self._counts.total()

    def steps(self) -> Iterator[Step]:
        """Every bin, from the lowest gap to the highest."""
        for place in range(-STEPS_EACH_WAY, STEPS_EACH_WAY + 1):
            below, within, above = (self._counts[place, side] for side in (-1, 0, 1))
            yield Step(round(place * self._width, 3), below, within, above)
