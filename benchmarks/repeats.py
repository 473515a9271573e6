"""Repeats that can be compared: interleaved, their order rotated, ratios taken within a repeat."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median

__all__ = ["Sample", "Spread", "interleaved", "ratios", "resampled", "spread"]

Sample = Mapping[str, float]
"""One repeat: figures by the name of their metric."""

RESAMPLES = 2_000
TAIL = 0.025  # on each side of a 95 % interval


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, extremes, and the 95 % interval of the median by bootstrap."""

    median: float
    least: float
    most: float
    low: float
    high: float


def interleaved(
    runs: Mapping[str, Callable[[], Sample]],
    repeats: int = 5,
    say: Callable[[str], None] = lambda line: None,
) -> dict[str, list[Sample]]:
    """Run all of ``runs`` in turn, ``repeats`` times: A B C, B C A, ..., so that drift and order favour none."""
    names = list(runs)
    found: dict[str, list[Sample]] = {name: [] for name in names}
    for repeat in range(repeats):
        first = repeat % len(names)
        for name in names[first:] + names[:first]:
            sample = runs[name]()
            found[name].append(sample)
            told = ", ".join(f"{metric} {value:,.4g}" for metric, value in sample.items())
            say(f"{repeat + 1}/{repeats} {name}: {told}")
    return found


def ratios(of: Sequence[Sample], to: Sequence[Sample], metric: str) -> tuple[float, ...]:
    """``metric`` of one as multiples of the other, repeat by repeat."""
    return tuple(one[metric] / other[metric] for one, other in zip(of, to, strict=True))


def spread(values: Sequence[float]) -> Spread:
    """What ``values`` say. Raises ValueError where there are none."""
    if not values:
        raise ValueError("no values")
    low, high = _middle(resampled(lambda draw: median(draw(values))))
    return Spread(median(values), min(values), max(values), low, high)


def resampled(
    statistic: Callable[[Callable[[Sequence[float]], list[float]]], float], seed: int = 0
) -> list[float]:
    """The bootstrap distribution of ``statistic``, sorted; it is given a function that draws with replacement."""
    random = Random(seed)
    return sorted(
        statistic(lambda values: random.choices(values, k=len(values))) for _ in range(RESAMPLES)
    )


def _middle(ordered: Sequence[float]) -> tuple[float, float]:
    cut = int(TAIL * len(ordered))
    return ordered[cut], ordered[-1 - cut]
