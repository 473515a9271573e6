"""What a measured process sees of itself: calls, time, CPU and memory as they grow, and how late its loop is."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "Gauge",
    "Moment",
    "Pulse",
    "cpu_ms_a_call",
    "least_squares",
    "memory_mb",
    "window",
    "yard",
]

BEAT_S = 0.01
YARD = 10_000


@dataclass(frozen=True, slots=True)
class Moment:
    """So many ``calls`` were answered by then. ``main_s`` is the CPU time of the main thread alone.

    Of the resident memory ``own_mb`` is what is no file: pages of the cache's database are mapped, and can be dropped.
    ``yard_s`` is what a piece of work that is always the same took at that moment; 0 where that was not asked for.
    """

    calls: int
    at_s: float
    cpu_s: float
    main_s: float
    memory_mb: float
    own_mb: float = 0.0
    yard_s: float = 0.0


class Gauge:
    """Takes moments down; in the main thread. With a ``yardstick`` each costs a millisecond."""

    def __init__(self, *, yardstick: bool = False) -> None:
        self.moments: list[Moment] = []
        self._yardstick = yardstick

    def take(self, calls: int) -> None:
        """Take this moment down."""
        yard_s = yard() if self._yardstick else 0.0
        now_s, cpu_s, main_s = time.perf_counter(), time.process_time(), time.thread_time()
        self.moments.append(Moment(calls, now_s, cpu_s, main_s, *memory_mb(), yard_s))

    def marginal(self, first: float, last: float) -> dict[str, float]:
        """Figures between the moments when these shares of all calls were answered."""
        one, other = window(self.moments, first, last)
        calls, wall_s = other.calls - one.calls, other.at_s - one.at_s
        return {
            "calls": self.moments[-1].calls,
            "calls_per_s": calls / wall_s,
            "cpu_ms": cpu_ms_a_call(one, other),
            "main_cpu_ms": (other.main_s - one.main_s) * 1000 / calls,
            "measured_s": wall_s,
            "memory_mb": self.moments[-1].memory_mb,
        }


class Pulse:
    """How late the running loop is. Being late by ten beats counts as ten, so that one long stop is not one of many."""

    def __init__(self) -> None:
        self._late: Counter[int] = (
            Counter()
        )  # by tenths of a ms: a long run must not grow for being measured
        self._loop = asyncio.get_running_loop()
        self._due_s = self._loop.time() + BEAT_S
        self._timer = self._loop.call_at(self._due_s, self._beat)

    def _beat(self) -> None:
        late_s = self._loop.time() - self._due_s
        while late_s >= 0:
            self._late[round(late_s * 10_000)] += 1
            late_s -= BEAT_S
        self._due_s = self._loop.time() + BEAT_S
        self._timer = self._loop.call_at(self._due_s, self._beat)

    def stop(self) -> dict[str, float]:
        """The 99th percentile and the most, in ms."""
        self._timer.cancel()
        return {"lag_p99_ms": self._percentile(0.99), "lag_max_ms": self._percentile(1)}

    def _percentile(self, share: float) -> float:
        left = share * self._late.total()
        for late, count in sorted(self._late.items()):
            left -= count
            if left <= 0:
                return late / 10
        return 0.0


def window(moments: Sequence[Moment], first: float, last: float) -> tuple[Moment, Moment]:
    """The moments nearest to where these shares of all calls were answered, with calls between them.

    Raises ValueError where no calls were made.
    """
    whole = moments[-1].calls
    after = [one for one in moments if one.calls >= first * whole]
    before = [one for one in moments if one.calls <= last * whole]
    for one, other in ((after[0], before[-1]), (moments[0], moments[-1])):
        if other.calls > one.calls:
            return one, other
    raise ValueError("no calls were made between the first moment and the last")


def cpu_ms_a_call(one: Moment, other: Moment) -> float:
    """CPU time of the whole process, a call, between two moments."""
    return (other.cpu_s - one.cpu_s) * 1000 / (other.calls - one.calls)


def yard() -> float:
    """Seconds of CPU that a fixed piece of work takes: a machine that others use too is slower at times."""
    began_s = time.thread_time()
    found: dict[int, str] = {}
    for number in range(YARD):
        found[number & 1023] = str(number)
    return time.thread_time() - began_s


def memory_mb() -> tuple[float, float]:
    """Resident memory now, and how much of it is no file; 0 where that cannot be read."""
    if sys.platform != "linux":
        return 0.0, 0.0
    with open("/proc/self/statm", "rb") as file:
        _, resident, shared, *_ = map(int, file.read().split())
    page_mb = os.sysconf("SC_PAGE_SIZE") / 1e6
    return resident * page_mb, (resident - shared) * page_mb


def least_squares(points: Sequence[tuple[float, float]]) -> float:
    """The slope of the line through ``points``; 0 where they have one place."""
    mean_x = sum(x for x, _ in points) / len(points)
    mean_y = sum(y for _, y in points) / len(points)
    across = sum((x - mean_x) ** 2 for x, _ in points)
    return sum((x - mean_x) * (y - mean_y) for x, y in points) / across if across else 0.0
