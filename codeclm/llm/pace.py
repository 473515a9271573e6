"""Requests a minute: when the next one may start."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Protocol

__all__ = ["FULL_WINDOW_WAIT_S", "WINDOW_S", "RequestRate", "Window"]

# Requests do not take equally long to arrive. A window a little longer than the endpoint's keeps
# what starts within the limit within it on arrival too, for 0.4 % of the rate.
WINDOW_S = 60.25
BATCH_S = 0.1
FULL_WINDOW_WAIT_S = 0.005


class Window(Protocol):
    """A sliding window that holds so many starts; asyncio_throttle's Throttler is one."""

    async def acquire(self) -> None:
        """Take a place; waits while there is none."""
        ...


class RequestRate:
    """When the next request may start.

    The window alone would let a minute's requests start at once. So each is due at its place in an
    even spacing; what is up to 0.1 s late or early does not shift the places of the next, which
    keeps the full rate however late timers fire. Waiting in the window itself would poll.
    """

    def __init__(
        self, requests_per_minute: float, clock: Callable[[], float], window: Window
    ) -> None:
        self._spacing_s = WINDOW_S / requests_per_minute
        self._clock = clock
        self._window = window
        self._due_s = -math.inf

    def wait_s(self) -> float:
        """Seconds until the next request is due, 0 where it is."""
        return max(0.0, self._due_s - BATCH_S - self._clock())

    def take(self) -> bool:
        """Take a place in the window for a request that is due; False where there is none yet.

        That lasts for less than 0.1 s: worth a try every ``FULL_WINDOW_WAIT_S``.
        """
        acquiring = self._window.acquire()
        try:
            acquiring.send(None)
        except StopIteration:  # it found room and came to its end without waiting
            self._due_s = max(self._due_s, self._clock()) + self._spacing_s
            return True
        acquiring.close()
        return False
