"""What the simulated API answers to each request, without any HTTP: keys, limits, faults, latency, answers."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import Callable
from contextlib import nullcontext

from codeclm.simulator import wire
from codeclm.simulator.call_log import CallLog, body_digest
from codeclm.simulator.options import ServerOptions
from codeclm.simulator.rate_window import RateWindow
from codeclm.simulator.seeded import share_of
from codeclm.simulator.wire import BadRequest, ChatCall, Reply
from codeclm.simulator.world import World

__all__ = ["Endpoint"]

SLOW_FACTOR = 10
"""The fault "slow" multiplies the latency by this."""

_REASONS = {
    "500": "Internal Server Error",
    "502": "Bad Gateway",
    "503": "Service Unavailable",
    "504": "Gateway Time-out",
    "529": "Overloaded",
}


class Endpoint:
    """Answers request bodies. ``clock`` is monotonic seconds, ``wall_clock`` Unix time in seconds."""

    def __init__(
        self,
        world: World,
        options: ServerOptions,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        self.log = CallLog()
        self._world = world
        self._options = options
        self._wall_clock = wall_clock
        self._window = _rate_window(options, clock)
        queues = options.queue and options.max_in_flight is not None
        self._slot = asyncio.Semaphore(options.max_in_flight or 1) if queues else nullcontext()
        self._number = 0
        self._sleepers: set[asyncio.Future[None]] = set()
        self._closed = False

    def close(self) -> None:
        """Wake all that wait: answers go out at once, hanging requests end."""
        self._closed = True
        for sleeper in self._sleepers:
            if not sleeper.done():
                sleeper.set_result(None)

    def models(self, authorization: str | None) -> Reply:
        """The list of models."""
        refusal = self._refuse_key(authorization)
        return refusal or wire.model_list(self._world.models, int(self._wall_clock()))

    async def chat(self, body: bytes, authorization: str | None) -> Reply:
        """The answer to a chat completion request."""
        self.log.requests += 1
        try:
            reply = await self._chat(body, authorization)
        except asyncio.CancelledError:
            self.log.abandoned += 1
            raise
        if reply.delivery != "reset":
            self.log.by_status[reply.status] += 1
        return reply

    async def _chat(self, body: bytes, authorization: str | None) -> Reply:
        refusal = self._refuse_key(authorization)
        if refusal:
            return refusal
        try:
            call = wire.read_call(body)
        except BadRequest as bad:
            return wire.error(400, str(bad), param=bad.param, code=bad.code)
        if call.model not in self._world.models:
            message = (
                f"The model {call.model[:100]!r} does not exist or you do not have access to it."
            )
            return wire.error(404, message, param="model", code="model_not_found")
        self.log.by_model[call.model] += 1
        digest = body_digest(body) if self._options.record_calls else ""
        if digest:
            self.log.received[digest] += 1
        return self._refuse_rate() or await self._admitted(call, digest)

    async def _admitted(self, call: ChatCall, digest: str) -> Reply:
        self._number += 1
        number = self._number
        fault = self._options.faults.of_request(number)
        if fault:
            self.log.by_fault[fault] += 1
        self.log.in_flight += 1
        self.log.max_in_flight = max(self.log.max_in_flight, self.log.in_flight)
        try:
            async with self._slot:
                return self._refuse_by_fault(fault, number) or await self._served(
                    call, number, fault, digest
                )
        finally:
            self.log.in_flight -= 1

    async def _served(self, call: ChatCall, number: int, fault: str | None, digest: str) -> Reply:
        if fault == "timeout":
            await self._sleep(None)
            return Reply(200, b"", delivery="reset")
        await self._sleep(self._latency_s(call, fault))
        if fault == "reset":
            return Reply(200, b"", delivery="reset")
        answer = self._world.answer(
            call.model,
            call.messages,
            temperature=call.temperature,
            seed=call.seed,
            max_tokens=call.max_tokens,
        )
        text = None if fault == "empty" else answer.text
        created_s = int(self._wall_clock())
        reply = wire.completion(answer, text, call.model, number, created_s, self._rate_headers())
        if fault == "cut":
            return wire.cut(reply)
        if fault == "malformed":
            return wire.malformed(reply)
        if fault != "empty":
            self.log.count_answer(answer, digest)
        return reply

    def _latency_s(self, call: ChatCall, fault: str | None) -> float:
        latency_s = self._options.latency_s
        if latency_s and self._options.latency_jitter:
            drawn = share_of("latency", *(message["content"] for message in call.messages))
            latency_s *= 1 + self._options.latency_jitter * (2 * drawn - 1)
        return latency_s * (SLOW_FACTOR if fault == "slow" else 1)

    async def _sleep(self, duration_s: float | None) -> None:
        """Wait ``duration_s`` (None: for ever), or until the endpoint closes."""
        if self._closed or duration_s == 0:
            return
        loop = asyncio.get_running_loop()
        sleeper = loop.create_future()
        timer = None if duration_s is None else loop.call_later(duration_s, _wake, sleeper)
        self._sleepers.add(sleeper)
        try:
            await sleeper
        finally:
            self._sleepers.discard(sleeper)
            if timer:
                timer.cancel()

    def _refuse_key(self, authorization: str | None) -> Reply | None:
        if self._options.api_key is None:
            return None
        wanted = f"Bearer {self._options.api_key}".encode()
        if hmac.compare_digest(wanted, (authorization or "").encode("utf-8", "surrogateescape")):
            return None
        return wire.error(401, "Incorrect API key provided.", code="invalid_api_key")

    def _refuse_rate(self) -> Reply | None:
        limit = self._options.max_in_flight
        if limit and not self._options.queue and self.log.in_flight >= limit:
            message = f"Too many requests in flight; the limit is {limit}."
            return self._too_many(message, self._options.retry_after_s)
        wait_s = self._window.admit() if self._window else 0.0
        if wait_s:
            message = f"Rate limit reached: {self._options.requests_per_minute} requests a minute."
            return self._too_many(message, wait_s)
        return None

    def _refuse_by_fault(self, fault: str | None, number: int) -> Reply | None:
        if fault == "429":
            return self._too_many("Rate limit reached.", self._options.retry_after_s)
        if fault not in _REASONS:
            return None
        if number % 2:
            return wire.gateway_page(int(fault), _REASONS[fault])
        return wire.error(int(fault), f"{_REASONS[fault]}.", kind="server_error")

    def _too_many(self, message: str, wait_s: float) -> Reply:
        headers = self._rate_headers() | wire.retry_headers(wait_s)
        code = "rate_limit_exceeded"
        return wire.error(429, message, kind="requests", code=code, headers=headers)

    def _rate_headers(self) -> dict[str, str]:
        window = self._window
        return wire.rate_headers(window.limit, window.remaining, window.reset_s()) if window else {}


def _rate_window(options: ServerOptions, clock: Callable[[], float]) -> RateWindow | None:
    if options.requests_per_minute is None:
        return None
    limit = max(1, int(options.requests_per_minute * options.rate_window_s / 60))
    return RateWindow(limit, options.rate_window_s, clock)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
