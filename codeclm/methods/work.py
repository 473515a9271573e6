"""The source of a run: which units of work there are, counted before the start and never held in memory.

Round 0 gives every entry its first draw as soon as it is known; what augmentation adds follows when all seeds are
encoded; further rounds give every entry its next draw. So instructions are made draw-major, and a run that stops
early has the distribution of the seeds.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import (
    AsyncGenerator,
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
)
from contextlib import aclosing

from codeclm.engine.items import each_of
from codeclm.engine.stage import SecondTries
from codeclm.methods.entries import Augmentation, Pair, entry_in
from codeclm.methods.entry_book import EntryBook
from codeclm.methods.quota import Quota
from codeclm.methods.rounds import Round, Wanted, draws
from codeclm.records import Entry, Metadata, Seed, Unit, digest

__all__ = ["Work"]


class Work:
    """Feeds a pipeline with seeds, pairs and units, and is told what became of each entry.

    ``items`` are seeds to encode, or entries where metadata is given. ``done`` knows the ids that are on record as
    failed: those are not tried again. ``finished`` knows the units that nothing is left to do for, ``missing`` how
    much of a failed one was not made. ``recorded`` is the metadata on record of an entry, by its id: that one was
    encoded, or found reasonable, in an earlier session. With a ``quota`` rounds go on until it is met.
    """

    def __init__(
        self,
        items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
        wanted: Wanted,
        augmentation: Augmentation | None = None,
        done: Callable[[str], bool] = lambda _: False,
        finished: Callable[[Unit], bool] = lambda _: False,
        missing: Callable[[Unit], int] = lambda unit: unit.keep,
        recorded: Callable[[str], Metadata | None] = lambda _: None,
        quota: Quota | None = None,
    ) -> None:
        self._items = items
        self._wanted = wanted
        self._augmentation = augmentation
        self._done = done
        self._finished = finished
        self._missing = missing
        self._recorded = recorded
        self._quota = quota
        self._increments = wanted.increments()
        self._all_entries = max(wanted.entries, augmentation.size if augmentation else 0)
        self._taken = 0  # instructions that round 0 accounts for
        self._pool: dict[int, Metadata] = {}
        self._book = EntryBook()
        self._due: deque[Unit] = deque()
        self._unknown = 0
        self._read = self._mixed = self._failed = self._dropped = self._entries = self._units = 0
        self._asked = self._lost = 0  # instructions of all units, and of those on record as failed
        self._all_known = asyncio.Event()
        self._postponed: deque[Seed | Pair] = deque()
        self._second_tries: set[int] = set()

    async def units(self) -> AsyncIterator[Seed | Pair | Unit | SecondTries]:
        """What enters the pipeline, in order."""
        async with aclosing(self._in_order()) as order:
            if self._quota is None:
                async for item in order:
                    yield item
                return
            while (room := await self._quota.room()) != "enough":
                if room == "try again":
                    for again in self._second_try():
                        yield again
                    yield SecondTries()
                elif (following := await anext(order, None)) is not None:
                    yield following
                else:
                    return

    async def _in_order(self) -> AsyncGenerator[Seed | Pair | Unit, None]:
        with self._book:
            async for item in each_of(self._items):
                self._read += 1
                for work in self._enter(item):
                    yield work
            await self._known()
            for again in self._second_try():
                yield again
            await self._known()
            for extra in self._augmented():
                self._mixed += 1
                for work in self._enter(extra):
                    yield work
            await self._known()
            for again in self._second_try():
                yield again
            await self._known()
            for unit in self._take_due():
                yield unit
            async for units in each_of(self._further_rounds()):
                for unit in units:
                    yield unit

    def known(self, entry: Entry) -> list[Unit]:
        """Its metadata is known, or its pair was found reasonable: the units that follow at once."""
        self._settle()
        return self._first_units(entry)

    def postponed(self, item: Seed | Pair) -> bool:
        """It failed for what may pass: it is tried once more before anything is built on what is known.

        False where this was the second try.
        """
        number = entry_in(item).number
        if number in self._second_tries:
            return False
        self._second_tries.add(number)
        self._postponed.append(item)
        if self._quota is not None:
            self._quota.put_off(entry_in(item).id)
        self._settle()
        return True

    def lost(self, entry: Entry) -> None:
        """It failed: further rounds go without it."""
        self._settle()
        self._lose(entry)
        self._failed += 1

    def dropped(self, entry: Entry) -> list[Unit]:
        """Its pair was found unreasonable: no unit follows."""
        self._settle()
        self._lose(entry)
        self._dropped += 1
        return []

    def counts(self) -> dict[str, int]:
        """What became of the input so far."""
        return {
            "input": self._read,
            "augmented": self._mixed,
            "pairs_dropped": self._dropped,
            "entries_failed": self._failed,
            "entries": self._entries,
            "units": self._units,
            "asked": self._asked,
            "lost": self._lost,
        }

    def _lose(self, entry: Entry) -> None:
        """Others take its part of a total; what each entry was to have of its own is lost."""
        self._book.lose(entry.number)
        if self._quota is not None:
            self._quota.pass_over(entry.number, entry)
        self._asked += self._wanted.per_entry
        self._lost += self._wanted.per_entry

    def _enter(self, item: Seed | Pair | Entry) -> Iterator[Seed | Pair | Unit]:
        entry = entry_in(item)
        if self._done(entry.id):
            self._lose(entry)
            self._failed += 1
        elif isinstance(item, Entry):
            yield from self._first_units(item)
        elif metadata := self._recorded(entry.id):
            yield from self._first_units(Entry(entry.number, entry.id, metadata, entry.seed_id))
        else:
            self._unknown += 1
            if self._quota is not None:
                self._quota.expect(entry.number, entry.id, self._wanted.each(self._all_entries))
            yield item
        yield from self._take_due()

    def _first_units(self, entry: Entry) -> list[Unit]:
        self._entries += 1
        if self._augmentation is not None and len(self._pool) <= self._augmentation.size:
            self._pool[entry.number] = entry.metadata
        if self._wanted.per_entry:
            sizes = draws(self._wanted.per_entry, self._wanted.per_call)
            units = self._not_done(Unit(entry, i, size, size) for i, size in enumerate(sizes))
            self._due.extend(units[1:])
            return units[:1]
        self._book.add(entry)
        if self._quota is not None:
            return self._for_quota(entry, 0, entry.number)
        first = Unit(entry, 0, *self._wanted.first(self._all_entries, entry.number))
        self._taken += first.keep
        return self._not_done([first])

    def _for_quota(self, entry: Entry, draw: int, place: int) -> list[Unit]:
        """The unit of this place, if it is still to be worked on."""
        assert self._quota is not None
        each = self._wanted.each(self._all_entries)
        unit = Unit(entry, draw, each, each)
        if self._quota.is_met:
            return []
        if draw == 0 and (place + 1) * each > self._wanted.most:
            self._quota.pass_over(place, entry)
            return []
        self._taken += each
        left = self._not_done([unit])
        if left:
            self._quota.enter(place, unit)
        else:
            self._quota.pass_over(place, entry, unit)
        return left

    def _not_done(self, units: Iterable[Unit]) -> list[Unit]:
        wanted = [unit for unit in units if unit.keep]
        self._units += len(wanted)
        self._asked += sum(unit.keep for unit in wanted)
        left = [unit for unit in wanted if not self._finished(unit)]
        self._lost += sum(self._missing(unit) for unit in left if self._done(unit.id))
        return [unit for unit in left if not self._done(unit.id)]

    def _second_try(self) -> Iterator[Seed | Pair]:
        while self._postponed:
            self._unknown += 1
            item = self._postponed.popleft()
            if self._quota is not None:
                self._quota.take_up(entry_in(item).id)
            yield item

    def _take_due(self) -> Iterator[Unit]:
        while self._due:
            yield self._due.popleft()

    def _augmented(self) -> Iterator[Entry | Pair]:
        if self._augmentation is None or self._read >= self._augmentation.size:
            return
        found = [self._pool[number] for number in sorted(self._pool)]
        made = self._augmentation.make(found, self._augmentation.size - self._read)
        for number, metadata in enumerate(made, self._read):
            identity = digest("pair", number, metadata.use_case, *metadata.skills)
            entry = Entry(number, identity, metadata)
            yield Pair(entry) if self._augmentation.checked else entry

    def _further_rounds(self) -> Iterator[list[Unit]]:
        if self._quota is not None:
            yield from self._rounds_for_quota()
        draw = 0
        for index, increment in enumerate(self._increments):
            left = increment - (self._taken if index == 0 else 0)
            while left > 0 and self._book.count:
                draw += 1
                this = Round(left, self._book.count, self._wanted.per_call)
                for entry in self._book:
                    keep = this.keep(self._book.rank(entry))
                    yield self._not_done([Unit(entry, draw, this.count, keep)])
                left -= this.count * this.entries
            if left > 0:  # no entry is left to make them
                self._asked += left
                self._lost += left

    def _rounds_for_quota(self) -> Iterator[list[Unit]]:
        draw, place = 0, self._read + self._mixed
        each = self._wanted.each(self._all_entries)
        while self._book.count:
            draw += 1
            for entry in self._book:
                if self._taken + each > self._wanted.most:
                    return
                yield self._for_quota(entry, draw, place)
                place += 1

    async def _known(self) -> None:
        if self._unknown:
            self._all_known.clear()
            await self._all_known.wait()

    def _settle(self) -> None:
        self._unknown -= 1
        if not self._unknown:
            self._all_known.set()
