"""The event loop of one simulated process: virtual time, threads that are timers, and an end without warning."""

from __future__ import annotations

import asyncio
from asyncio import Future
from collections.abc import Callable, Coroutine
from contextlib import suppress
from typing import Any, TypeVar

from tests.simulation.universe import Dead, Universe
from tests.virtual_time import VirtualLoop

__all__ = ["Process"]

T = TypeVar("T")


class _Loop(VirtualLoop):
    """A blocking function that is to run in a thread runs whole, some virtual time later."""

    def __init__(self, universe: Universe) -> None:
        super().__init__()
        self._universe = universe

    def run_in_executor(  # type: ignore[override]
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> Future[T]:
        done: Future[T] = self.create_future()
        universe = self._universe
        delay_s = universe.random.uniform(0.1, 1) * universe.weather.save_s
        self.call_later(delay_s, self._run, done, func, args)
        return done

    def _run(self, done: Future[T], func: Callable[..., T], args: tuple[Any, ...]) -> None:
        try:
            result = func(
                *args
            )  # nobody can call a thread back: it runs though it may be cancelled
        except BaseException as error:
            if self._universe.dead:
                done.cancel()  # for who waits for its end while the dead process is cleared away
            elif not done.done():
                done.set_exception(error)
        else:
            if not done.done():
                done.set_result(result)


class Process:
    """Runs one session of ``universe``."""

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self.loop = _Loop(universe)
        self.loop.skip(universe.now_s - self.loop.time())
        universe.begin_session(self.loop.time)
        universe.on_death = self.loop.stop
        self.killed = self.lost_power = False
        self._broken: list[BaseException] = []
        self.loop.set_exception_handler(self._note)

    def run(self, main: Coroutine[Any, Any, T]) -> T | None:
        """What ``main`` returns; None where the process was killed."""
        task = self.loop.create_task(main)
        try:
            with suppress(Dead, RuntimeError):  # "the loop stopped before the future completed"
                self.loop.run_until_complete(task)
            if self._universe.dead:
                self.killed, self.lost_power = True, self._universe.power_cut
                return None
            result = task.result()
            assert not self._broken, f"a callback failed: {self._broken[0]!r}"
            assert not asyncio.all_tasks(self.loop), "tasks are left behind"
            return result
        finally:
            self._universe.end_session()
            self._clear_away()

    def _note(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        error = context.get("exception")
        if error is not None and not isinstance(error, Dead):
            self._broken.append(error)

    def _clear_away(self) -> None:
        """Take down what a dead process leaves in this one; nothing of it reaches disk, store or endpoints."""
        self._universe.dead = True
        self.loop.set_exception_handler(lambda loop, context: None)
        self.loop.call_soon(self.loop.stop)
        self.loop.run_forever()  # what was ready at the moment of death: it may hold a further stop
        left = asyncio.all_tasks(self.loop)
        for task in left:
            task.cancel()
        if left:
            self.loop.run_until_complete(asyncio.wait(left))
            for task in left:
                if not task.cancelled():
                    task.exception()
        self.loop.run_until_complete(self.loop.shutdown_asyncgens())
        self.loop.close()
