"""Measures each attempt of a call where it meets the endpoint: after limits and pauses, before the wire."""

from __future__ import annotations

import asyncio
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
    """Wraps models and takes down what they are asked. Calls are told apart by their draw.

    Once it is closed no attempt begins: the task of a call that has to be made again is cancelled instead.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._attempts: list[Attempt] = []
        self._failed: set[int] = set()
        self._in_flight: set[int] = set()
        self.is_open = False
        self.messages: dict[str, str] = {}

    def around(self, model: ChatModel) -> ChatModel:
        """``model``, measured."""
        return _Metered(model, self)

    def is_in_flight(self, request: ChatRequest) -> bool:
        """Whether an attempt of this call is at the endpoint at this moment."""
        return request.draw in self._in_flight

    def open(self) -> None:
        """Begin anew."""
        self._attempts.clear()
        self._failed.clear()
        self.is_open = True

    def close(self) -> None:
        """Let no further attempt begin; those under way are still taken down."""
        self.is_open = False

    @property
    def attempts(self) -> tuple[Attempt, ...]:
        """The attempts since it was opened, in the order of their ends."""
        return tuple(self._attempts)

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
        if not self._meter.is_open:
            await _give_up()
        began_s = self._meter.begin(request)
        try:
            completion = await self._inner.complete(request)
        except CodecLMError as error:
            self._meter.explain(error)
            self._meter.end(request, began_s, error=type(error).__name__)
            if not self._meter.is_open:
                _cancel()  # it takes effect where the layers above would wait for another attempt
            raise
        except BaseException:
            self._meter.end(request, began_s, error=CANCELLED)
            raise
        self._meter.end(request, began_s, usage=completion.usage)
        return completion


def _cancel() -> None:
    task = asyncio.current_task()
    assert task is not None
    task.cancel()


async def _give_up() -> None:
    """Raise CancelledError."""
    _cancel()
    await asyncio.sleep(0)
