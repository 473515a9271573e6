"""The network of a simulated run: endpoints that answer, refuse, go down and come back as their weather has it."""

from __future__ import annotations

import asyncio
from contextvars import ContextVar
from random import Random

from codeclm.errors import CodecLMError, ConnectionFailed, StaleConnection, TimedOut, Unreachable
from codeclm.llm.chat import ChatModel, ChatRequest, Completion
from codeclm.llm.http import Answer, Post
from codeclm.llm.key import KeyMaker
from tests.simulation.answers import Manner, Reply, reply
from tests.simulation.checks import CallBook
from tests.simulation.replies import COMPLETIONS, ERRORS, Shape
from tests.simulation.universe import Universe
from tests.simulation.weather import ServerWeather, Steps

__all__ = ["CheckedModel", "SeededPost", "Server"]

QUICK = {"RateLimited", "RampTooFast", "Overloaded", "QuotaExhausted", "stale", "unreachable"}


class Server:
    """An endpoint over all sessions. Decides what becomes of a call at its start."""

    def __init__(self, universe: Universe, weather: ServerWeather, model: str) -> None:
        self._universe = universe
        self._weather = weather
        self._began_s = universe.now_s
        self._kinds = [kind for kind, _ in weather.faults]
        self._weights = [weight for _, weight in weather.faults]
        self._tokens, self._filled_s = 1.0, universe.now_s
        self._credit = weather.empty_at
        self.model = model
        self.in_flight = 0

    def begin_session(self) -> None:
        """The calls of the session before are gone, and an empty account is filled up."""
        self.in_flight = 0
        if self._credit is not None and self._credit <= 0:
            self._credit = None

    def clear_up(self) -> None:
        """No more trouble from here on."""
        self._weather, self._credit = ServerWeather(), None

    def trouble(self) -> str:
        """What a call that starts now meets; "" where it is answered."""
        weather, random = self._weather, self._universe.random
        since_s = self._universe.clock() - self._began_s
        if self._credit is not None:
            self._credit -= 1
            if self._credit <= 0:
                return "QuotaExhausted"
        for begin_s, end_s, kind in weather.outages:
            if begin_s <= since_s < end_s:
                return kind
        if self.in_flight > _at(weather.in_flight, since_s) or not self._take(since_s):
            return "RateLimited"
        if random.random() < weather.fault_share:
            return random.choices(self._kinds, self._weights)[0]
        return ""

    def duration_s(self, kind: str) -> float:
        """How long the call takes."""
        weather, random = self._weather, self._universe.random
        if kind in QUICK:
            return random.choice((0.0, 0.01))
        if kind == "timeout" or random.random() < 0.001:
            return 1e9
        return weather.latency_s * (1 + weather.spread * random.uniform(-1, 3))

    def error(self, kind: str) -> Answer:
        """An answer that amounts to the error ``kind``."""
        random = self._universe.random
        answer = random.choice(ERRORS[kind])
        if kind == "RateLimited" and random.random() >= self._weather.hint_share:
            return Answer(429, {}, b'{"error": {"message": "Rate limit reached"}}')
        return answer

    def _take(self, since_s: float) -> bool:
        per_s = _at(self._weather.per_s, since_s)
        now_s = self._universe.clock()
        burst = max(1.0, per_s)
        self._tokens = min(burst, self._tokens + (now_s - self._filled_s) * min(per_s, 1e9))
        self._filled_s = now_s
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


def _at(steps: Steps, since_s: float) -> float:
    return next((value for at_s, value in reversed(steps) if at_s <= since_s), float("inf"))


class SeededPost(Post):
    """Takes the place of HTTP: what comes back is raw, and read by the real reader."""

    def __init__(self, server: Server, universe: Universe, manner: Manner) -> None:
        self._server, self._universe, self._manner = server, universe, manner

    async def send(self, body: bytes) -> Answer | CodecLMError:
        request, key, usage = _asked.get()
        server, universe = self._server, self._universe
        kind = server.trouble()
        given = reply(request, server.model, key, self._manner)
        duration_s = server.duration_s(kind)
        timeout_s = universe.weather.timeout_s
        await asyncio.sleep(min(duration_s, timeout_s))
        if duration_s > timeout_s:
            return TimedOut(f"no complete answer within {timeout_s:g} s")
        if kind in BROKEN:
            return BROKEN[kind](f"the connection failed: {kind}")
        if kind or given.error:
            return server.error(kind or given.error)
        return self._completion(given, key, usage)

    def _completion(self, given: Reply, key: str, usage: list[Shape]) -> Answer:
        # The tokens are on record with the answer: they must be what they are in the undisturbed run.
        shape = Random(f"{key} shape").choice(COMPLETIONS)
        usage.append(shape)
        return shape.answer(given.text, given.finish_reason)


BROKEN: dict[str, type[ConnectionFailed]] = {
    "reset": ConnectionFailed,
    "stale": StaleConnection,
    "unreachable": Unreachable,
}

_asked: ContextVar[tuple[ChatRequest, str, list[Shape]]] = ContextVar("_asked")


class CheckedModel:
    """Around the real DirectModel: each start and each end of a call is checked and put down."""

    def __init__(
        self, inner: ChatModel, server: Server, universe: Universe, keys: KeyMaker, book: CallBook
    ) -> None:
        self._inner, self._server, self._universe = inner, server, universe
        self._keys, self._book = keys, book

    async def complete(self, request: ChatRequest) -> Completion:
        key, usage = self._keys.key(request), list[Shape]()
        server, universe, book = self._server, self._universe, self._book
        universe.happen("call")
        book.start(key)
        server.in_flight += 1
        _asked.set((request, key, usage))
        try:
            completion = await self._inner.complete(request)
            universe.happen("answer")
        except CodecLMError as error:
            universe.happen(type(error).__name__)
            book.fail(key, error)
            raise
        finally:
            server.in_flight -= 1
            book.in_flight -= 1
        [shape] = usage
        book.answer(key, shape.input_tokens, shape.output_tokens)
        return completion
