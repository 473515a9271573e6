"""One run of a pipeline: tickets, workers, and a clean end.

Why it cannot deadlock: forward edges wait for room, and every wait points down the chain, to the consumer at its
end; a loop edge goes to the front of an inbox and never waits. What that could pile up is capped by tickets: an
item of the source enters only with a ticket, which covers all that is made of it and is free when the last of it
has left.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Callable, Iterable, Sequence
from contextlib import aclosing
from typing import Any

from codeclm.engine.channel import Channel, ChannelClosed
from codeclm.engine.events import (
    ItemAdmitted,
    Observer,
    PipelineStatistics,
    RunDrained,
    StageStatistics,
    StepFailed,
    StepFinished,
    StepPostponed,
    StepStarted,
    wants,
)
from codeclm.engine.items import each_of
from codeclm.engine.stage import Failed, SecondTries, Stage
from codeclm.errors import ItemError, RunStopped, TransientError

__all__ = ["Run"]

FACTS = (ItemAdmitted, StepStarted, StepFinished, StepFailed, StepPostponed, RunDrained)
ADMITTED_A_TURN = 64
"""Then others have their turn: at the start a thousand items may enter at once, and each begins with its first step."""
MOST_POSTPONED = 10_000
"""Records that wait for a second try at the end; what fails beyond them fails at once."""


class Run:
    """One run: an async iterator over outcomes."""

    def __init__(
        self,
        stages: Sequence[Stage[Any, Any]],
        route: Callable[[int, type], int | None],
        tickets: int,
        source: AsyncIterable[Any] | Iterable[Any],
        observers: Sequence[Observer],
    ) -> None:
        self._route = route
        self._source = source
        self._observers: dict[type, list[Observer]] = {
            kind: [one for one in observers if wants(one, kind)] for kind in FACTS
        }
        self._lanes = tuple(_Lane(index, stage) for index, stage in enumerate(stages))
        self._routes: dict[tuple[int, type], int | None] = {}
        self._outbox: Channel[object] = Channel(tickets)
        self._tickets = asyncio.Semaphore(tickets)
        self._all_tickets = tickets
        self._postponed: list[tuple[_Lane, object]] = []
        self._salvaging = False
        self._tickets_in_use = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._is_all_in = self._exhausted = False
        self._stopped: RunStopped | None = None
        self._admitted = self._inside = self._inside_peak = 0

    def __aiter__(self) -> Run:
        return self

    async def __anext__(self) -> object:
        """The next outcome. Raises RunStopped at the end of a run that was drained."""
        try:
            return await self._outbox.get()
        except ChannelClosed:
            if self._stopped is not None:
                raise self._stopped from None
            raise StopAsyncIteration from None

    def drain(self, reason: RunStopped) -> None:
        """End early: steps under way finish, nothing new starts; what has no outcome then stays pending."""
        if self._stopped is None:
            self._stopped = reason
            self._tell(RunDrained(reason))
            for lane in self._lanes:
                lane.inbox.close(discard=True)
            self._source_task.cancel()
            self._end_if_done()

    def statistics(self) -> PipelineStatistics:
        """The run at this moment."""
        return PipelineStatistics(
            stages=tuple(lane.statistics() for lane in self._lanes),
            admitted=self._admitted,
            tickets=self._all_tickets,
            tickets_in_use=self._tickets_in_use,
            is_all_in=self._is_all_in,
            is_stopping=self._stopped is not None,
            inside=self._inside,
            inside_peak=self._inside_peak,
        )

    def start(self, group: asyncio.TaskGroup) -> None:
        """Start admitting; workers start as work arrives."""
        self._group = group
        self._time = asyncio.get_running_loop().time
        self._source_task = self._spawn("source", self._admit())

    def cancel(self) -> None:
        """Cancel every task of the run."""
        for task in self._tasks:
            task.cancel()

    def _spawn(self, name: str, work: Any) -> asyncio.Task[None]:
        task = self._group.create_task(work, name=f"codeclm {name}")
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return task

    def _tell(self, event: object) -> None:
        for observer in self._observers[type(event)]:
            observer(event)

    async def _admit(self) -> None:
        async with aclosing(each_of(self._source)) as items:
            async for item in items:
                if self._stopped is not None:
                    return  # by what it found out itself: it is not cancelled before it waits
                if isinstance(item, SecondTries):
                    await self._salvage()
                    await self._idle()
                    self._salvaging = False
                    continue
                ticket = await self._take_ticket()
                self._admitted += 1
                if self._observers[ItemAdmitted]:
                    self._tell(ItemAdmitted(item))
                await self._send(-1, item, ticket)
                if not self._admitted % ADMITTED_A_TURN:
                    await asyncio.sleep(0)
        self._is_all_in = True
        await self._salvage()
        self._exhausted = True
        self._end_if_done()

    async def _take_ticket(self) -> _Ticket:
        await self._tickets.acquire()
        self._tickets_in_use += 1
        self._grow(1)
        return _Ticket()

    async def _salvage(self) -> None:
        """When all else is done, give what was postponed its second and last try."""
        await self._idle()
        self._salvaging = True
        postponed, self._postponed = self._postponed, []
        for lane, record in postponed:
            ticket = await self._take_ticket()
            self._staff(lane)
            await lane.inbox.put((record, ticket))

    async def _idle(self) -> None:
        for _ in range(self._all_tickets):  # who holds every ticket knows that nothing is under way
            await self._tickets.acquire()
        for _ in range(self._all_tickets):
            self._tickets.release()

    def _grow(self, change: int) -> None:
        self._inside += change
        self._inside_peak = max(self._inside_peak, self._inside)

    async def _send(self, origin: int, record: object, ticket: _Ticket) -> None:
        key = (origin, type(record))
        if key not in self._routes:
            self._routes[key] = self._route(*key)
        target = self._routes[key]
        if target is None:
            await self._leave(record, ticket)
            return
        lane = self._lanes[target]
        self._staff(lane)
        if target > origin:
            await lane.inbox.put((record, ticket))
        else:
            lane.inbox.put_front((record, ticket))

    def _staff(self, lane: _Lane) -> None:
        """Start a worker if nobody waits for work and one more is allowed: idle stages cost nothing."""
        if lane.workers < lane.stage.workers and not lane.inbox.has_idle_getter:
            lane.workers += 1
            self._spawn(f"{lane.stage.name} {lane.workers}", self._work(lane))

    async def _work(self, lane: _Lane) -> None:
        try:
            while True:
                record, ticket = await lane.inbox.get()
                if self._stopped is not None:
                    break  # handed over just before the drain: it stays pending
                lane.working += 1
                await self._process(lane, record, ticket)
                lane.working -= 1
                self._end_if_done()
        except ChannelClosed:
            pass

    async def _process(self, lane: _Lane, record: object, ticket: _Ticket) -> None:
        made = await self._step(lane, record)
        if made is None:
            return
        ticket.alive += len(made) - 1
        self._grow(len(made) - 1)
        if not ticket.alive:
            self._release()
        try:
            for one in made:
                if isinstance(one, Failed):
                    await self._leave(one, ticket)
                else:
                    await self._send(lane.index, one, ticket)
        except ChannelClosed:
            pass  # drained meanwhile: what is not sent stays pending

    async def _step(self, lane: _Lane, record: object) -> Sequence[object] | None:
        """What the stage makes of ``record``; None where the run is to stop and the record stays pending."""
        name = lane.stage.name
        started_s = self._time()
        if self._observers[StepStarted]:
            self._tell(StepStarted(name, record))
        try:
            made: Sequence[object] = await lane.stage.step(record)
        except ItemError as error:
            if self._postpones(lane, record, error):
                return ()
            lane.failed += 1
            self._tell(StepFailed(name, record, error, self._time() - started_s))
            return (Failed(record, name, error),)
        except RunStopped as reason:
            self.drain(reason)
            return None
        lane.done += 1
        if self._observers[StepFinished]:
            self._tell(StepFinished(name, record, tuple(made), self._time() - started_s))
        return made

    def _postpones(self, lane: _Lane, record: object, error: ItemError) -> bool:
        may_pass = isinstance(error, TransientError) and lane.stage.salvage
        if not may_pass or self._salvaging or len(self._postponed) >= MOST_POSTPONED:
            return False
        self._postponed.append((lane, record))
        self._tell(StepPostponed(lane.stage.name, record, error))
        return True

    async def _leave(self, outcome: object, ticket: _Ticket) -> None:
        await self._outbox.put(outcome)
        self._grow(-1)
        ticket.alive -= 1
        if not ticket.alive:
            self._release()

    def _release(self) -> None:
        self._tickets_in_use -= 1
        self._tickets.release()

    def _end_if_done(self) -> None:
        over = self._stopped is not None or (self._exhausted and not self._tickets_in_use)
        if over and not any(lane.working for lane in self._lanes):
            for lane in self._lanes:
                lane.inbox.close()
            self._outbox.close()


class _Ticket:
    """Counts what is alive of one item of the source."""

    __slots__ = ("alive",)

    def __init__(self) -> None:
        self.alive = 1


class _Lane:
    """A stage of one run: its inbox, its workers, its counts."""

    __slots__ = ("done", "failed", "inbox", "index", "stage", "workers", "working")

    def __init__(self, index: int, stage: Stage[Any, Any]) -> None:
        self.index = index
        self.stage = stage
        self.inbox: Channel[tuple[object, _Ticket]] = Channel(stage.capacity)
        self.workers = self.working = self.done = self.failed = 0

    def statistics(self) -> StageStatistics:
        return StageStatistics(
            self.stage.name, len(self.inbox), self.working, self.done, self.failed
        )
