"""A rate limit that nobody tells: calls start no faster than the endpoint was seen to take them."""

from __future__ import annotations

import math
from collections import deque

from codeclm.llm.adaptive import AdaptiveLimit

__all__ = ["HiddenRate"]

SEEN_S = 2.0
BUCKET_S = 0.25
ROUND_S = 1.0
BATCH_S = 0.05  # late timers must not cost rate
LOWEST_PER_S = 0.05
FIRST_PER_S = 1.0  # the least that is concluded from one refusal alone
MOST_CUT = 0.7


class HiddenRate:
    """Free until the endpoint objects; from then on an ``AdaptiveLimit`` in calls a second."""

    def __init__(self, *, adaptive: bool = True) -> None:
        self._adaptive = adaptive
        self._limit: AdaptiveLimit | None = None
        self._spacing_s = 0.0
        self._due_s = -math.inf
        self._in_use_at_s = -math.inf
        self._grown_at_s = self._refused_at_s = self._era_began_s = -math.inf
        self._accepted = _Recent()
        self._answered = _Recent()

    @property
    def per_s(self) -> float:
        """Calls a second that may start now; infinite where nobody has objected."""
        return math.inf if self._limit is None else self._limit.value

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next call is due, 0 where it is."""
        if self._limit is None:
            return 0.0
        wait_s = self._due_s - BATCH_S - now_s
        if wait_s <= 0:
            return 0.0
        self._in_use_at_s = now_s
        return wait_s

    def start(self, now_s: float) -> None:
        """Take in that a call starts."""
        if not self._adaptive:
            return
        self._accepted.count(1, now_s)
        if self._limit is not None:
            self._due_s = max(self._due_s, now_s) + self._spacing_s

    def answer(self, started_s: float, now_s: float) -> None:
        """Take in an answer. Only a rate that was really used grows."""
        if not self._adaptive:
            return
        self._answered.count(1, now_s)
        limit = self._limit
        if limit is None or started_s < self._refused_at_s:
            return
        if self._in_use_at_s < started_s - ROUND_S:
            return
        if limit.is_exploring:
            if now_s - self._grown_at_s >= ROUND_S and started_s >= self._grown_at_s:
                limit.grow(now_s)
                self._grown_at_s = now_s
        else:
            limit.credit(now_s)
            self._grown_at_s = now_s
        self._spacing_s = 1 / limit.value

    def was_in_use(self, since_s: float) -> bool:
        """Whether a call had to wait for its place in the rate since then."""
        return self._limit is not None and self._in_use_at_s >= since_s

    def resume(self, now_s: float) -> None:
        """Take in that a pause is over."""
        self._era_began_s = now_s

    def release(self) -> None:
        """Be free again: something else was the reason."""
        self._limit = None

    def refuse(self, now_s: float) -> None:
        """Take in a refusal."""
        if self._adaptive:
            self._accepted.count(-1, now_s)
            self._refused_at_s = now_s

    def measure(self, now_s: float) -> float:
        """Calls a second that the endpoint took lately, pauses aside."""
        seen_s = min(SEEN_S, max(1.0, now_s - self._era_began_s))
        taken = max(self._accepted.since(now_s - seen_s), self._answered.since(now_s - seen_s))
        return max(LOWEST_PER_S, taken / seen_s)

    def conclude(self, taken_per_s: float, now_s: float, cut: float, hold_s: float = 0.0) -> None:
        """Allow less: the endpoint took so many a second and refused what was more.

        But not much less at once: where the first call after a pause is refused by chance, none was taken yet.
        """
        if not self._adaptive:
            return
        if self._limit is None:
            self._limit = AdaptiveLimit(taken_per_s, lowest=LOWEST_PER_S)
            least_per_s = FIRST_PER_S
        else:
            least_per_s = MOST_CUT * self._limit.value
        self._limit.object(max(taken_per_s, least_per_s), now_s, cut=cut, hold_s=hold_s)
        self._spacing_s = 1 / self._limit.value


class _Recent:
    """How many there were in the last seconds, in a few numbers."""

    def __init__(self) -> None:
        self._counts: deque[tuple[float, int]] = deque()

    def count(self, change: int, now_s: float) -> None:
        counts = self._counts
        if counts and now_s - counts[-1][0] < BUCKET_S:
            counts[-1] = (counts[-1][0], counts[-1][1] + change)
            return
        counts.append((now_s, change))
        while counts[0][0] < now_s - SEEN_S:
            counts.popleft()

    def since(self, since_s: float) -> int:
        return sum(count for at_s, count in self._counts if at_s >= since_s)
