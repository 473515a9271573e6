"""How sure a forecast is: the seeds of a pilot are drawn again and again, with replacement (a cluster bootstrap)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from random import Random

from codeclm.forecast.observed import Cluster, kinds_of, profile_of
from codeclm.forecast.profile import Profile

__all__ = ["Estimate", "estimates", "exact", "wilson"]

REPEATS = 400
LOW, HIGH = 0.025, 0.975
Z = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that it lies in with 95 %."""

    value: float
    low: float
    high: float


def exact(value: float) -> Estimate:
    """A number that is not in doubt."""
    return Estimate(value, value, value)


def estimates(
    clusters: Sequence[Cluster],
    measure: Callable[[Profile], Mapping[str, float]],
    share: float,
    random: Random,
) -> dict[str, Estimate]:
    """What ``measure`` says of the profile, each number with its interval.

    ``share`` is how much of the run the pilot is: that much is known, and the rest is as uncertain as a sample of a
    finite whole (which shrinks the interval by the root of 1 - share).
    """
    kinds = kinds_of(clusters)
    said = measure(profile_of(clusters, kinds))
    scale = sqrt(max(0.0, 1 - share)) * sqrt(len(clusters) / max(1, len(clusters) - 1))
    usable = [cluster for cluster in clusters if cluster.reach[1]]
    drawn: dict[str, list[float]] = {name: [] for name in said}
    for _ in range(REPEATS):
        sample = random.choices(clusters, k=len(clusters))
        if not any(cluster.reach[1] for cluster in sample):
            sample[0] = random.choice(usable)
        measured = measure(profile_of(sample, kinds))
        for name, values in drawn.items():
            values.append(measured.get(name, 0.0))
    return {name: _estimate(value, sorted(drawn[name]), scale) for name, value in said.items()}


def _estimate(value: float, drawn: Sequence[float], scale: float) -> Estimate:
    low, high = (drawn[round(quantile * (len(drawn) - 1))] for quantile in (LOW, HIGH))
    return Estimate(
        value,
        max(0.0, value - scale * max(0.0, value - low)),
        value + scale * max(0.0, high - value),
    )


def wilson(some: float, of: float) -> Estimate:
    """A share of what was counted, with Wilson's interval."""
    if not of:
        return Estimate(0.0, 0.0, 1.0)
    share = some / of
    centre = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))
