"""A thread that serves an event loop in batches: one hop for all that was asked, not one each."""

from __future__ import annotations

import threading
from asyncio import AbstractEventLoop, Future, get_running_loop
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from types import TracebackType
from typing import Any, Generic, NamedTuple, Protocol, TypeVar

__all__ = ["BatchThread", "Server"]

DELIVERIES_A_TURN = 32
"""Then others have their turn: all who get an outcome at once go on in one turn of the loop."""
PATIENT = 0.25
"""What has no hurry counts so much: it is followed by the next question to this thread, and by nothing dearer."""

J = TypeVar("J")
R = TypeVar("R")
J_contra = TypeVar("J_contra", contravariant=True)
R_co = TypeVar("R_co", covariant=True)
V = TypeVar("V")


class Server(Protocol[J_contra, R_co]):
    """What works in the thread and nowhere else: it is created, used and closed there."""

    def serve(self, jobs: Sequence[J_contra]) -> Sequence[R_co]:
        """One outcome a job, in the same order."""
        ...

    def close(self) -> None:
        """Called once, after the last job."""
        ...


class _Asked(NamedTuple, Generic[J, V]):
    job: J
    outcome: Future[V]
    weight: float


class BatchThread(Generic[J, R, V]):
    """Serves jobs by what ``open_server`` returns, in a thread that lives as long as the context.

    What one iteration of the loop asks for is handed over at once, and the thread takes all that
    waits for it: to gather more would cost answers that are paid for at a kill. What has no hurry waits until all
    that was served is delivered, for those who get it ask for more. Leaving the context waits until
    everything handed in is served. Entering raises what ``open_server`` raises. ``deliver`` makes of a job and its
    outcome, on the loop, what the one who asked gets.
    """

    def __init__(
        self, open_server: Callable[[], Server[J, R]], deliver: Callable[[J, R], V], name: str
    ) -> None:
        self._open_server = open_server
        self._deliver = deliver
        self._inbox: SimpleQueue[list[_Asked[J, V]] | None] = SimpleQueue()
        self._collected: list[_Asked[J, V]] = []
        self._has_hurry = False
        self._thread = threading.Thread(target=self._run, name=name)
        self._loop: AbstractEventLoop
        self._opened: Future[None]
        self._ended: Future[None]
        self._served: deque[tuple[_Asked[J, V], R]] = deque()
        self._closing = False

    async def __aenter__(self) -> BatchThread[J, R, V]:
        self._loop = get_running_loop()
        self._opened = self._loop.create_future()
        self._ended = self._loop.create_future()
        self._thread.start()
        try:
            await self._opened
        except BaseException:
            self._inbox.put(None)
            self._thread.join()
            raise
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._closing:
            return
        self._closing = self._has_hurry = True
        self._hand_over()
        self._inbox.put(None)
        try:
            await self._ended
        finally:  # cancelled here, the loop must wait: the thread works on its objects
            self._thread.join()

    def ask(self, job: J, *, hurry: bool = True) -> Future[V]:
        """Hand ``job`` over, at once if there is ``hurry``; it is served even if the future is cancelled.

        Raises RuntimeError outside of the context.
        """
        if self._closing:
            raise RuntimeError("this is closed")
        outcome: Future[V] = self._loop.create_future()
        if not self._collected:
            self._loop.call_soon(self._hand_over)
        self._collected.append(_Asked(job, outcome, 1 if hurry else PATIENT))
        self._has_hurry = self._has_hurry or hurry
        return outcome

    def done(self, value: V) -> Future[V]:
        """A future that has its outcome, for what need not be asked. Raises RuntimeError outside of the context."""
        if self._closing:
            raise RuntimeError("this is closed")
        outcome: Future[V] = self._loop.create_future()
        outcome.set_result(value)
        return outcome

    def _hand_over(self) -> None:
        if self._served and not self._has_hurry:
            # Two threads that both have work take the interpreter from each other at every row.
            self._loop.call_soon(self._hand_over)
        elif self._collected:
            self._inbox.put(self._collected)
            self._collected, self._has_hurry = [], False

    def _run(self) -> None:
        try:
            server = self._open_server()
        except BaseException as error:
            self.on_loop(_fail, self._opened, error)
            return
        self.on_loop(_fulfil, self._opened, None)
        try:
            for batch in self._batches():
                self._serve(server, batch)
        finally:
            server.close()
            self.on_loop(self._end)

    def _batches(self) -> Iterator[list[_Asked[J, V]]]:
        """All that waits, again and again until the end."""
        last = False
        while not last:
            entries = [self._inbox.get()]
            entries += [self._inbox.get() for _ in range(self._inbox.qsize())]
            last = entries[-1] is None
            if batch := [pair for entry in entries if entry is not None for pair in entry]:
                yield batch

    def _serve(self, server: Server[J, R], batch: list[_Asked[J, V]]) -> None:
        try:
            outcomes = server.serve([one.job for one in batch])
        except Exception as error:
            self.on_loop(_fail_all, batch, error)
        else:
            self.on_loop(self._take, batch, outcomes)

    def _take(self, batch: list[_Asked[J, V]], outcomes: Sequence[R]) -> None:
        """Take over what was served, to be delivered at once or in the next turns of the loop."""
        is_idle = not self._served
        self._served.extend(zip(batch, outcomes, strict=True))
        if is_idle:
            self._deliver_some()

    def _deliver_some(self) -> None:
        try:
            left: float = DELIVERIES_A_TURN
            while left > 0 and self._served:
                (job, future, weight), outcome = self._served.popleft()
                left -= weight
                value = self._deliver(job, outcome)
                if not future.done():
                    future.set_result(value)
        finally:  # where one cannot be delivered, the others are all the same
            if self._served:
                self._loop.call_soon(self._deliver_some)

    def _end(self) -> None:
        """The thread has served all there was."""
        if self._served:
            self._loop.call_soon(self._end)
        else:
            _fulfil(self._ended, None)

    def on_loop(self, function: Callable[..., None], *arguments: Any) -> None:
        """Called in the thread: have the loop call ``function``, after all that it was given before."""
        with suppress(RuntimeError):  # the loop is gone, and with it all who wait
            self._loop.call_soon_threadsafe(function, *arguments)


def _fulfil(future: Future[V], outcome: V) -> None:
    if not future.done():
        future.set_result(outcome)


def _fail(future: Future[V], error: BaseException) -> None:
    if not future.done():
        future.set_exception(error)


def _fail_all(batch: list[_Asked[J, V]], error: Exception) -> None:
    for one in batch:
        _fail(one.outcome, error)
