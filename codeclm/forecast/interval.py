"""How sure a forecast is: the seeds of a pilot are drawn again and again, with replacement (a cluster bootstrap)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from math import hypot, sqrt
from random import Random

from codeclm.forecast.observed import Cluster, profile_of, variety_of
from codeclm.forecast.profile import Profile
from codeclm.forecast.shares import Estimate
from codeclm.forecast.unsure import least_and_most

__all__ = ["estimates"]

REPEATS = 400
LOW, HIGH = 0.025, 0.975


def estimates(
    clusters: Sequence[Cluster],
    measure: Callable[[Profile], Mapping[str, float]],
    share: float,
    random: Random,
    judgements: int,
) -> dict[str, Estimate]:
    """What ``measure`` says of the profile, each number with its interval.

    ``share`` is how much of the run the pilot is: that much is known, and the rest is as uncertain as a sample of a
    finite whole (which shrinks the interval by the root of 1 - share). ``judgements`` of a comparison, when nothing
    goes wrong.
    """
    variety = variety_of(clusters)
    profile = profile_of(clusters, judgements, variety)
    said = measure(profile)
    scale = sqrt(max(0.0, 1 - share)) * sqrt(len(clusters) / max(1, len(clusters) - 1))
    usable = [cluster for cluster in clusters if cluster.reach[1]]
    drawn: dict[str, list[float]] = {name: [] for name in said}
    for _ in range(REPEATS):
        sample = random.choices(clusters, k=len(clusters))
        if not any(cluster.reach[1] for cluster in sample):
            sample[0] = random.choice(usable)
        measured = measure(profile_of(sample, judgements, variety))
        for name, values in drawn.items():
            values.append(measured.get(name, 0.0))
    ends = [measure(one) for one in least_and_most(profile, clusters, judgements)]
    return {
        name: _estimate(value, sorted(drawn[name]), [one.get(name, value) for one in ends], scale)
        for name, value in said.items()
    }


def _estimate(
    value: float, drawn: Sequence[float], ends: Sequence[float], scale: float
) -> Estimate:
    """Two sources of doubt that have nothing to do with each other: their squares add up."""
    low, high = (drawn[round(quantile * (len(drawn) - 1))] for quantile in (LOW, HIGH))
    below = hypot(max(0.0, value - low), max(0.0, value - min(ends)))
    above = hypot(max(0.0, high - value), max(0.0, max(ends) - value))
    return Estimate(value, max(0.0, value - scale * below), value + scale * above)
