"""Measures level after level, from the tiny first call to the last answer."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random

from codeclm.bench.load import Level
from codeclm.bench.meter import Meter
from codeclm.bench.plan import Plan
from codeclm.bench.prompts import endless
from codeclm.bench.statistics import Figures
from codeclm.bench.sweep import next_level
from codeclm.bench.verdict import point_of
from codeclm.errors import RunStopped
from codeclm.llm.events import EndpointBack, EndpointDown, Paused
from codeclm.llm.providers import Models

__all__ = ["Benchmark", "Measured"]

INTERRUPTED = "interrupted"
TELL_EVERY_S = 10.0


@dataclass(frozen=True, slots=True)
class Measured:
    """What came of it. ``stopped`` is why not all was measured; ``messages`` is the first one of each kind of error."""

    levels: Sequence[Figures]
    stopped: RunStopped | None
    messages: Mapping[str, str]
    learnt: Sequence[str]


class Benchmark:
    """Measures what ``plan`` says; ``say`` is told how it goes, a line each time."""

    def __init__(
        self,
        plan: Plan,
        say: Callable[[str], None],
        *,
        clock: Callable[[], float] = time.perf_counter,
        cpu: Callable[[], float] = time.process_time,
        environ: Mapping[str, str] = os.environ,
        mark: str | None = None,
    ) -> None:
        self._plan, self._say, self._clock, self._cpu = plan, say, clock, cpu
        self._meter = Meter(clock)
        self._requests = endless(plan.requests_to_make, mark)
        self._models = Models(
            on_event=self._tell,
            around=self._meter.around,
            environ=environ,
            clock=clock,
            random=Random(plan.seed),
        )
        self._level: Level | None = None
        self._stopped: RunStopped | None = None
        self._done: list[Figures] = []
        self._told_of_pause = False

    async def run(self, ready: Callable[[], None] = lambda: None) -> Measured:
        """Measure; ``ready`` is called when the model has answered the tiny first call.

        Raises UsageError or RunStopped, in one line, where it does not. What ends it later is in the result.
        """
        async with self._models as models:
            await models.preflight(
                self._plan.spec,
                temperature=self._plan.temperature,
                max_tokens=self._plan.max_tokens,
            )
            ready()
            for in_flight in self._levels():
                if self._stopped is not None:
                    break
                await self._measure(in_flight)
            learnt = [word for words in models.learnt().values() for word in words]
        return Measured(tuple(self._done), self._stopped, dict(self._meter.messages), learnt)

    def stop(self) -> bool:
        """Make no further call; those under way are waited for. False where there is nothing to wait for."""
        self._stopped = self._stopped or RunStopped(INTERRUPTED)
        if self._level is None:
            return False
        self._level.stop(self._stopped)
        return True

    def so_far(self) -> Measured:
        """What was measured before ``run`` was cancelled."""
        stopped = self._stopped or RunStopped(INTERRUPTED)
        last = self._level.so_far() if self._level else None
        levels = [*self._done, *filter(None, [last])]
        return Measured(levels, stopped, dict(self._meter.messages), ())

    def _levels(self) -> Iterator[int]:
        if self._plan.levels:
            yield from self._plan.levels
            return
        while True:
            points = [point_of(level) for level in self._done]
            in_flight = next_level(points, self._plan.most)
            if in_flight is None:
                return
            yield in_flight

    async def _measure(self, in_flight: int) -> None:
        plan, model = self._plan, self._models.open_fresh(self._plan.spec)
        extent = plan.extent(in_flight)
        self._told_of_pause = False
        self._say(f"{in_flight:,} in flight: warming up ({extent.warm_up:,} calls), then measuring")
        self._level = Level(
            in_flight, extent, model, self._requests, self._meter, clock=self._clock, cpu=self._cpu
        )
        async with asyncio.TaskGroup() as group:
            telling = group.create_task(self._keep_told(self._level), name="progress")
            found = await self._level.run()
            telling.cancel()
        self._stopped = self._stopped or self._level.stopped
        self._level = None
        if found is None:
            self._say(f"{in_flight:,} in flight: stopped before anything was measured")
            return
        self._done.append(found)
        self._say(_line(found))

    async def _keep_told(self, level: Level) -> None:
        while True:
            await asyncio.sleep(TELL_EVERY_S)
            self._say(f"{level.in_flight:,} in flight: {level.progress()}")

    def _tell(self, event: object) -> None:
        match event:
            case Paused(wait_s=wait_s) if not self._told_of_pause:
                self._told_of_pause = True  # once a level: there may be one a second
                self._say(f"the endpoint asks to slow down: no call starts for {wait_s:.1f} s")
            case EndpointDown(reason=reason):
                self._say(f"the endpoint is out of service: {reason}")
            case EndpointBack(down_for_s=down_for_s):
                self._say(f"the endpoint is back after {down_for_s:.0f} s")


def _line(level: Figures) -> str:
    p95 = f", p95 {level.latency.p95_s:.3g} s" if level.latency else ""
    return (
        f"{level.in_flight:,} in flight: {level.calls_per_s:,.4g} calls/s{p95} "
        f"({level.answers:,} answers in {level.seconds:.1f} s)"
    )
