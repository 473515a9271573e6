"""The cyclic garbage collector, told what kind of program this is."""

from __future__ import annotations

import gc

__all__ = ["calm_collector"]

THRESHOLDS = (100_000, 20, 100)


def calm_collector() -> None:
    """Look seldom, and never again at what is there now.

    Thousands of calls under way are some million objects that live and make few cycles. As Python sets it, each full
    look at them stops the event loop for up to a second. For a program of its own, not for a library: it holds for the
    whole process.
    """
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
