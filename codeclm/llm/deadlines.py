"""One time limit for many calls, kept by one timer: a timer for each costs 3 % of a call."""

from __future__ import annotations

from asyncio import CancelledError, Task, TimerHandle, current_task, get_running_loop
from collections import OrderedDict
from types import TracebackType
from typing import Any

__all__ = ["Deadlines"]


class Deadlines:
    """Makes blocks that may take ``limit_s`` each: ``with deadlines.block():``, in any number of tasks.

    A block that takes longer is cancelled and raises TimeoutError. All have the same time, so the first to begin is
    the first to be due.
    """

    def __init__(self, limit_s: float) -> None:
        self._limit_s = limit_s
        self._open: OrderedDict[_Block, None] = OrderedDict()  # in the order in which they are due
        self._timer: TimerHandle | None = None

    def __len__(self) -> int:
        """Blocks that are open."""
        return len(self._open)

    def block(self) -> _Block:
        """A block of the current task, to be entered at once. Its time begins now."""
        loop = get_running_loop()
        task = current_task(loop)
        assert task is not None
        due_s = loop.time() + self._limit_s
        if self._timer is None:
            self._timer = loop.call_at(due_s, self._look)
        block = _Block(task, due_s, self._open)
        self._open[block] = None
        return block

    def _look(self) -> None:
        """End what is due; come again when the next one is."""
        self._timer = None
        loop = get_running_loop()
        now_s = loop.time()
        while self._open:
            first = next(iter(self._open))
            if first.due_s > now_s:
                self._timer = loop.call_at(first.due_s, self._look)
                return
            first.expire()


class _Block:
    """As asyncio.timeout: a cancellation by somebody else goes on as one, even if it comes with the deadline's own."""

    __slots__ = ("_before", "_expired", "_open", "_task", "due_s")

    def __init__(self, task: Task[Any], due_s: float, open_: OrderedDict[_Block, None]) -> None:
        self.due_s = due_s
        self._task = task
        self._before = task.cancelling()
        self._open = open_
        self._expired = False

    def __enter__(self) -> None:
        pass

    def expire(self) -> None:
        del self._open[self]
        self._expired = True
        self._task.cancel()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._expired:
            del self._open[self]
        elif self._task.uncancel() <= self._before and kind is CancelledError:
            raise TimeoutError from error
