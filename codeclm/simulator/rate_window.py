"""A limit on requests in a sliding window of time."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

__all__ = ["RateWindow"]


class RateWindow:
    """Admits at most ``limit`` requests in any ``window_s`` seconds; refused ones do not count."""

    def __init__(self, limit: int, window_s: float, clock: Callable[[], float]) -> None:
        self.limit = limit
        self._window_s = window_s
        self._clock = clock
        self._admitted_at: deque[float] = deque()

    def admit(self) -> float:
        """Admit a request and return 0, or refuse it and return the seconds until there is room."""
        now = self._clock()
        while self._admitted_at and self._wait_s(now) <= 0:
            self._admitted_at.popleft()
        if len(self._admitted_at) >= self.limit:
            return self._wait_s(now)
        self._admitted_at.append(now)
        return 0.0

    @property
    def remaining(self) -> int:
        """How many more requests would be admitted, as of the last one."""
        return self.limit - len(self._admitted_at)

    def reset_s(self) -> float:
        """Seconds until the oldest admitted request leaves the window."""
        return max(0.0, self._wait_s(self._clock())) if self._admitted_at else 0.0

    def _wait_s(self, now: float) -> float:
        return self._admitted_at[0] + self._window_s - now
