"""Keeps so many calls under way, until enough of them were measured."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from codeclm.bench.lag import watch_lag
from codeclm.bench.meter import Meter
from codeclm.bench.statistics import Figures, Window, figures
from codeclm.errors import ItemError, RunStopped
from codeclm.llm.chat import ChatModel, ChatRequest

__all__ = ["LONGEST_WARM_UP_S", "Extent", "Level"]

LONGEST_WARM_UP_S = 300.0
"""After that a level is measured whether or not enough calls have ended."""


@dataclass(frozen=True, slots=True)
class Extent:
    """The first ``warm_up`` calls that end are not measured; then ``requests`` are, or ``seconds``, whichever is less.

    A call that fails for good has ended, too.
    """

    warm_up: int
    requests: int | None = None
    seconds: float | None = None


class Level:
    """A load of ``in_flight`` calls: as soon as one has ended, the next one is made.

    ``requests`` never end, and each has a draw of its own. Those under way when the window closes are waited for: they
    belong to the load, and count by their share. ``cpu`` is the processor time of this process in seconds.
    """

    def __init__(
        self,
        in_flight: int,
        extent: Extent,
        model: ChatModel,
        requests: Iterator[ChatRequest],
        meter: Meter,
        *,
        clock: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
    ) -> None:
        self.in_flight = in_flight
        self._extent, self._model, self._requests, self._meter = extent, model, requests, meter
        self._clock, self._cpu = clock, cpu
        self._calling: dict[asyncio.Task[None], ChatRequest] = {}
        self._ended = 0
        self._begin_s: float | None = None
        self._window: Window | None = None
        self._cpu_s = 0.0
        self._lags_s: list[float] = []
        self._is_over = False
        self._timers: list[asyncio.TimerHandle] = []
        self.stopped: RunStopped | None = None

    def progress(self) -> str:
        """How far it is, in words."""
        if self._is_over:
            return "waiting for calls under way"
        if self._begin_s is None:
            return f"warming up, {self._ended:,} of {self._extent.warm_up:,} calls"
        of = "" if self._extent.requests is None else f" of {self._extent.requests:,}"
        took_s = self._clock() - self._begin_s
        return f"measuring, {self._ended:,}{of} calls in {took_s:.0f} s"

    async def run(self) -> Figures | None:
        """The figures; None where the load was stopped before anything was measured."""
        self._meter.open()
        self._later(LONGEST_WARM_UP_S, self._begin)
        try:
            async with asyncio.TaskGroup() as group:
                watching = group.create_task(watch_lag(self._clock, self._take_lag), name="lag")
                async with asyncio.TaskGroup() as callers:
                    for number in range(self.in_flight):
                        callers.create_task(self._call(), name=f"caller {number}")
                watching.cancel()
        finally:
            for timer in self._timers:
                timer.cancel()
        return self.so_far()

    def so_far(self) -> Figures | None:
        """The figures, once it has ended or was cancelled after ``stop``; then cancelled calls count for nothing."""
        if self._window is None or self._window.seconds <= 0:
            return None
        return figures(
            self.in_flight,
            self._window,
            self._meter.attempts,
            cpu_s=self._cpu_s,
            lags_s=self._lags_s,
        )

    def stop(self, reason: RunStopped) -> None:
        """Make no further call. Those under way are waited for, and what was measured counts."""
        self.stopped = self.stopped or reason
        self._finish()

    async def _call(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        while not self._is_over:
            request = self._calling[task] = next(self._requests)
            try:
                await self._model.complete(request)
            except ItemError:
                pass  # the meter has it
            except RunStopped as reason:
                self.stop(reason)
            finally:
                del self._calling[task]
            self._end_of_call()

    def _end_of_call(self) -> None:
        """Move on to the next part of the level where it is time for that."""
        if self._is_over:
            return
        self._ended += 1
        if self._begin_s is None:
            if self._ended >= self._extent.warm_up:
                self._begin()
        elif self._extent.requests is not None and self._ended >= self._extent.requests:
            self._finish()

    def _begin(self) -> None:
        if self._begin_s is not None or self._is_over:
            return
        self._begin_s = self._clock()
        self._cpu_s = self._cpu()
        self._ended = 0
        self._lags_s.clear()
        if self._extent.seconds is not None:
            self._later(self._extent.seconds, self._finish)

    def _finish(self) -> None:
        if self._is_over:
            return
        self._is_over = True
        self._meter.close()
        if self._begin_s is not None:
            self._window = Window(self._begin_s, self._clock())
            self._cpu_s = self._cpu() - self._cpu_s
        for task, request in self._calling.items():
            if not self._meter.is_in_flight(request):  # it waits for a limit, or to be tried again
                task.cancel()

    def _take_lag(self, lag_s: float) -> None:
        if not self._is_over:
            self._lags_s.append(lag_s)

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self._timers.append(asyncio.get_running_loop().call_later(seconds, act))
