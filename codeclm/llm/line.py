"""Who waits for an endpoint, and who is next."""

from __future__ import annotations

import heapq
from asyncio import Future
from collections import OrderedDict
from dataclasses import dataclass

from codeclm.llm.tokens import Tokens

__all__ = ["Line", "Waiter"]


@dataclass(slots=True, eq=False)
class Waiter:
    """One call that waits. ``turn`` is done when it is decided: how many are in flight with it, or 0 to give up."""

    turn: Future[int]
    priority: int
    tokens: Tokens
    stage: str = ""


class Line:
    """Waiters, lowest priority number first and in order of arrival within one.

    Everyone can leave from anywhere at constant cost and leaves nothing behind: ten thousand
    cancelled calls must not make the eleventh thousand slower.
    """

    def __init__(self) -> None:
        self._priorities: list[int] = []  # a heap; a priority leaves it when it is first and empty
        self._waiters: dict[int, OrderedDict[Waiter, None]] = {}
        self._length = 0

    def __len__(self) -> int:
        return self._length

    def join(self, waiter: Waiter) -> None:
        """Go behind all of the same priority."""
        same = self._waiters.get(waiter.priority)
        if same is None:
            same = self._waiters[waiter.priority] = OrderedDict()
            heapq.heappush(self._priorities, waiter.priority)
        same[waiter] = None
        self._length += 1

    def first(self) -> Waiter:
        """Who is next. Raises IndexError where nobody waits."""
        while not (same := self._waiters[self._priorities[0]]):
            del self._waiters[heapq.heappop(self._priorities)]
        return next(iter(same))

    def leave(self, waiter: Waiter) -> bool:
        """Go away; False for one who was not waiting any more."""
        same = self._waiters.get(waiter.priority)
        if same is None or waiter not in same:
            return False
        del same[waiter]
        self._length -= 1
        return True
