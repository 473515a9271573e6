"""When an endpoint that asked to slow down may be called again."""

from __future__ import annotations

from random import Random

__all__ = ["Pauses"]

FIRST_S = 1.0
LONGEST_BACKOFF_S = 60.0


class Pauses:
    """Episodes of a rate limit: many calls in flight report the same one, which counts once.

    All times are seconds of one clock.
    """

    def __init__(self, random: Random) -> None:
        self._random = random
        self._until_s = float("-inf")
        self._began_s = self._resumed_s = float("-inf")
        self._in_a_row = 0
        self.total_s = 0.0

    def left_s(self, now_s: float) -> float:
        """Seconds until calls may start again, 0 where they may."""
        return self._until_s - now_s if self._until_s > now_s else 0.0

    def ask(self, now_s: float, started_s: float, hint_s: float | None) -> float | None:
        """Take in that a call started at ``started_s`` was refused at ``now_s``.

        Returns the length of the pause in seconds where a new episode begins, else None: a call
        that started before the pause began can only prolong it by its hint.
        """
        if started_s < self._began_s or now_s < self._until_s:
            self._extend(now_s, hint_s or 0.0)
            return None
        backoff_s = min(LONGEST_BACKOFF_S, FIRST_S * 2.0**self._in_a_row)
        self._in_a_row = min(self._in_a_row + 1, 16)
        wait_s = max(hint_s or 0.0, backoff_s * self._random.uniform(0.5, 1.0))
        self._resumed_s = max(self._resumed_s, self._until_s)
        self._began_s = now_s
        self._extend(now_s, wait_s)
        return wait_s

    def went_well(self, started_s: float) -> None:
        """Take in that a call got its answer: if it started after the last pause that is over, that was enough.

        Those that start at once after a pause are answered when one of them has begun the next.
        """
        if started_s >= self._resumed_s:
            self._in_a_row = 0

    def _extend(self, now_s: float, wait_s: float) -> None:
        until_s = now_s + wait_s
        if until_s > self._until_s:
            self.total_s += until_s - max(now_s, self._until_s)
            self._until_s = until_s
