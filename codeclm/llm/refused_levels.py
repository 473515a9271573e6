"""Whether calls are refused because too many are in flight: only then are those that start at high levels refused."""

from __future__ import annotations

import math
from collections import Counter

__all__ = ["RefusedLevels"]

CLEAR = 0.6
SURE = 1.6  # of J for so many calls (Kolmogorov-Smirnov): refusals at random reach it once in 150 times
ENOUGH = 5
MANY, MOST = 20, 0.7  # refusals at random are hardly ever so many, and such a share of all
REMEMBERED = 10.0


class RefusedLevels:
    """At which levels of calls in flight (the new one included) calls were taken, and at which refused.

    A limit on calls in flight parts the two: J (Youden's index) is 1 at the limit. Refusals that have another
    reason come at the same levels as acceptances, and J is near 0 everywhere.
    """

    def __init__(self) -> None:
        self._taken: Counter[int] = Counter()
        self._refused: Counter[int] = Counter()
        self._starts = self._refusals = 0  # since the last fading

    def take(self, level: int) -> None:
        """Take in that a call started at ``level``; it counts as taken until it is refused."""
        self._taken[level] += 1
        self._starts += 1

    def refuse(self, level: int) -> None:
        """Take in that a call that started at ``level`` was refused."""
        self._taken[level] -= 1
        self._refused[level] += 1
        self._refusals += 1

    def tell(self) -> bool:
        """Whether it is calls in flight that the endpoint objects to."""
        taken, refused = max(1, self._taken.total()), self._refused.total()
        if refused < ENOUGH:
            return False
        if self._refusals >= max(MANY, MOST * self._starts):
            return True
        best = taken_above = refused_above = 0.0
        for level in sorted({*self._taken, *self._refused}, reverse=True):
            taken_above += self._taken[level]
            refused_above += self._refused[level]
            best = max(best, refused_above / refused - taken_above / taken)
        return best >= max(CLEAR, SURE * math.sqrt(1 / taken + 1 / refused))

    def fade(self) -> None:
        """Let what was seen so far weigh no more than a few calls."""
        self._starts = self._refusals = 0
        self._taken = _faded(self._taken)
        self._refused = _faded(self._refused)


def _faded(counts: Counter[int]) -> Counter[int]:
    total = counts.total()
    if total <= REMEMBERED:
        return counts
    faded = {level: count * REMEMBERED / total for level, count in counts.items()}
    return Counter({level: count for level, count in faded.items() if count > 0.01})
