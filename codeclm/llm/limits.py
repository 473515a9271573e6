"""The limits of one endpoint: calls in flight, requests and tokens a minute, and its pauses.

All decisions are made by synchronous functions on one state; waiting is one future a call. No task
runs here and nothing polls while calls wait: the end of a call or one timer starts the next.
"""

from __future__ import annotations

import math
import time
from asyncio import CancelledError, Future, TimerHandle, get_running_loop
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from asyncio_throttle.throttler import Throttler

from codeclm.errors import RateLimited, RunStopped
from codeclm.llm.chat import ChatModel, ChatRequest, Completion
from codeclm.llm.events import Listener, Paused
from codeclm.llm.line import Line, Waiter
from codeclm.llm.pace import FULL_WINDOW_WAIT_S, WINDOW_S, RequestRate, Window
from codeclm.llm.pauses import Pauses
from codeclm.llm.tokens import OutputLengths, TokenBucket, prompt_tokens

__all__ = ["LimitStatistics", "LimitedModel", "Limits", "request_window"]

SHORTEST_WAIT_S = 0.001  # the resolution of timers


def request_window(requests_per_minute: float) -> Window:
    """A sliding window that holds ``requests_per_minute``, or one in a longer time if it is < 1."""
    requests = max(1, math.floor(requests_per_minute))
    period_s = WINDOW_S * requests / requests_per_minute
    return Throttler(rate_limit=requests, period=period_s)


@dataclass(frozen=True, slots=True)
class LimitStatistics:
    """What the limits of one endpoint see. ``started`` and ``rate_limited`` count calls."""

    in_flight: int
    peak_in_flight: int
    waiting: int
    started: int
    rate_limited: int
    paused_for_s: float


def _ignore(event: object) -> None:
    """Nobody listens."""


class Limits:
    """Lets calls start, in order of priority and then of arrival, only when all limits allow it.

    In any minute at most ``requests_per_minute`` calls start, evenly spaced but for 0.1 s worth at
    once; at most ``max_in_flight`` are under way. ``model`` is the name in events. ``window`` is
    ``request_window(requests_per_minute)`` by default. A pause longer than ``longest_pause_s`` that
    the endpoint asks for ends the run instead.
    """

    def __init__(
        self,
        max_in_flight: int,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        model: str = "",
        on_event: Listener = _ignore,
        clock: Callable[[], float] = time.monotonic,
        random: Random | None = None,
        window: Window | None = None,
        longest_pause_s: float = 900,
    ) -> None:
        self._max_in_flight = max_in_flight
        self._rate: RequestRate | None = None
        if requests_per_minute is not None:
            window = window or request_window(requests_per_minute)
            self._rate = RequestRate(requests_per_minute, clock, window)
        self._bucket = TokenBucket(tokens_per_minute, clock) if tokens_per_minute else None
        self._outputs = OutputLengths()
        self._pauses = Pauses(random or Random())
        self._longest_pause_s = longest_pause_s
        self._model, self._on_event, self._clock = model, on_event, clock
        self._line = Line()
        self._timer: TimerHandle | None = None
        self._resting: set[Future[None]] = set()
        self._closed: RunStopped | None = None
        self._in_flight = self._peak_in_flight = self._started = self._rate_limited = 0

    def statistics(self) -> LimitStatistics:
        """The counts of this moment."""
        return LimitStatistics(
            in_flight=self._in_flight,
            peak_in_flight=self._peak_in_flight,
            waiting=len(self._line),
            started=self._started,
            rate_limited=self._rate_limited,
            paused_for_s=self._pauses.total_s,
        )

    async def admit(self, priority: int, tokens: int) -> None:
        """Wait for the turn to start a call of about ``tokens``. Raises what ``close`` was given.

        Every return must be followed by one ``finish``.
        """
        self._raise_if_closed()
        if not self._line and self._start(tokens) == 0:
            return
        waiter = Waiter(get_running_loop().create_future(), priority, tokens)
        self._line.join(waiter)
        if self._line.first() is waiter:
            self._dispatch()
        try:
            if not await waiter.turn:
                self._raise_if_closed()
        except CancelledError:
            self._withdraw(waiter)
            raise

    def finish(self) -> None:
        """Take in that a call has ended; the first in line takes its place."""
        self._in_flight -= 1
        if self._line:
            self._dispatch()

    def expected_tokens(self, request: ChatRequest) -> int:
        """What ``request`` will probably use; 0 where tokens are not limited."""
        if self._bucket is None:
            return 0
        return prompt_tokens(request) + self._outputs.expected(request)

    def settle(self, request: ChatRequest, expected: int, completion: Completion | None) -> None:
        """Correct the estimate by what was used; without an answer that is the prompt."""
        if self._bucket is None:
            return
        if completion is None:
            self._bucket.take(prompt_tokens(request) - expected)
            return
        usage = completion.usage
        self._outputs.learn(request.stage, usage)
        if usage.input_tokens is not None and usage.output_tokens is not None:
            self._bucket.take(usage.input_tokens + usage.output_tokens - expected)

    def slow_down(self, error: RateLimited, started_s: float) -> None:
        """Pause because a call that started at ``started_s`` was told to go slower."""
        self._rate_limited += 1
        hint_s = error.retry_after_s
        if hint_s is not None and hint_s > self._longest_pause_s:
            self.close(RunStopped(f"{self._model} asks to wait {hint_s:.0f} s: resume after that"))
            return
        wait_s = self._pauses.ask(self._clock(), started_s, hint_s)
        if wait_s is not None:
            self._on_event(Paused(self._model, wait_s))

    def went_well(self, started_s: float) -> None:
        """Take in that a call that started at ``started_s`` got its answer."""
        self._pauses.went_well(started_s)

    async def rest(self, seconds: float) -> None:
        """Sleep, but not beyond ``close``. Raises what ``close`` was given."""
        self._raise_if_closed()
        loop = get_running_loop()
        over: Future[None] = loop.create_future()
        alarm = loop.call_later(seconds, _end, over)
        self._resting.add(over)
        try:
            await over
        finally:
            alarm.cancel()
            self._resting.discard(over)
        self._raise_if_closed()

    def close(self, error: RunStopped) -> None:
        """Start nothing more: all that wait, and all that come, raise ``error``.

        Calls under way go on. Only the first ``error`` counts.
        """
        if self._closed is not None:
            return
        self._closed = error
        while self._line:
            waiter = self._line.first()
            self._line.leave(waiter)
            if not waiter.turn.done():
                waiter.turn.set_result(False)
        for over in self._resting:
            _end(over)
        self._stop_timer()

    def _start(self, tokens: int) -> float:
        """Start a call and return 0, or return the seconds after which it is worth another try."""
        if self._in_flight >= self._max_in_flight:
            return math.inf
        wait_s = self._pauses.left_s(self._clock())
        if self._rate is not None:
            wait_s = max(wait_s, self._rate.wait_s())
        if self._bucket is not None:
            wait_s = max(wait_s, self._bucket.wait_s(tokens))
        if wait_s > 0:
            return wait_s
        if self._rate is not None and not self._rate.take():
            return FULL_WINDOW_WAIT_S
        if self._bucket is not None:
            self._bucket.take(tokens)
        self._started += 1
        self._in_flight += 1
        self._peak_in_flight = max(self._peak_in_flight, self._in_flight)
        return 0.0

    def _dispatch(self) -> None:
        """Start as many from the front of the line as may start now."""
        while self._line:
            waiter = self._line.first()
            if not waiter.turn.done():  # else it was cancelled a moment ago
                wait_s = self._start(waiter.tokens)
                if wait_s > 0:
                    self._wake_in(wait_s)
                    return
                waiter.turn.set_result(True)
            self._line.leave(waiter)
        self._stop_timer()

    def _withdraw(self, waiter: Waiter) -> None:
        """Undo what a cancelled waiter holds: its place in the line, or the start it just got."""
        if self._line.leave(waiter):
            self._dispatch()
        elif not waiter.turn.cancelled() and waiter.turn.result():
            if self._bucket is not None:
                self._bucket.take(-waiter.tokens)
            self.finish()

    def _wake_in(self, wait_s: float) -> None:
        """Dispatch after ``wait_s`` at the latest; without end, the end of a call will do it."""
        if wait_s == math.inf:
            return
        loop = get_running_loop()
        wake_at_s = loop.time() + max(wait_s, SHORTEST_WAIT_S)
        if self._timer is not None:
            if self._timer.when() <= wake_at_s:
                return
            self._timer.cancel()
        self._timer = loop.call_at(wake_at_s, self._wake)

    def _wake(self) -> None:
        self._timer = None
        self._dispatch()

    def _stop_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _raise_if_closed(self) -> None:
        if self._closed is not None:
            # One error is raised to thousands of callers: without this it would collect their frames.
            raise self._closed.with_traceback(None)


def _end(over: Future[None]) -> None:
    if not over.done():
        over.set_result(None)


class LimitedModel:
    """Calls ``inner`` within ``limits``, and pauses them when the endpoint asks to slow down.

    Raises RunStopped once the limits are closed; an error of that kind from ``inner`` closes them.
    """

    def __init__(
        self, inner: ChatModel, limits: Limits, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._inner = inner
        self._limits = limits
        self._clock = clock

    async def complete(self, request: ChatRequest) -> Completion:
        """Wait for the turn, call, and hand the turn on."""
        limits = self._limits
        expected = limits.expected_tokens(request)
        await limits.admit(request.priority, expected)
        started_s = self._clock()
        completion: Completion | None = None
        try:
            completion = await self._inner.complete(request)
            limits.went_well(started_s)
        except RateLimited as error:
            limits.slow_down(error, started_s)
            raise
        except RunStopped as error:
            limits.close(error)
            raise
        finally:
            limits.settle(request, expected, completion)
            limits.finish()
        return completion
