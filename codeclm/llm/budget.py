"""A budget that is never exceeded: the worst case of a call is reserved before it is sent and settled after it."""

from __future__ import annotations

import asyncio
from asyncio import CancelledError, Future, get_running_loop
from collections import deque
from collections.abc import Callable

from codeclm.errors import BudgetExhausted, RunStopped
from codeclm.llm.money import dollars
from codeclm.llm.purse import NOTHING, Caps, Purse, Spending

__all__ = ["Budget"]

Waiting = tuple[Spending, Future[None]]


class Budget:
    """Lets calls be sent as long as their worst case fits into ``caps`` beside what is spent and under way.

    ``spent`` is what earlier sessions came to. ``keep`` puts on record what may be spent until it is called again; it
    blocks, and is called in a thread of its own, seldom. Calls wait in the order in which they came while others under
    way may yet leave room for them.
    """

    def __init__(
        self,
        caps: Caps,
        spent: Spending = NOTHING,
        keep: Callable[[Spending], None] = lambda spent: None,
    ) -> None:
        self._purse = Purse(caps, spent)
        self._keep = keep
        self._line: deque[Waiting] = deque()
        self._closed: RunStopped | None = None
        self._recording = asyncio.Lock()

    @property
    def spent(self) -> Spending:
        """What all calls have come to, those under way at their worst."""
        return self._purse.committed

    async def reserve(self, worst: Spending) -> None:
        """Wait until a call that may come to ``worst`` may be sent; one ``settle`` must follow.

        Raises BudgetExhausted where it cannot fit any more, and from then on; what ``close`` was given; RunStopped
        where nothing can be put on record.
        """
        self._raise_if_closed()
        if self._line or not self._purse.reserve(worst):
            await self._wait(worst)
        if self._purse.lacks:
            try:
                await self._authorise(worst)
                self._raise_if_closed()
            except BaseException:
                self.settle(worst, NOTHING)
                raise

    def settle(self, worst: Spending, used: Spending) -> None:
        """A call for which ``worst`` was reserved came to ``used``."""
        self._purse.settle(worst, used)
        if self._line:
            self._dispatch()

    def close(self, error: RunStopped) -> None:
        """Let nothing more be sent: all that wait, and all that come, raise the first ``error`` given."""
        if self._closed is None:
            self._closed = error
        while self._line:
            _, turn = self._line.popleft()
            if not turn.done():
                turn.set_exception(self._closed.with_traceback(None))

    async def _wait(self, worst: Spending) -> None:
        turn: Future[None] = get_running_loop().create_future()
        self._line.append((worst, turn))
        self._dispatch()
        try:
            await turn
        except CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.settle(worst, NOTHING)
            elif (worst, turn) in self._line:
                self._line.remove((worst, turn))
                self._dispatch()
            raise

    def _dispatch(self) -> None:
        """Give their turn to as many from the front of the line as there is room for."""
        while self._line:
            worst, turn = self._line[0]
            if not turn.done():
                if self._purse.is_hopeless(worst):
                    self.close(self._exhausted(worst))
                    return
                if not self._purse.reserve(worst):
                    return
                turn.set_result(None)
            self._line.popleft()

    async def _authorise(self, worst: Spending) -> None:
        async with self._recording:
            while self._purse.lacks:
                step = self._purse.step(worst)
                await asyncio.to_thread(self._keep, step)
                self._purse.authorised = step

    def _exhausted(self, worst: Spending) -> BudgetExhausted:
        caps, spent = self._purse.caps, self._purse.spent
        if (
            caps.picodollars is not None
            and spent.picodollars + worst.picodollars > caps.picodollars
        ):
            return BudgetExhausted(
                f"the budget of {dollars(caps.picodollars)} is used up: {dollars(spent.picodollars)} "
                f"spent, and the next call could cost up to {dollars(worst.picodollars)}",
                "max_cost",
            )
        if caps.calls is not None and spent.calls + worst.calls > caps.calls:
            return BudgetExhausted(f"the budget of {caps.calls:,} calls is used up", "max_calls")
        return BudgetExhausted(
            f"the budget of {caps.tokens:,} tokens is used up: {spent.tokens:,} "
            f"spent, and the next call could take up to {worst.tokens:,}",
            "max_tokens",
        )

    def _raise_if_closed(self) -> None:
        if self._closed is not None:
            # One error is raised to thousands of callers: without this it would collect their frames.
            raise self._closed.with_traceback(None)
