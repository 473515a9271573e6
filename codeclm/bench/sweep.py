"""Which number of calls in flight to measure next, and where the knee is: decided from what was measured.

Doubles from 1 until more calls in flight bring no more answers, or the endpoint objects; then halves the gap around
the knee a few times.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["BISECTIONS", "ENOUGH", "WORTH_IT", "Point", "doublings", "knee", "next_level"]

WORTH_IT = 0.10
"""A doubling that brings less than this share more is not worth it; two in a row end the search."""

ENOUGH = 0.95
"""The knee is the fewest calls in flight that reach this share of the highest throughput."""

BISECTIONS = 3
FINE = 1.1
"""The gap around the knee is not halved further where its ends differ by less than this factor."""


@dataclass(frozen=True, slots=True)
class Point:
    """A level that was measured. ``troubled``: more than a few of its calls were refused, or failed."""

    in_flight: int
    calls_per_s: float
    troubled: bool = False


def doublings(most: int) -> list[int]:
    """1, 2, 4 ... and ``most``."""
    levels = [1]
    while levels[-1] < most:
        levels.append(min(most, 2 * levels[-1]))
    return levels


def next_level(points: Sequence[Point], most: int) -> int | None:
    """The level to measure after ``points`` (in the order in which they were measured); None where all is known."""
    climbed = _climb(points, most)
    if len(climbed) == len(points) and not _is_top(climbed, most):
        return doublings(most)[len(points)]
    if len(points) - len(climbed) >= BISECTIONS:
        return None
    return _middle(points)


def knee(points: Sequence[Point]) -> Point | None:
    """The fewest calls in flight that reach nearly the highest throughput of all levels without trouble.

    None where nothing beyond it was measured: throughput may rise further.
    """
    reached = _fewest(points)
    if reached is None or all(point.in_flight <= reached.in_flight for point in points):
        return None
    return reached


def _climb(points: Sequence[Point], most: int) -> Sequence[Point]:
    """The first points, as far as they are doublings."""
    steps = doublings(most)
    count = 0
    for point, level in zip(points, steps, strict=False):
        if point.in_flight != level:
            break
        count += 1
        if _is_top(points[:count], most):
            break
    return points[:count]


def _is_top(climbed: Sequence[Point], most: int) -> bool:
    if not climbed:
        return False
    last = climbed[-1]
    if last.troubled or last.in_flight >= most:
        return True
    if len(climbed) < 3:
        return False
    best = climbed[0].calls_per_s
    gains = []
    for point in climbed[1:]:
        gains.append(point.calls_per_s >= best * (1 + WORTH_IT))
        best = max(best, point.calls_per_s)
    return not any(gains[-2:])


def _fewest(points: Sequence[Point]) -> Point | None:
    clean = sorted((one for one in points if not one.troubled), key=lambda one: one.in_flight)
    highest = max((point.calls_per_s for point in clean), default=0.0)
    return next((point for point in clean if point.calls_per_s >= ENOUGH * highest), None)


def _middle(points: Sequence[Point]) -> int | None:
    """Half-way between the knee, as it looks now, and the level beside it on the side where it may yet move to."""
    reached = _fewest(points)
    if reached is None:
        return None
    ordered = sorted(points, key=lambda one: one.in_flight)
    place = ordered.index(reached)
    if place + 1 < len(ordered) and ordered[place + 1].troubled:
        low, high = ordered[place : place + 2]
    elif place and not _is_rising(ordered, place):
        low, high = ordered[place - 1 : place + 1]
    else:
        return None
    middle = (low.in_flight + high.in_flight) // 2
    fine = middle in (low.in_flight, high.in_flight) or high.in_flight < FINE * low.in_flight
    return None if fine else middle


def _is_rising(ordered: Sequence[Point], place: int) -> bool:
    """Whether the last step brought throughput in proportion, so that there is no knee below it."""
    if place + 1 < len(ordered):
        return False
    before, last = ordered[place - 1], ordered[place]
    step = last.in_flight / before.in_flight
    return last.calls_per_s >= ENOUGH * step * before.calls_per_s
