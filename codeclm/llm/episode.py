"""One episode of a rate limit: from the first refusal to the end of the pause, when it is told what was too much."""

from __future__ import annotations

import math
from collections.abc import Callable

from codeclm.llm.adaptive import CUT
from codeclm.llm.limits import Limits

__all__ = ["Episode"]

RAMP_CUT = 0.5
RAMP_HOLD_S = 900.0
RARE = 50  # answers between two episodes; fewer mean that allowing less did not help
MOST_FUTILE = 4
EXCUSED_S = 60.0
IN_USE_S = 0.5
NEARLY_ALL = 0.8


class Episode:
    """The present one, and how those before it ended. ``answers`` counts those since the last one began."""

    def __init__(self, limits: Limits, clock: Callable[[], float]) -> None:
        self._limits, self._clock = limits, clock
        self._taken_per_s = 0.0
        self._is_open = self._ramp = self._crowded = self._brisk = self._held_up = False
        self._futile = 0
        self._excused_until_s = -math.inf
        self.answers = 0

    def begin(self, now_s: float, started_s: float, *, ramp: bool) -> None:
        """Take in the first refusal of an episode, of a call that started at ``started_s``."""
        slots, rate = self._limits.concurrency, self._limits.hidden_rate
        self._is_open, self._ramp = True, ramp
        self._taken_per_s = rate.measure(now_s)
        full = self._limits.in_flight >= NEARLY_ALL * slots.allowed
        crowded, proven = full and slots.was_in_use(started_s - IN_USE_S), slots.is_proven(now_s)
        self._brisk = rate.was_in_use(started_s - IN_USE_S) or (crowded and proven)
        self._crowded = crowded and not proven
        self._held_up = self._limits.has_waiting
        self._futile = self._futile + 1 if self.answers < RARE else 0
        self.answers = 0

    def end(self) -> None:
        """Allow less of what was too much: calls in flight, their rate, or both where nothing tells.

        Where no call had to wait, the rate of calls was that of the work, and says nothing of what the endpoint takes.

        Where refusals go on although less and less was asked for, they have nothing to do with it: some servers refuse
        at random, for the load of others. Then pauses are all there is to do.
        """
        if not self._is_open:
            return
        self._is_open = False
        slots, rate, now_s = self._limits.concurrency, self._limits.hidden_rate, self._clock()
        rate.resume(now_s)
        per_s = self._taken_per_s
        if self._ramp:
            slots.slow_ramp(now_s, RAMP_CUT, RAMP_HOLD_S)
            rate.conclude(per_s, now_s, RAMP_CUT, RAMP_HOLD_S)
            return
        excused = self._is_excused(now_s)
        rare = not self._futile and not excused
        crowded = slots.conclude(now_s, CUT, blamed=rare and self._crowded)
        if excused or (crowded and not self._brisk):
            rate.release()
        elif self._brisk or self._held_up:
            rate.conclude(per_s, now_s, CUT)

    def _is_excused(self, now_s: float) -> bool:
        if self._futile >= MOST_FUTILE:
            self._futile, self._excused_until_s = 0, now_s + EXCUSED_S
            self._limits.concurrency.limit.explore()  # it was something else
        return now_s < self._excused_until_s
