"""What must hold at every start and end of a call to one endpoint (I3 to I7)."""

from __future__ import annotations

import math
from collections.abc import Callable

from codeclm.errors import CodecLMError, RateLimited, RequestRefused, RunStopped
from codeclm.llm.regulator import LONGEST_PAUSE_S
from tests.simulation.universe import Universe

__all__ = ["CallBook"]

ROUNDING_S = 1e-6
BATCH_S = 0.1  # so much before its place in the spacing a call may start
WINDOW_S = 60.25  # a minute's requests are spread over so long


class CallBook:
    """The calls of one session to one endpoint; raises AssertionError at the step that is wrong."""

    def __init__(self, universe: Universe, clock: Callable[[], float]) -> None:
        self._universe = universe
        self._clock = clock
        self._starts: list[float] = []
        self._refused: set[str] = set()
        self._paused_until_s = self._paused_at_s = -math.inf
        self._closed_at_s = math.inf
        self.in_flight = self.calls = self.input_tokens = self.output_tokens = 0

    def start(self, key: str) -> None:
        """A call starts."""
        now_s = self._clock()
        self.in_flight += 1
        most = self._universe.weather.max_in_flight
        assert self.in_flight <= most, f"I4: {self.in_flight} calls in flight, {most} allowed"
        # What was let start at the very moment of a refusal had started.
        assert now_s <= self._closed_at_s, "I5: a call to an endpoint that was given up"
        assert key not in self._refused, "I5: a request that was refused for good is sent again"
        early_s = self._paused_until_s - now_s
        started_before = now_s <= self._paused_at_s
        assert early_s < ROUNDING_S or started_before, f"I6: a call {early_s:.3f} s too early"
        self._check_rate(now_s)

    def answer(self, key: str, input_tokens: int, output_tokens: int) -> None:
        """A call ends with a completion."""
        universe = self._universe
        assert universe.paid[key] <= universe.owed[key], "an answer that was kept is paid for again"
        universe.paid[key] += 1
        self.calls += 1
        self.input_tokens += input_tokens
        self.output_tokens += output_tokens

    def fail(self, key: str, error: CodecLMError) -> None:
        """A call ends with an error."""
        now_s = self._clock()
        match error:
            case RateLimited(retry_after_s=float() | int() as hint_s):
                if hint_s > LONGEST_PAUSE_S:
                    self.close()
                elif now_s + hint_s > self._paused_until_s:
                    self._paused_until_s, self._paused_at_s = now_s + hint_s, now_s
            case RequestRefused():
                self._refused.add(key)
            case RunStopped():
                self.close()

    def close(self) -> None:
        """No call may start any more."""
        self._closed_at_s = min(self._closed_at_s, self._clock())

    def _check_rate(self, now_s: float) -> None:
        per_minute = self._universe.weather.requests_per_minute
        if per_minute is None:
            return
        starts = self._starts
        starts.append(now_s)
        spacing_s = WINDOW_S / per_minute
        for back in range(1, min(20, len(starts) - 1) + 1):
            took_s = now_s - starts[-1 - back]
            least_s = back * spacing_s - BATCH_S - ROUNDING_S
            assert took_s >= least_s, f"I3: {back} more calls after {took_s:.3f} s"
        most = math.ceil(per_minute)
        if len(starts) > most:
            assert now_s - starts[-1 - most] > 60, f"I3: more than {most} calls in a minute"
