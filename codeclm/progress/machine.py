"""How busy this machine keeps the thread that asks."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

__all__ = ["busy_s"]

_WAITED = Path("/proc/thread-self/schedstat")  # Linux: ns on a core, ns of waiting for one, turns


def busy_s() -> float:
    """Seconds for which this thread has run, or could have run and waited for a core (where the system tells)."""
    waited_s = 0.0
    with suppress(OSError, ValueError, IndexError):
        waited_s = int(_WAITED.read_bytes().split()[1]) / 1e9
    return time.thread_time() + waited_s
