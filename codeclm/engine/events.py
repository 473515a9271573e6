"""Facts that the engine tells its observers, and the snapshots they may ask for."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from codeclm.errors import ItemError, RunStopped

__all__ = [
    "ItemAdmitted",
    "Observer",
    "PipelineStatistics",
    "RunDrained",
    "StageStatistics",
    "StepFailed",
    "StepFinished",
    "StepPostponed",
    "StepStarted",
    "wants",
]


@dataclass(frozen=True, slots=True)
class ItemAdmitted:
    """An item of the source got its ticket and entered."""

    item: object


@dataclass(frozen=True, slots=True)
class StepStarted:
    """A worker took ``item`` out of the stage's inbox."""

    stage: str
    item: object


class StepFinished(NamedTuple):
    """A stage turned ``item`` into ``made`` within ``duration_s``."""

    stage: str
    item: object
    made: tuple[object, ...]
    duration_s: float


@dataclass(frozen=True, slots=True)
class StepFailed:
    """A stage could not finish ``item``; the run goes on."""

    stage: str
    item: object
    error: ItemError
    duration_s: float


@dataclass(frozen=True, slots=True)
class StepPostponed:
    """A stage could not finish ``item`` now; it is tried once more when all else is done."""

    stage: str
    item: object
    error: ItemError


@dataclass(frozen=True, slots=True)
class RunDrained:
    """The run ends early: no step starts any more."""

    reason: RunStopped


@dataclass(frozen=True, slots=True)
class StageStatistics:
    """A stage at one moment: records waiting in its inbox and being worked on; done and failed so far."""

    name: str
    waiting: int
    working: int
    done: int
    failed: int


@dataclass(frozen=True, slots=True)
class PipelineStatistics:
    """A pipeline at one moment. ``inside`` counts records that have entered and are no outcome yet.

    Items of the source enter with one of so many ``tickets``; ``is_all_in``: the source is at its end,
    ``is_stopping``: no step starts any more.
    """

    stages: tuple[StageStatistics, ...]
    admitted: int
    tickets: int
    tickets_in_use: int
    is_all_in: bool
    is_stopping: bool
    inside: int
    inside_peak: int


Observer = Callable[[object], None]
"""Is told every fact, or only those of the types in its attribute ``wants``: what nobody wants is not even made."""


def wants(observer: Observer, kind: type) -> bool:
    """Whether ``observer`` is to be told facts of this type."""
    named: tuple[type, ...] | None = getattr(observer, "wants", None)
    return named is None or kind in named
