"""Whether a run is complete, stopped, or at work at this moment."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from codeclm.archive import RunArchive

__all__ = ["RunState", "is_alive", "state_of"]

HOLDER = re.compile(r"pid (\d+) on (\S+)\s*", re.ASCII)


@dataclass(frozen=True, slots=True)
class RunState:
    """``name`` is complete, stopped, running or unknown; ``words`` say so to a person."""

    name: str
    words: str

    @property
    def is_at_work(self) -> bool:
        """Whether there may be more soon."""
        return self.name == "running"


def state_of(archive: RunArchive, alive: Callable[[int], bool]) -> RunState:
    """What the run's books and its lock say; ``alive`` tells whether this machine has a process of that number."""
    stored = archive.summary.get("state")
    if stored == "complete":
        return RunState("complete", "The run is complete.")
    if _is_held(archive.path / "run.lock", alive):
        return RunState("running", "The run is going on: these are its figures so far.")
    if stored == "stopped":
        return RunState("stopped", "The run was stopped; the same command goes on with it.")
    if stored is None:
        return RunState("unknown", "The run has no summary yet; these are the rows on record.")
    return RunState(
        "stopped",
        "The run was cut off (or is at work on another machine); the same command goes on with it.",
    )


def is_alive(pid: int) -> bool:
    """Whether there is such a process."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        pass
    return True


def _is_held(lock: Path, alive: Callable[[int], bool]) -> bool:
    """Who holds the lock has signed it; the lock itself is not tried, for a run that starts now would be refused."""
    try:
        found = HOLDER.fullmatch(lock.read_text("utf-8", "replace"))
    except OSError:
        return False
    return found is not None and found[2] == socket.gethostname() and alive(int(found[1]))
