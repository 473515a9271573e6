"""How many calls may be in flight at one endpoint: as many as it takes, and no more than the user allows."""

from __future__ import annotations

import math

from codeclm.llm.adaptive import AdaptiveLimit
from codeclm.llm.refused_levels import RefusedLevels
from codeclm.llm.throughput import Rounds

__all__ = ["Change", "Concurrency"]

START = 16
WORTH_IT = 0.35  # the share of a step in calls in flight that must come back as throughput
PROOF_ROUNDS, PROOF_LEAST, PROOF_S = 3, 10, 3.0
MOST_CHANGES = 500

Change = tuple[float, int]
"""Seconds since the start, and the limit from then on."""


class Concurrency:
    """``allowed`` calls may be in flight, ``most`` at the most; fixed at that unless ``adaptive``.

    Starts with 16 and doubles with every clean round while all are used, until the endpoint objects or throughput
    stops to rise. ``limit`` is what finds that, ``changes`` its history. All times are seconds of one clock.
    """

    def __init__(
        self, most: int, *, adaptive: bool = True, brisk_below: float = math.inf, began_s: float
    ) -> None:
        self.allowed = min(most, START) if adaptive else most
        self._adaptive = adaptive
        self.limit = AdaptiveLimit(self.allowed, lowest=1, highest=most, brisk_below=brisk_below)
        self._levels = RefusedLevels()
        self._rounds = Rounds()
        self._began_s = began_s
        self._in_use_at_s = self._level_since_s = self._refused_at_s = -math.inf
        self._taken = self._answered_here = 0
        self._in_doubt = False  # whether a step was taken back for bringing too little
        self.changes: list[Change] = [(0.0, self.allowed)]

    def use(self, now_s: float) -> None:
        """Take in that a call has to wait because all are in flight."""
        self._in_use_at_s = now_s

    def start(self, level: int) -> None:
        """Take in that a call starts, as the ``level``-th in flight."""
        if self._adaptive:
            self._levels.take(level)

    def answer(self, stage: str, output_tokens: int | None, started_s: float, now_s: float) -> None:
        """Take in an answer. Only a limit that is really used grows."""
        if not self._adaptive or self._in_use_at_s < started_s or started_s < self._refused_at_s:
            return
        was_exploring = self.limit.is_exploring
        if not was_exploring:
            self.limit.credit(now_s)
        if started_s >= self._level_since_s:
            self._answered_here += 1
            self._rounds.add(stage, now_s - started_s, output_tokens)
            if self._rounds.is_full(self.allowed):
                self._end_round(now_s, grow=was_exploring)
        self._apply(now_s)

    def was_in_use(self, since_s: float) -> bool:
        """Whether a call had to wait since then because all were in flight."""
        return self._in_use_at_s >= since_s

    def is_proven(self, now_s: float) -> bool:
        """Whether so many calls were answered at this level that it cannot be what the endpoint objects to."""
        long_enough = now_s - self._level_since_s >= PROOF_S
        return long_enough and self._answered_here >= PROOF_ROUNDS * max(self.allowed, PROOF_LEAST)

    def refuse(self, level: int, in_flight: int, now_s: float, *, first: bool) -> None:
        """Take in that one of ``in_flight`` calls was refused, that had started as the ``level``-th of them.

        ``first``: it begins an episode.
        """
        if not self._adaptive:
            return
        self._levels.refuse(level)
        if first:
            self._refused_at_s = now_s
            self._taken = in_flight
        self._taken = max(1, self._taken - 1)

    def conclude(self, now_s: float, cut: float, *, blamed: bool) -> bool:
        """Allow less if that is what the refusals of this episode were about, or are ``blamed`` to be about."""
        too_many = self._levels.tell() or blamed
        self._levels.fade()
        if too_many and self._adaptive:
            self.limit.object(self._taken, now_s, cut=cut)
            self._apply(now_s)
        return too_many

    def slow_ramp(self, now_s: float, cut: float, hold_s: float) -> None:
        """Allow less, and ask for no more for ``hold_s``: the endpoint objects to growth."""
        if self._adaptive:
            self.limit.object(self.allowed * cut, now_s, cut=1.0, hold_s=hold_s)
            self._apply(now_s)

    def restart(self, now_s: float) -> None:
        """Go back to the start after an outage: what comes back must not be run over."""
        if self._adaptive:
            self.limit.restart(START)
            self._apply(now_s)

    def _end_round(self, now_s: float, *, grow: bool) -> None:
        level, before = self.limit.value, self._rounds.level_before
        gain = self._rounds.close(level)
        step = level / before if before else 1.0
        if not grow:
            self._look_back(gain, step, now_s)
        elif gain is not None and step > 1 and gain < 1 + WORTH_IT * (step - 1):
            self.limit.settle(before, now_s)
            self._in_doubt = not self._in_doubt  # of two steps in vain the second is believed
        else:
            self.limit.grow(now_s)
            self._in_doubt = False

    def _look_back(self, gain: float | None, step: float, now_s: float) -> None:
        """Take the step again that seemed in vain, where the step back has cost what it should have brought.

        In a short round the quick calls of a stage that has just begun end first: the next one looks slower.
        """
        if self._in_doubt and step < 1 and gain is not None:
            if gain * (1 + WORTH_IT * (1 / step - 1)) < 1:
                self.limit.explore()
                self.limit.grow(now_s)
            else:
                self._in_doubt = False

    def _apply(self, now_s: float) -> None:
        allowed = max(1, round(self.limit.value))
        if allowed == self.allowed:
            return
        self.allowed = allowed
        self._level_since_s = now_s
        self._answered_here = 0
        self._rounds.restart()
        if len(self.changes) >= MOST_CHANGES:
            del self.changes[1::2]  # half of them still show the course
        self.changes.append((round(now_s - self._began_s, 3), allowed))
