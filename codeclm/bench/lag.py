"""How late the event loop is: what a busy client adds to every latency it measures."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

__all__ = ["INTERVAL_S", "watch_lag"]

INTERVAL_S = 0.02


async def watch_lag(clock: Callable[[], float], take: Callable[[float], None]) -> None:
    """Give ``take`` the lag of each tick, in seconds; without end.

    A loop that stands still misses ticks. They count as well, each as late as it was: one stop of a second is not
    one late tick among many punctual ones.
    """
    due_s = clock() + INTERVAL_S
    while True:
        await asyncio.sleep(max(0.0, due_s - clock()))
        now_s = clock()
        while due_s <= now_s:
            take(now_s - due_s)
            due_s += INTERVAL_S
