"""How long calls take: counted in buckets that grow by 9 %, so that any percentile is right within 5 %."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import exp2, log2

__all__ = ["Latencies", "LatencyCounts"]

BUCKETS_A_DOUBLING = 8
UNIT_S = 0.01
DOUBLINGS_BELOW, DOUBLINGS_ABOVE = 7, 17  # of the unit: from 78 us to 22 minutes
BUCKETS = (DOUBLINGS_BELOW + DOUBLINGS_ABOVE) * BUCKETS_A_DOUBLING
LEAST_S = UNIT_S * 2.0**-DOUBLINGS_BELOW
SHIFT = DOUBLINGS_BELOW * BUCKETS_A_DOUBLING - BUCKETS_A_DOUBLING * log2(UNIT_S)


@dataclass(frozen=True, slots=True)
class LatencyCounts:
    """How many calls took how long. Two of them subtracted are what lies between."""

    counts: tuple[int, ...] = ()
    total_s: float = 0.0

    def __sub__(self, earlier: LatencyCounts) -> LatencyCounts:
        if not earlier.counts:
            return self
        pairs = zip(self.counts, earlier.counts, strict=True)
        return LatencyCounts(
            tuple(one - other for one, other in pairs), self.total_s - earlier.total_s
        )

    @property
    def calls(self) -> int:
        """How many calls there are."""
        return sum(self.counts)

    def percentile(self, share: float) -> float | None:
        """Seconds that this share (0 to 1) of the calls did not exceed; None where there are no calls."""
        rank = max(1.0, share * self.calls)
        below = 0
        for index, count in enumerate(self.counts):
            below += count
            if count and below >= rank:
                return LEAST_S * exp2((index + 0.5) / BUCKETS_A_DOUBLING)
        return None

    def up_to_doublings(self) -> Sequence[tuple[float, int]]:
        """For 10 ms, 20 ms, 40 ms ...: how many calls took no longer."""
        step, below, found = BUCKETS_A_DOUBLING, 0, []
        for end in range(step, len(self.counts) + 1, step):
            below += sum(self.counts[end - step : end])
            if end >= DOUBLINGS_BELOW * step:
                found.append((UNIT_S * 2.0 ** (end // step - DOUBLINGS_BELOW), below))
        return found


class Latencies:
    """Counts calls as they end, at constant cost and in constant room."""

    def __init__(self) -> None:
        self._counts = [0] * BUCKETS
        self._total_s = 0.0

    def add(self, seconds: float) -> None:
        """Count a call that took so long."""
        self._total_s += seconds
        index = int(log2(seconds) * BUCKETS_A_DOUBLING + SHIFT) if seconds > LEAST_S else 0
        self._counts[index if index < BUCKETS else BUCKETS - 1] += 1

    def counts(self) -> LatencyCounts:
        """The counts of this moment."""
        return LatencyCounts(tuple(self._counts), self._total_s)
