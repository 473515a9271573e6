"""A pilot: the first units of work of some seeds, as the run itself will ask for them, and a log of every answer.

It is a part of the run: same ids, same draws, same directory. So the run goes on from it, and pays for nothing twice.
"""

from __future__ import annotations

import time
from collections.abc import AsyncGenerator, AsyncIterable, Collection, Iterator
from contextlib import AsyncExitStack, aclosing
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from codeclm.errors import UsageError
from codeclm.lines import LinesFile
from codeclm.llm.chat import ChatModel, ChatRequest, Completion
from codeclm.llm.events import Answered
from codeclm.methods.entries import Pair
from codeclm.records import Entry, Seed, Unit
from codeclm.sources import Source

__all__ = ["LOG", "Pilot", "PilotLog", "chosen", "only_first_units"]

LOG = "pilot.jsonl"


@dataclass(frozen=True, slots=True)
class Pilot:
    """How many seeds, or entries where metadata is given. Raises UsageError for none."""

    items: int

    def __post_init__(self) -> None:
        if self.items < 1:
            raise UsageError(f"a pilot has at least one seed, not {self.items}")

    def numbers(self, available: int) -> frozenset[int]:
        """Their places among so many, evenly spread, for files are often in an order."""
        items = min(self.items, available)
        return frozenset((2 * place + 1) * available // (2 * items) for place in range(items))


def chosen(source: Source, numbers: Collection[int]) -> Iterator[Seed | Entry]:
    """Those items of ``source``, with the numbers that they have in a run over all of it."""
    assert not isinstance(source, AsyncIterable)
    last = max(numbers)
    for item in source:
        if item.number in numbers:
            yield item
        if item.number >= last:
            return


async def only_first_units(
    work: AsyncIterable[object], *, all_draws: bool
) -> AsyncGenerator[object, None]:
    """The head of ``work``: all before the second draw, or with ``all_draws`` before what is mixed."""
    async with AsyncExitStack() as stack:
        if isinstance(work, AsyncGenerator):  # it is not gone through to its end
            await stack.enter_async_context(aclosing(work))
        async for item in work:
            first = not isinstance(item, Unit) or all_draws or item.draw == 0
            if isinstance(item, Pair) or not first:
                return
            yield item


class PilotLog:
    """A listener of the LLM layers: a line for each answer, once however often it is asked for.

    Opened for the length of the ``with`` block. Raises UsageError where the file cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._path = directory / LOG

    def __enter__(self) -> Self:
        self._file = LinesFile(self._path)
        self._known = {row["id"] for row in self._file.recover()}
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def __call__(self, event: object) -> None:
        if isinstance(event, Answered) and event.item and event.key not in self._known:
            self._known.add(event.key)
            self._file.append(_row(event))

    def around(self, model: ChatModel) -> ChatModel:
        """``model`` with a clock: what an answer takes is without the time that its call waited for limits."""
        return _Timed(model)


_took_s: ContextVar[float | None] = ContextVar(
    "seconds of the latest answer in this task", default=None
)


@dataclass(frozen=True, slots=True)
class _Timed:
    model: ChatModel

    async def complete(self, request: ChatRequest) -> Completion:
        began_s = time.monotonic()
        completion = await self.model.complete(request)
        _took_s.set(time.monotonic() - began_s)
        return completion


def _row(event: Answered) -> dict[str, Any]:
    """``seconds`` is None for an answer that nobody was asked for."""
    took_s = _took_s.get() if event.source == "endpoint" else None
    return {
        "id": event.key,
        "item": event.item,
        "stage": event.stage,
        "model": event.model,
        "iteration": event.iteration,
        "input_tokens": event.usage.input_tokens,
        "output_tokens": event.usage.output_tokens,
        "seconds": None if took_s is None else round(took_s, 4),
    }
