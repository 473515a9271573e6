"""How a run stands, in words for its page."""

from __future__ import annotations

from dataclasses import dataclass

from codeclm.archive import RunArchive
from codeclm.status import status_in

__all__ = ["RunState", "state_of"]


@dataclass(frozen=True, slots=True)
class RunState:
    """``name`` is complete, stopped, running or unknown; ``words`` say so to a person."""

    name: str
    words: str


def state_of(archive: RunArchive) -> RunState:
    """What the run's books say, and whether anybody works on it."""
    stored = archive.summary.get("state")
    if stored == "complete":
        return RunState("complete", "The run is complete.")
    if not status_in(archive).is_over:
        return RunState("running", "The run is going on: these are its figures so far.")
    if stored == "stopped":
        return RunState("stopped", "The run was stopped; the same command goes on with it.")
    if stored is None:
        return RunState("unknown", "The run has no summary yet; these are the rows on record.")
    return RunState(
        "stopped",
        "The run was cut off (or is at work on another machine); the same command goes on with it.",
    )
