"""Processes that stay on one core, so that what is measured does not share it with what it calls."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["can_pin", "pinned"]


def can_pin() -> bool:
    """Whether client and endpoint can each have a core of their own here."""
    return sys.platform == "linux" and len(os.sched_getaffinity(0)) > 1


@contextmanager
def pinned(core: int | None) -> Iterator[None]:
    """Processes that are started while the block lasts stay on the ``core``-th of the cores that are allowed."""
    if core is None or sys.platform != "linux" or not can_pin():
        yield
        return
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {sorted(allowed)[core % len(allowed)]})
    try:
        yield
    finally:
        os.sched_setaffinity(0, allowed)
