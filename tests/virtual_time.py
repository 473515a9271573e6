"""An event loop whose clock jumps to the next timer: hours of waiting in no time, exactly."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Selector(selectors.SelectSelector):
    """Never waits: where the loop would, its clock moves on."""

    def __init__(self) -> None:
        super().__init__()
        self.now_s = 1000.0
        self.iterations = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        self.iterations += 1
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits and nothing will ever happen"
            self.now_s += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """``iterations`` counts how often the loop had something to do."""

    def __init__(self) -> None:
        self._virtual = _Selector()
        super().__init__(self._virtual)

    def time(self) -> float:
        return self._virtual.now_s

    def skip(self, seconds: float) -> None:
        """Pass time as if the loop were busy."""
        self._virtual.now_s += seconds

    @property
    def iterations(self) -> int:
        return self._virtual.iterations


def run_virtual(main: Callable[[VirtualLoop], Coroutine[Any, Any, T]]) -> T:
    """Run ``main`` on a loop of its own."""
    loops: list[VirtualLoop] = []

    def new_loop() -> VirtualLoop:
        loops.append(VirtualLoop())
        return loops[-1]

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.get_loop()
        return runner.run(main(loops[0]))


class VirtualWindow:
    """asyncio_throttle's Throttler, line by line, on the clock of the loop."""

    def __init__(self, rate_limit: int, period: float, clock: Callable[[], float]) -> None:
        self._rate_limit, self._period, self._clock = rate_limit, period, clock
        self._starts: deque[float] = deque()

    async def acquire(self) -> None:
        while True:
            while self._starts and self._clock() - self._starts[0] > self._period:
                self._starts.popleft()
            if len(self._starts) < self._rate_limit:
                break
            await asyncio.sleep(0.01)
        self._starts.append(self._clock())


async def settled(steps: int = 5) -> None:
    """Let everything run that can run now."""
    for _ in range(steps):
        await asyncio.sleep(0)


async def outcome(call: Awaitable[T]) -> T | Exception:
    """What ``call`` returns or raises, as a value."""
    try:
        return await call
    except Exception as error:
        return error
