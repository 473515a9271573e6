"""Processes that stay on one core, so that what is measured does not share it with what it calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["can_pin", "cores", "pinned"]


def can_pin() -> bool:
    """Whether client and endpoint can each have a core of their own here."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


def cores(core: int) -> tuple[int, ...]:
    """The ``core``-th of the cores that are allowed, as the system numbers it; none where it cannot be had."""
    if sys.platform != "linux" or not can_pin():
        return ()
    allowed = sorted(os.sched_getaffinity(0))
    return (allowed[core % len(allowed)],)


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Processes that are started while the block lasts stay on the ``core``-th of the cores that are allowed."""
    chosen = () if core is None else cores(core)
    if not chosen or sys.platform != "linux":
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, chosen)
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
