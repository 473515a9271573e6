"""Makes calls, so many at a time, in a measured process; loads nothing that a bare loop would not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Iterator

from benchmarks.gauge import Gauge, Pulse

__all__ = ["drive", "prompt"]

LOOK_EVERY_S = 0.05
FIRST, LAST = 0.02, 0.95  # of the calls after the warm-up
FILLER = "Say what is to be said about this at the length that it deserves, and not more. " * 8


def prompt(number: int) -> str:
    """600 characters that no other number has."""
    return f"Call {number:09d}: {FILLER}"[:600]


async def drive(
    call: Callable[[int], Awaitable[object]], calls: int, in_flight: int, warm_up: int
) -> str:
    """``warm_up`` calls, then ``calls`` that count; a line of JSON with what they took."""
    started_cpu_s = time.process_time()
    await _all(call, iter(range(warm_up)), in_flight)
    gauge, pulse = Gauge(), Pulse()
    began_s, done = time.perf_counter(), 0

    async def counted(number: int) -> None:
        nonlocal done
        await call(number)
        done += 1

    async def look() -> None:
        while True:
            gauge.take(done)
            await asyncio.sleep(LOOK_EVERY_S)

    async with asyncio.TaskGroup() as group:
        looking = group.create_task(look())
        await _all(counted, iter(range(warm_up, warm_up + calls)), in_flight)
        looking.cancel()
    gauge.take(done)
    figures = {**gauge.marginal(FIRST, LAST), **pulse.stop(), "start_cpu_s": started_cpu_s}
    return json.dumps({**figures, "wall_s": time.perf_counter() - began_s})


async def _all(
    call: Callable[[int], Awaitable[object]], numbers: Iterator[int], in_flight: int
) -> None:
    async def work() -> None:
        for number in numbers:
            await call(number)

    async with asyncio.TaskGroup() as group:
        for _ in range(in_flight):
            group.create_task(work())
