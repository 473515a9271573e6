"""The limits of one model, or of a whole server: calls in flight, requests and tokens as time goes by."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codeclm.simulator.options import ServerOptions
from codeclm.simulator.rate_window import RateWindow
from codeclm.simulator.schedule import Schedule
from codeclm.simulator.token_bucket import TokenBucket

__all__ = ["LimitState", "Limits", "Shortage"]


@dataclass(frozen=True, slots=True)
class Shortage:
    """Why a call is not admitted. ``kind`` is "requests" or "tokens"; ``wait_s`` is None where only others know."""

    kind: str
    message: str
    wait_s: float | None


@dataclass(frozen=True, slots=True)
class LimitState:
    """What a server tells of a limit. ``of`` is "requests", "input-tokens" or "output-tokens"."""

    of: str
    limit: int
    remaining: int
    reset_s: float


class Limits:
    """Admits calls or says what is short; refused calls take nothing. ``in_flight`` is kept by the caller.

    Input tokens must be there when a call is admitted. Output tokens are taken when its answer is known:
    as long as they are in debt, nothing is admitted. ``second`` counts from the server's first request.
    """

    def __init__(self, options: ServerOptions, clock: Callable[[], float]) -> None:
        self.in_flight = 0
        self._most_in_flight = None if options.queue else options.slots
        self._window = _rate_window(options, clock)
        self._rate = _bucket(options.rate_limit, burst=options.rate_burst)
        self._input = _bucket(options.input_tokens, burst_s=options.rate_window_s)
        self._output = _bucket(options.output_tokens, burst_s=options.rate_window_s)

        told = (self._window, self._rate, self._input, self._output)
        self._is_told = any(limit is not None for limit in told)

    @property
    def counts_input(self) -> bool:
        """Whether there is a limit on input tokens."""
        return self._input is not None

    def admit(self, input_tokens: int, second: float) -> Shortage | None:
        """Admit a call and return None, or say what is short."""
        short = self._short(input_tokens, second)
        if short:
            return short
        if self._window:
            wait_s = self._window.admit()
            if wait_s:
                message = f"Rate limit reached: {self._window.limit} requests."
                return Shortage("requests", message, wait_s)
        if self._rate:
            self._rate.take(1, second)
        if self._input:
            self._input.take(input_tokens, second)
        return None

    def charge_output(self, tokens: int, second: float) -> None:
        """Take the tokens of an answer."""
        if self._output:
            self._output.take(tokens, second)

    def states(self, second: float) -> list[LimitState]:
        """The state of every limit that real servers tell about."""
        if not self._is_told:
            return []
        found = []
        if self._window:
            window = self._window
            found.append(LimitState("requests", window.limit, window.remaining, window.reset_s()))
        for of, bucket in (
            ("requests", None if self._window else self._rate),
            ("input-tokens", self._input),
            ("output-tokens", self._output),
        ):
            if bucket:
                size = bucket.size(second)
                remaining = max(0, int(bucket.level(second)))
                found.append(LimitState(of, int(size), remaining, bucket.wait_s(size, second)))
        return found

    def _short(self, input_tokens: int, second: float) -> Shortage | None:
        most = self._most_in_flight
        if most and self.in_flight >= int(most.at(second)):
            message = f"Too many requests in flight; the limit is {int(most.at(second))}."
            return Shortage("requests", message, None)
        for bucket, kind, name, needed in (
            (self._rate, "requests", "requests", 1),
            (self._input, "tokens", "input tokens", input_tokens),
            (self._output, "tokens", "output tokens", 1),
        ):
            wait_s = bucket.wait_s(needed, second) if bucket else 0.0
            if wait_s:
                return Shortage(kind, f"Rate limit reached: {name}.", wait_s)
        return None


def _rate_window(options: ServerOptions, clock: Callable[[], float]) -> RateWindow | None:
    if options.requests_per_minute is None:
        return None
    limit = max(1, int(options.requests_per_minute * options.rate_window_s / 60))
    return RateWindow(limit, options.rate_window_s, clock)


def _bucket(
    rate: Schedule | None, *, burst: float | None = None, burst_s: float = 1.0
) -> TokenBucket | None:
    return None if rate is None else TokenBucket(rate, burst=burst, burst_s=burst_s)
