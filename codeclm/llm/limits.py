"""The limits of one endpoint: calls in flight, requests and tokens a minute, its pauses and its outages.

All decisions are made by synchronous functions on one state; waiting is one future a call. No task
runs here and nothing polls while calls wait: the end of a call or one timer starts the next.
"""

from __future__ import annotations

import math
import time
from asyncio import CancelledError, Future, TimerHandle, get_running_loop
from collections.abc import Callable

from asyncio_throttle.throttler import Throttler

from codeclm.errors import RunStopped
from codeclm.llm.allowance import Allowance, LimitStatistics
from codeclm.llm.concurrency import Concurrency
from codeclm.llm.held_up import Cause, HeldUp
from codeclm.llm.hidden_rate import HiddenRate
from codeclm.llm.line import Line, Waiter
from codeclm.llm.pace import FULL_WINDOW_WAIT_S, WINDOW_S, RequestRate, Window
from codeclm.llm.tokens import NO_TOKENS, TokenLimits, Tokens
from codeclm.llm.turns import Turns

__all__ = ["Allowance", "Gate", "LimitStatistics", "Limits", "request_window"]

STARTS_A_TURN = 32
SHORTEST_WAIT_S = 0.001  # the resolution of timers


class Gate:
    """Keeps calls from starting for reasons of its own, such as a pause or an outage."""

    def wait_s(self, now_s: float) -> float:
        """Seconds until a call may start; infinite where only the end of another call can tell."""
        return 0.0

    def why(self, now_s: float) -> Cause:
        """What it is that calls wait for, where they must."""
        return Cause.pause

    def start(self, now_s: float) -> None:
        """Take in that a call starts."""


def request_window(requests_per_minute: float) -> Window:
    """A sliding window that holds ``requests_per_minute``, or one in a longer time if it is < 1."""
    requests = max(1, math.floor(requests_per_minute))
    period_s = WINDOW_S * requests / requests_per_minute
    return Throttler(rate_limit=requests, period=period_s)


class Limits:
    """Lets calls start, in order of priority and then of arrival, only when all limits and the ``gate`` allow it.

    In any minute at most ``requests_per_minute`` calls start, evenly spaced but for 0.1 s worth at
    once. ``window`` is ``request_window(requests_per_minute)`` by default. ``counts_tokens``: they are limited, so that
    somebody must estimate and settle them.
    """

    def __init__(
        self,
        allowance: Allowance,
        gate: Gate | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
        window: Window | None = None,
    ) -> None:
        self.clock = clock
        self._allowance = allowance
        self.concurrency = Concurrency(
            allowance.max_in_flight,
            adaptive=allowance.adaptive,
            brisk_below=allowance.brisk_below,
            began_s=clock(),
        )
        self.hidden_rate = HiddenRate(adaptive=allowance.adaptive)
        self._gate = gate or Gate()
        self._rate = _rate(allowance.requests_per_minute, clock, window)
        tokens = TokenLimits(
            clock,
            both=allowance.tokens_per_minute,
            input=allowance.input_tokens_per_minute,
            output=allowance.output_tokens_per_minute,
        )
        self.counts_tokens = bool(tokens)
        self._tokens = tokens if tokens else None
        self._line = Line()
        self._held_up = HeldUp(clock)
        self._cause = Cause.in_flight
        self._timer: TimerHandle | None = None
        self._wake_at_s = 0.0
        self._resting: set[Future[None]] = set()
        self._closed: RunStopped | None = None
        self.in_flight = self._peak_in_flight = self._started = 0
        self._turns = Turns(STARTS_A_TURN, self._dispatch)
        self._busy_s, self._busy_at_s = 0.0, clock()

    @property
    def has_waiting(self) -> bool:
        """Whether a call waits for its turn."""
        return bool(self._line)

    def statistics(self) -> LimitStatistics:
        """The counts of this moment."""
        rate_per_s = self.hidden_rate.per_s
        self._count(0, self.clock())
        return LimitStatistics(
            allowance=self._allowance,
            in_flight=self.in_flight,
            peak_in_flight=self._peak_in_flight,
            waiting=len(self._line),
            started=self._started,
            allowed=self.concurrency.allowed,
            changes=tuple(self.concurrency.changes),
            rate_per_s=None if rate_per_s == math.inf else rate_per_s,
            resting=len(self._resting),
            busy_s=self._busy_s,
            held_up=self._held_up.seconds(),
        )

    async def admit(self, priority: int = 0, tokens: Tokens = NO_TOKENS, stage: str = "") -> int:
        """Wait for the turn to start a call of ``stage``, of about ``tokens``; how many are in flight with it.

        Every return must be followed by one ``finish``. Raises what ``close`` was given.
        """
        self._raise_if_closed()
        if not self._line and self._turns.has_room() and self._start(tokens) == 0:
            return self.in_flight
        waiter = Waiter(get_running_loop().create_future(), priority, tokens, stage)
        self._line.join(waiter)
        if self._line.first() is waiter:
            self._dispatch()
        try:
            level = await waiter.turn
        except CancelledError:
            self._withdraw(waiter)
            raise
        if not level:
            self._raise_if_closed()
        return level

    def finish(self) -> None:
        """Take in that a call has ended; the first in line takes its place."""
        self._count(-1, self.clock())
        if self._line:
            self._dispatch()

    def correct(self, expected: Tokens, used: Tokens) -> None:
        """Settle the tokens of a call: ``used`` ones are taken in the place of those ``expected``."""
        if self._tokens is not None:
            self._tokens.take(Tokens(used.input - expected.input, used.output - expected.output))

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

    def close(self, error: RunStopped) -> RunStopped:
        """Start nothing more: all that wait, and all that come, raise the first ``error`` given; it is returned.

        Calls under way go on.
        """
        if self._closed is not None:
            return self._closed
        self._closed = error
        while self._line:
            waiter = self._line.first()
            self._line.leave(waiter)
            if not waiter.turn.done():
                waiter.turn.set_result(0)
        for over in self._resting:
            _end(over)
        self._held_up.over()
        self._stop_timer()
        return error

    def _start(self, tokens: Tokens) -> float:
        """Start a call and return 0, or return the seconds after which it is worth another try."""
        if self.in_flight >= self.concurrency.allowed:
            self.concurrency.use(self.clock())
            self._cause = Cause.in_flight
            return math.inf
        now_s = self.clock()
        wait_s = self._wait_s(tokens, now_s)
        if wait_s > 0:
            return wait_s
        if self._rate is not None and not self._rate.take():
            self._cause = Cause.requests
            return FULL_WINDOW_WAIT_S
        if self._tokens is not None:
            self._tokens.take(tokens)
        self.hidden_rate.start(now_s)
        self._gate.start(now_s)
        self._started += 1
        self._turns.take()
        self._count(1, now_s)
        self.concurrency.start(self.in_flight)
        if self.in_flight > self._peak_in_flight:
            self._peak_in_flight = self.in_flight
        return 0.0

    def _wait_s(self, tokens: Tokens, now_s: float) -> float:
        """Seconds until nothing is in the way; what is in it longest is then ``_cause``."""
        wait_s = self._gate.wait_s(now_s)
        if wait_s > 0:
            self._cause = self._gate.why(now_s)
        if self._rate is not None and (due_in_s := self._rate.wait_s()) > wait_s:
            wait_s, self._cause = due_in_s, Cause.requests
        if self._tokens is not None and (full_in_s := self._tokens.wait_s(tokens)) > wait_s:
            wait_s, self._cause = full_in_s, self._tokens.why(tokens)
        if wait_s <= 0:  # asked last: it notes whether it is what holds up
            wait_s = self.hidden_rate.wait_s(now_s)
            self._cause = Cause.hidden_rate
        return wait_s

    def _count(self, change: int, now_s: float) -> None:
        """Take in that so many calls more are in flight from now on."""
        self._busy_s += self.in_flight * (now_s - self._busy_at_s)
        self._busy_at_s = now_s
        self.in_flight += change

    def _dispatch(self) -> None:
        """Start as many from the front of the line as may start now."""
        while self._line:
            if not self._turns.has_room():
                return
            waiter = self._line.first()
            if not waiter.turn.done():  # else it was cancelled a moment ago
                wait_s = self._start(waiter.tokens)
                if wait_s > 0:
                    self._held_up.by(self._cause, waiter.stage)
                    self._wake_in(wait_s)
                    return
                waiter.turn.set_result(self.in_flight)
            self._line.leave(waiter)
        self._held_up.over()
        self._stop_timer()

    def _withdraw(self, waiter: Waiter) -> None:
        """Undo what a cancelled waiter holds: its place in the line, or the start it just got."""
        if self._line.leave(waiter):
            self._dispatch()
        elif not waiter.turn.cancelled() and waiter.turn.result():
            self.correct(waiter.tokens, NO_TOKENS)
            self.finish()

    def _wake_in(self, wait_s: float) -> None:
        """Dispatch after ``wait_s`` at the latest; without end, the end of a call will do it."""
        if wait_s == math.inf:
            return
        loop = get_running_loop()
        wake_at_s = loop.time() + max(wait_s, SHORTEST_WAIT_S)
        if self._timer is not None:
            if self._wake_at_s <= wake_at_s:
                return
            self._timer.cancel()
        # uvloop's handle of a timer that is due at once cannot say when.
        self._wake_at_s = wake_at_s
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


def _rate(
    requests_per_minute: float | None, clock: Callable[[], float], window: Window | None
) -> RequestRate | None:
    if requests_per_minute is None:
        return None
    return RequestRate(requests_per_minute, clock, window or request_window(requests_per_minute))


def _end(over: Future[None]) -> None:
    if not over.done():
        over.set_result(None)
