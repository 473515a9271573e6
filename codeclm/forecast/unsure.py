"""What a pilot may just not have met: repeated draws, equal metadata, entries of which nothing is improved.

A bootstrap draws only from what was seen; what was seen in none of fifty seeds may happen in one of a hundred.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from math import comb, inf, sqrt

from codeclm.forecast.observed import Cluster, equal_pairs
from codeclm.forecast.profile import Key, Profile, Use
from codeclm.forecast.shares import wilson

__all__ = ["least_and_most"]

Z = 1.96 / 2  # of a root of a count: its deviation is 1/2 whatever the count


def least_and_most(
    profile: Profile, clusters: Sequence[Cluster], judgements: int
) -> tuple[Profile, Profile]:
    """``profile`` with as few, and with as many, of these as the pilot leaves possible."""
    extra = _extra_calls(profile, clusters, judgements)
    fewest, most = _kinds(clusters)
    asking = wilson(sum(some > 0 for some, _ in profile.improved), len(profile.improved))
    return (
        _with(profile, {place: low for place, (low, _) in extra.items()}, fewest, asking.low),
        _with(profile, {place: high for place, (_, high) in extra.items()}, most, asking.high),
    )


def _extra_calls(
    profile: Profile, clusters: Sequence[Cluster], judgements: int
) -> Mapping[tuple[str, str], tuple[float, float]]:
    """By stage and role: by how much the calls may be fewer, or more, than they were."""
    calls: dict[tuple[str, str], float] = {}
    needed: dict[tuple[str, str], float] = {}
    things = {
        "encode": float(len(clusters)),
        "decode": float(sum(cluster.units for cluster in clusters)),
    }
    for cluster in clusters:
        for (stage, role, iteration), sums in cluster.spent.items():
            place = stage, role
            calls[place] = calls.get(place, 0.0) + sums[0]
            times = judgements if stage == "judge" else 1
            reached = cluster.reach[iteration] * times if iteration else 0.0
            needed[place] = needed.get(place, 0.0) + reached
    found = {}
    for place, number in calls.items():
        of = things.get(place[0]) or needed[place] or number
        more = wilson(min(of, max(0.0, number - of)), of)
        found[place] = (1 + more.low) / (1 + more.value), (1 + more.high) / (1 + more.value)
    return found


def _kinds(clusters: Sequence[Cluster]) -> tuple[float, float]:
    """How few, and how many, kinds of metadata there may be, for so many pairs of seeds with equal ones."""
    known = sum(bool(cluster.metadata) for cluster in clusters)
    pairs, equal = comb(known, 2), equal_pairs(clusters)
    if not pairs:
        return inf, inf
    most = (sqrt(equal + 1) + Z) ** 2
    least = max(0.0, sqrt(equal) - Z) ** 2
    return max(1.0, pairs / most), pairs / least if least else inf


def _with(
    profile: Profile, extra: Mapping[tuple[str, str], float], kinds: float, asking: float
) -> Profile:
    def scaled(place: tuple[str, str], use: Use) -> Use:
        return replace(use, calls=use.calls * extra.get(place, 1.0))

    steps: dict[Key, Use] = {key: scaled(key[:2], use) for key, use in profile.steps.items()}
    uses = {stage: scaled((stage, "strong"), use) for stage, use in profile.uses.items()}
    variety = replace(profile.variety, kinds=kinds)
    return replace(profile, steps=steps, uses=uses, variety=variety, asking=asking)
