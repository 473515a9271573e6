"""How sure a figure is: bootstrap intervals and paired tests, all computed exactly.

Resampling n items of which r count draws a binomial number of those that count; two candidates on the same items, a
binomial number of items on which they differ, split by another one. So what a bootstrap converges to with ever more
resamples is known, and is used itself: it needs no seed and is the same to the last bit each time.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Sequence

__all__ = ["LEVEL", "bootstrap_difference", "bootstrap_share", "permutation_test", "sign_test"]

LEVEL = 0.95
"""Of all intervals."""

INTERVAL_REACH, TEST_REACH = 6.0, 14.0
"""Standard deviations beyond which no interval, and no p-value, changes."""

Chances = list[tuple[int, float]]
"""Values, rising, and how probable each is."""


def bootstrap_share(count: int, total: int) -> tuple[float, float]:
    """The percentile interval of ``count / total`` over resamples of the items. ``total`` is at least 1."""
    low, high = _interval(_binomial(total, count / total, INTERVAL_REACH))
    return low / total, high / total


def bootstrap_difference(more: int, less: int, total: int) -> tuple[float, float]:
    """The percentile interval of the difference of two shares over resamples of the items that both are taken on.

    One counts on ``more`` items on which the other does not, the other on ``less``; of ``total`` items.
    """
    differing = more + less
    chances: defaultdict[int, float] = defaultdict(float)
    for drawn, chance in _binomial(total, differing / total, INTERVAL_REACH):
        for up, share in _binomial(drawn, more / max(1, differing), INTERVAL_REACH):
            chances[2 * up - drawn] += chance * share
    low, high = _interval(sorted(chances.items()))
    return low / total, high / total


def sign_test(more: int, less: int) -> float:
    """The two-sided exact p-value of ``more`` against ``less`` where each is as likely (McNemar's test)."""
    return _two_sided(
        [(2 * up - more - less, c) for up, c in _binomial(more + less, 0.5, TEST_REACH)],
        more - less,
    )


def permutation_test(differences: Iterable[int]) -> float:
    """The two-sided exact p-value of the sum of paired ``differences`` (-2 to 2) where each sign is as likely."""
    values = [value for value in differences if value]
    single = sum(abs(value) == 1 for value in values)
    double = len(values) - single
    sums: defaultdict[int, float] = defaultdict(float)
    for ones, chance in _binomial(single, 0.5, TEST_REACH):
        for twos, share in _binomial(double, 0.5, TEST_REACH):
            sums[2 * ones - single + 2 * (2 * twos - double)] += chance * share
    return _two_sided([*sums.items()], sum(values))


def _two_sided(chances: Sequence[tuple[int, float]], observed: int) -> float:
    return min(1.0, math.fsum(chance for value, chance in chances if abs(value) >= abs(observed)))


def _interval(chances: Sequence[tuple[int, float]]) -> tuple[int, int]:
    """The values between which ``LEVEL`` lies, as much being cut off at either end."""
    outside = (1 - LEVEL) / 2
    return _reached(chances, outside), _reached([*reversed(chances)], outside)


def _reached(chances: Sequence[tuple[int, float]], share: float) -> int:
    passed = 0.0
    for value, chance in chances:
        passed += chance
        if passed > share + 1e-12:
            return value
    return chances[-1][0]


def _binomial(trials: int, chance: float, reach: float) -> Chances:
    """The binomial distribution within ``reach`` standard deviations; whole where there are few trials."""
    if not trials or chance in (0.0, 1.0):
        return [(round(trials * chance), 1.0)]
    middle = trials * chance
    width = reach * math.sqrt(middle * (1 - chance)) + 20
    values = range(max(0, int(middle - width)), min(trials, int(middle + width)) + 1)
    rising, falling = math.log(chance), math.log1p(-chance)
    whole = math.lgamma(trials + 1)
    return [
        (
            value,
            math.exp(
                whole
                - math.lgamma(value + 1)
                - math.lgamma(trials - value + 1)
                + value * rising
                + (trials - value) * falling
            ),
        )
        for value in values
    ]
