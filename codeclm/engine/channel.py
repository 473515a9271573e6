"""A bounded queue with an end: what lies between two stages."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, get_running_loop
from collections import deque
from typing import Generic, TypeVar

__all__ = ["Channel", "ChannelClosed"]

T = TypeVar("T")


class ChannelClosed(Exception):
    """Raised by ``put`` on a closed channel and by ``get`` on one that is closed and empty."""


class Channel(Generic[T]):
    """First in, first out, at most ``capacity`` waiting; exactly one waiter is woken per item.

    A value goes straight to a waiting getter, so nobody can overtake a waiter; whoever gets a later one goes on after
    those that were woken before. A cancelled waiter leaves no trace: what it was just handed goes back to the front.
    """

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._items: deque[T] = deque()
        self._getters: deque[Future[T]] = deque()
        self._putters: deque[tuple[Future[None], T]] = deque()
        self._waking = 0  # getters that have their item and do not run yet
        self._closed = False

    def __len__(self) -> int:
        """Items inside, without those that their putters still hold."""
        return len(self._items)

    @property
    def has_idle_getter(self) -> bool:
        """Whether the next item goes straight to somebody who waits for it."""
        getters = self._getters  # a cancelled one stays among them until the next item
        return bool(getters) and (not getters[0].done() or any(not one.done() for one in getters))

    async def put(self, item: T) -> None:
        """Append ``item``; waits while the channel is full. Raises ChannelClosed."""
        if self._closed:
            raise ChannelClosed
        if self._hand_over(item):
            return
        if len(self._items) < self._capacity:
            self._items.append(item)
            return
        admitted: Future[None] = get_running_loop().create_future()
        self._putters.append((admitted, item))
        await admitted

    def put_front(self, item: T) -> None:
        """Put ``item`` before all others and never wait, whatever the capacity. Raises ChannelClosed.

        This is the edge that closes a loop: if it waited, the loop could deadlock.
        """
        if self._closed:
            raise ChannelClosed
        if not self._hand_over(item):
            self._items.appendleft(item)

    async def get(self) -> T:
        """Take the first item; waits while there is none. Raises ChannelClosed."""
        if self._items:
            item = self._items.popleft()
            self._admit_one()
            if self._waking:
                await self._follow(item)
            return item
        if self._closed:
            raise ChannelClosed
        getter: Future[T] = get_running_loop().create_future()
        self._getters.append(getter)
        try:
            item = await getter
        except CancelledError:
            if getter.done() and not getter.cancelled() and getter.exception() is None:
                self._waking -= 1
                self._give_back(getter.result())
            raise
        self._waking -= 1
        return item

    def close(self, *, discard: bool = False) -> None:
        """End the channel: nothing more goes in. With ``discard`` what is inside is dropped too."""
        self._closed = True
        if discard:
            self._items.clear()
        while self._putters:
            admitted, _ = self._putters.popleft()
            if not admitted.done():
                admitted.set_exception(ChannelClosed())
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_exception(ChannelClosed())

    def _hand_over(self, item: T) -> bool:
        while self._getters:
            getter = self._getters.popleft()
            if not getter.done():
                getter.set_result(item)
                self._waking += 1
                return True
        return False

    async def _follow(self, item: T) -> None:
        """Let those run first that were woken for the items before ``item``."""
        self._waking += 1
        try:
            await asyncio.sleep(0)
        except CancelledError:
            self._give_back(item)
            raise
        finally:
            self._waking -= 1

    def _admit_one(self) -> None:
        while self._putters and len(self._items) < self._capacity:
            admitted, item = self._putters.popleft()
            if not admitted.done():
                admitted.set_result(None)
                self._items.append(item)
                return

    def _give_back(self, item: T) -> None:
        if not self._hand_over(item):
            self._items.appendleft(item)
