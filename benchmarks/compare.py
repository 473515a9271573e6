"""Two results of one benchmark side by side: a real difference, or noise?"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby
from statistics import NormalDist, median

from benchmarks.repeats import resampled
from benchmarks.result import Result, Row

__all__ = ["Change", "compared", "differences", "p_value"]

TIMES = {"calls/s", "s", "ms", "ms a call", "us a call"}
TAIL = 0.025
SIGNIFICANT = 0.05
EXACT_UP_TO = 20  # values in all: above that the normal approximation is good


@dataclass(frozen=True, slots=True)
class Change:
    """One figure before and after; ``ratio`` of the medians with its 95 % interval by bootstrap."""

    row: Row
    before: float
    after: float
    low: float
    high: float
    p: float

    @property
    def ratio(self) -> float:
        return self.after / self.before if self.before else math.nan

    @property
    def verdict(self) -> str:
        """Faster or slower (better or worse, for what is no time), or that there is no difference.

        The latter where the interval holds 1, or the ranks say nothing.
        """
        if self.p > SIGNIFICANT or not (self.low > 1 or self.high < 1):
            return "no difference"
        good, bad = ("faster", "slower") if self.row.unit in TIMES else ("better", "worse")
        return good if (self.low > 1) == self.row.more_is_better else bad


def compared(before: Result, after: Result) -> list[Change]:
    """What both hold. Raises ValueError where they are not of one benchmark."""
    if before.benchmark != after.benchmark:
        raise ValueError(f"{before.benchmark} cannot be compared with {after.benchmark}")
    if before.schema != after.schema:
        raise ValueError(f"schema {before.schema} cannot be compared with schema {after.schema}")
    known = {row.key: row for row in before.rows}
    return [_change(known[row.key], row) for row in after.rows if row.key in known]


def differences(before: Result, after: Result) -> list[str]:
    """What else differs between the two, a line each: it may be what the difference comes from."""
    found = []
    for name in ("machine", "versions", "settings"):
        old, new = getattr(before, name), getattr(after, name)
        found += [
            f"{name}: {key} was {old.get(key)}, is {new.get(key)}"
            for key in sorted({*old, *new})
            if old.get(key) != new.get(key)
        ]
    keys = {row.key for row in before.rows} ^ {row.key for row in after.rows}
    return [*found, *([f"{len(keys)} figures are in one of them only"] if keys else [])]


def p_value(one: Sequence[float], other: Sequence[float]) -> float:
    """Of the two-sided Mann-Whitney test: how likely ranks so far apart are where there is no difference."""
    ranks = _ranks([*one, *other])
    n, m = len(one), len(other)
    u = sum(ranks[:n]) - n * (n + 1) / 2
    off = abs(u - n * m / 2)
    if n + m <= EXACT_UP_TO and len({*ranks}) == n + m:
        counts = _counts(n, m)
        extreme = sum(count for value, count in enumerate(counts) if abs(value - n * m / 2) >= off)
        return extreme / sum(counts)
    ties = sum(size**3 - size for size in (len([*same]) for _, same in groupby(sorted(ranks))))
    variance = n * m / 12 * ((n + m + 1) - ties / ((n + m) * (n + m - 1)))
    if variance <= 0:
        return 1.0
    return min(1.0, 2 * (1 - NormalDist().cdf(max(0.0, off - 0.5) / math.sqrt(variance))))


def _change(before: Row, after: Row) -> Change:
    old, new = median(before.values), median(after.values)
    ordered = resampled(
        lambda draw: _ratio(median(draw(after.values)), median(draw(before.values)))
    )
    cut = int(TAIL * len(ordered))
    p = p_value(before.values, after.values)
    return Change(after, old, new, ordered[cut], ordered[-1 - cut], p)


def _ratio(after: float, before: float) -> float:
    if before:
        return after / before
    return math.inf if after else 1.0


def _ranks(values: Sequence[float]) -> list[float]:
    """From 1; equal values share the mean of theirs."""
    order = sorted(range(len(values)), key=values.__getitem__)
    ranks = [0.0] * len(values)
    place = 1
    for _, same in groupby(order, key=values.__getitem__):
        members = [*same]
        for index in members:
            ranks[index] = place + (len(members) - 1) / 2
        place += len(members)
    return ranks


def _counts(n: int, m: int) -> list[int]:
    """In how many orders of ``n`` and ``m`` values each U comes about."""
    rows = [[1] for _ in range(m + 1)]  # for no value of the first kind
    for _ in range(n):
        new = [[1]]
        for j in range(1, m + 1):
            # The last of all is of the first kind (beats all j of the second), or of the second.
            with_first = [0] * j + rows[j]
            with_second = new[j - 1]
            size = max(len(with_first), len(with_second))
            new.append(
                [
                    (with_first[k] if k < len(with_first) else 0)
                    + (with_second[k] if k < len(with_second) else 0)
                    for k in range(size)
                ]
            )
        rows = new
    return rows[m]
