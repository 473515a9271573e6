"""How many calls a server works on at once: the others wait for a slot, or make every call slower."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable

from codeclm.simulator.schedule import Schedule

__all__ = ["Service"]


class Service:
    """Runs calls while there are ``slots`` (None: any number), first come, first served.

    Beyond ``capacity`` running calls each takes longer, in proportion. ``seconds`` tells the time as
    schedules count it. After ``close`` nothing sleeps any more.
    """

    def __init__(
        self, slots: Schedule | None, capacity: Schedule | None, seconds: Callable[[], float]
    ) -> None:
        self._slots = slots
        self._capacity = capacity
        self._seconds = seconds
        self._running = 0
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._sleepers: set[asyncio.Future[None]] = set()
        self._closed = False

    async def enter(self) -> None:
        """Run from now on, after waiting for a slot; ``leave`` must follow."""
        if self._waiting or not self._free():
            await self._wait()
        else:
            self._running += 1

    def leave(self) -> None:
        """Run no longer."""
        self._running -= 1
        self._wake_waiting()

    def crowding(self) -> float:
        """By how much a call that starts now is slowed down; 1 up to capacity."""
        if self._capacity is None:
            return 1.0
        return max(1.0, self._running / self._capacity.at(self._seconds()))

    async def sleep(self, duration_s: float | None) -> None:
        """Wait ``duration_s`` (None: for ever), or until the service closes."""
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

    def close(self) -> None:
        """Wake all that sleep: answers go out at once, hanging requests end."""
        self._closed = True
        for sleeper in self._sleepers:
            _wake(sleeper)

    def _free(self) -> bool:
        return self._slots is None or self._running < int(self._slots.at(self._seconds()))

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self._running -= 1
            else:
                self._waiting.remove(turn)
            self._wake_waiting()
            raise

    def _wake_waiting(self) -> None:
        """Hand the free slots to those that wait; a slot is taken when it is handed over."""
        while self._waiting and self._free():
            self._running += 1
            _wake(self._waiting.popleft())


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)
