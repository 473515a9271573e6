"""The source of a method that starts from seeds as they are: one start after another, draw-major, never in memory."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Mapping

from codeclm.engine.items import each_of
from codeclm.errors import UsageError
from codeclm.methods.entries import entry_of
from codeclm.methods.rounds import Round, Wanted
from codeclm.records import Again, Draft, Entry, Seed, Unit, draft_id

__all__ = ["SeedWork"]

STARTS_A_TURN = 1_000
"""Gone through before other tasks get a turn."""


class SeedWork:
    """Feeds a pipeline with starts: a seed each, as a draft that is to be made into ``outcomes`` instructions.

    ``wanted`` counts starts. Every seed gets its first before any gets its second, so a run that is extended keeps
    what it had. ``items`` are gone through once for each round; a stream, whose end is not known, once in all.
    ``finished`` knows the starts that nothing is left to do for, by the id of their draft.
    """

    def __init__(
        self,
        items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
        wanted: Wanted,
        outcomes: int,
        finished: Callable[[str], bool],
    ) -> None:
        self._items = items
        self._wanted = wanted
        self._outcomes = outcomes
        self._finished = finished
        self._seeds = self._starts = 0

    async def starts(self) -> AsyncIterator[Again]:
        """What enters the pipeline, in order."""
        if self._wanted.per_entry:
            async for seed in self._each_seed(first=True):
                for draw in range(self._wanted.per_entry):
                    async for start in self._start(seed, draw):
                        yield start
            return
        draw = 0
        for increment in self._wanted.increments():
            left = increment
            while left > 0:
                this = Round(left, self._wanted.entries, 1)
                async for seed in self._each_seed(first=not draw):
                    if this.keep(seed.number):
                        async for start in self._start(seed, draw):
                            yield start
                left -= min(left, this.entries)
                draw += 1

    def counts(self) -> Mapping[str, int]:
        """What became of the input so far."""
        made = self._starts * self._outcomes
        return {
            "input": self._seeds,
            "augmented": 0,
            "pairs_dropped": 0,
            "entries_failed": 0,
            "entries": self._seeds,
            "units": self._starts,
            "asked": made,
            "lost": 0,
            "instructions": made,
            "duplicates_dropped": 0,
            "missing": 0,
        }

    async def _start(self, seed: Seed, draw: int) -> AsyncIterator[Again]:
        self._starts += 1
        if not self._starts % STARTS_A_TURN:
            await asyncio.sleep(0)
        entry = entry_of(seed)
        identity = draft_id(Unit(entry, draw, 1, 1).id, 0)
        if not self._finished(identity):
            yield Again(Draft(identity, entry, seed.instruction, 0))

    async def _each_seed(self, *, first: bool) -> AsyncIterator[Seed]:
        async for item in each_of(self._items):
            if not isinstance(item, Seed):
                raise UsageError("metadata is no seed: this method starts from instructions")
            self._seeds += first
            yield item
