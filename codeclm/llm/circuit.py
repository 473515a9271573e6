"""A circuit breaker: an endpoint that is down is asked by one call every few seconds, not by all of them."""

from __future__ import annotations

import math
from collections import deque

from codeclm.errors import (
    ConnectionFailed,
    ModelLoading,
    Overloaded,
    ServerError,
    TimedOut,
    TransientError,
)

__all__ = ["OUTAGES", "Circuit"]

PROBE_EVERY_S = 5.0
IN_A_ROW = 10
WINDOW = 50
OUTAGES = (Overloaded, ModelLoading, ServerError, ConnectionFailed, TimedOut)


class Circuit:
    """Opens after 10 outage errors in a row, or where more than half of the last 50 calls ended in one, or at the
    first that says that the model is loading. Open, it lets one call through every 5 s until one is answered.

    All times are seconds of one clock.
    """

    def __init__(self) -> None:
        self._latest: deque[bool] = deque(maxlen=WINDOW)
        self._in_a_row = 0
        self._opened_at_s: float | None = None
        self._probe_at_s = -math.inf
        self._probe_is_out = False
        self.outages = 0

    @property
    def is_open(self) -> bool:
        """Whether the endpoint counts as down."""
        return self._opened_at_s is not None

    def open_for_s(self, now_s: float) -> float:
        """For how long it has been down, 0 where it is not."""
        return 0.0 if self._opened_at_s is None else now_s - self._opened_at_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call may start; infinite while one is out to see whether it is answered."""
        if self._opened_at_s is None:
            return 0.0
        return math.inf if self._probe_is_out else max(0.0, self._probe_at_s - now_s)

    def start(self, now_s: float) -> None:
        """Take in that a call starts."""
        if self._opened_at_s is not None:
            self._probe_is_out = True
            self._probe_at_s = now_s + PROBE_EVERY_S

    def fail(self, error: TransientError, now_s: float, started_s: float) -> bool:
        """Take in one of the ``OUTAGES``; True where it opens the circuit."""
        if self._opened_at_s is not None:
            self._end_probe(started_s)
            return False
        self._latest.append(True)
        self._in_a_row += 1
        crowded = len(self._latest) == WINDOW and sum(self._latest) > WINDOW / 2
        if self._in_a_row < IN_A_ROW and not crowded and not isinstance(error, ModelLoading):
            return False
        self.outages += 1
        self._opened_at_s = now_s
        self._probe_at_s = now_s + PROBE_EVERY_S
        self._probe_is_out = False
        return True

    def answer(self, started_s: float) -> bool:
        """Take in a sign of life of a call that started at ``started_s``; True where it closes the circuit.

        What started before the circuit opened says nothing about now.
        """
        if self._opened_at_s is None:
            self._in_a_row = 0
            self._latest.append(False)
            return False
        if started_s < self._opened_at_s:
            return False
        self._probe_is_out = False
        self._in_a_row = 0
        self._opened_at_s = None
        self._latest.clear()
        return True

    def give_up(self, started_s: float) -> None:
        """Take in that a call ended without telling anything: it was cancelled."""
        self._end_probe(started_s)

    def _end_probe(self, started_s: float) -> None:
        if self._opened_at_s is not None and started_s >= self._opened_at_s:
            self._probe_is_out = False
