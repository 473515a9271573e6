"""A chain of stages: who hands what to whom.

Routing is by type: a record goes to the next stage down the chain that accepts its type; if there is none, back
to the nearest one up the chain (a loop edge); if there is none either, it is an outcome.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from itertools import chain
from typing import Any

from codeclm.engine.events import Observer
from codeclm.engine.run import Run
from codeclm.engine.stage import Stage

__all__ = ["Pipeline"]


class Pipeline:
    """Stages in order and the types of outcome they may end in. Reusable; each ``open`` is a run of its own.

    Raises TypeError where a stage emits a type that no stage accepts and that is no outcome.
    """

    def __init__(
        self, stages: Sequence[Stage[Any, Any]], outcomes: tuple[type, ...], *, tickets: int = 64
    ) -> None:
        if tickets < 1:
            raise ValueError("tickets must be at least 1")
        self.stages = tuple(stages)
        self.outcomes = outcomes
        self.tickets = tickets
        for index, stage in enumerate(self.stages):
            for kind in stage.emits:
                self.route(index, kind)

    def insert(self, stage: Stage[Any, Any], *, before: str) -> Pipeline:
        """The same pipeline with ``stage`` in front of the one named ``before``. Raises ValueError if none is."""
        names = [existing.name for existing in self.stages]
        place = names.index(before)
        stages = [*self.stages[:place], stage, *self.stages[place:]]
        return Pipeline(stages, self.outcomes, tickets=self.tickets)

    def route(self, origin: int, kind: type) -> int | None:
        """Index of the stage that takes a ``kind`` from stage ``origin`` (-1: the source); None: an outcome."""
        down, up = range(origin + 1, len(self.stages)), range(origin, -1, -1)
        for index in chain(down, up):
            if issubclass(kind, self.stages[index].accepts):
                return index
        if issubclass(kind, self.outcomes):
            return None
        maker = self.stages[origin].name if origin >= 0 else "the source"
        raise TypeError(f"{maker} makes {kind.__name__}, which no stage accepts and is no outcome")

    @asynccontextmanager
    async def open(
        self, source: AsyncIterable[Any] | Iterable[Any], observers: Sequence[Observer] = ()
    ) -> AsyncIterator[Run]:
        """Run ``source`` through the stages; iterate the run for its outcomes (and Failed items).

        Leaving the block early cancels what is under way. A bug in a stage or source is raised as it was, not in a
        group.
        """
        run = Run(self.stages, self.route, self.tickets, source, observers)
        try:
            async with asyncio.TaskGroup() as group:
                run.start(group)
                try:
                    yield run
                finally:
                    run.cancel()
        except BaseExceptionGroup as failures:
            raise _first(failures) from None


def _first(failures: BaseExceptionGroup[BaseException]) -> BaseException:
    """The one exception that ended the run: further ones are consequences or as good."""
    first = failures.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first
