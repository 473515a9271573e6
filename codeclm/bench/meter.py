"""Measures each attempt of a call where it meets the endpoint: after limits and pauses, before the wire."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codeclm.errors import CodecLMError
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Usage
from codeclm.llm.preflight import STAGE

__all__ = ["CANCELLED", "Attempt", "Meter"]

CANCELLED = "cancelled"
LONGEST_MESSAGE = 300
NO_USAGE = Usage()


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt of a call, from the moment it was sent to the end of its answer, in seconds of one clock.

    ``error`` is "" where it was answered, else the class name of what came instead. ``again``: an earlier attempt of
    the same call had failed.
    """

    began_s: float
    ended_s: float
    usage: Usage = NO_USAGE
    error: str = ""
    again: bool = False


class Meter:
    """Wraps models and takes down what they are asked. Calls are told apart by their draw."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._attempts: list[Attempt] = []
        self._failed: set[int] = set()
        self._in_flight: set[int] = set()
        self.messages: dict[str, str] = {}

    def around(self, model: ChatModel) -> ChatModel:
        """``model``, measured."""
        return _Metered(model, self)

    def is_in_flight(self, request: ChatRequest) -> bool:
        """Whether an attempt of this call is at the endpoint at this moment."""
        return request.draw in self._in_flight

    def collect(self) -> tuple[Attempt, ...]:
        """The attempts since this was last asked, in the order of their ends."""
        attempts = tuple(self._attempts)
        self._attempts.clear()
        self._failed.clear()
        return attempts

    def begin(self, request: ChatRequest) -> float:
        """Take in that an attempt begins; when that is."""
        self._in_flight.add(request.draw)
        return self._clock()

    def end(
        self, request: ChatRequest, began_s: float, *, usage: Usage = NO_USAGE, error: str = ""
    ) -> None:
        """Take in that it ended."""
        self._in_flight.discard(request.draw)
        again = request.draw in self._failed
        self._attempts.append(Attempt(began_s, self._clock(), usage, error, again))
        if error:
            self._failed.add(request.draw)

    def explain(self, error: CodecLMError) -> None:
        """Keep the first message of each kind of error; the endpoint may have written it."""
        message = " ".join(str(error).split())[:LONGEST_MESSAGE]
        self.messages.setdefault(type(error).__name__, message)


class _Metered:
    """Passes on what ``inner`` answers or raises."""

    def __init__(self, inner: ChatModel, meter: Meter) -> None:
        self._inner = inner
        self._meter = meter

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request``."""
        if request.stage == STAGE:
            return await self._inner.complete(request)
        began_s = self._meter.begin(request)
        try:
            completion = await self._inner.complete(request)
        except CodecLMError as error:
            self._meter.explain(error)
            self._meter.end(request, began_s, error=type(error).__name__)
            raise
        except BaseException:
            self._meter.end(request, began_s, error=CANCELLED)
            raise
        self._meter.end(request, began_s, usage=completion.usage)
        return completion
