"""What is told of a run as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

__all__ = ["RunBegan", "RunEnded"]


@dataclass(frozen=True, slots=True)
class RunBegan:
    """A session of a run begins to work in ``directory``. ``sessions`` counts this one; ``wanted`` is 0 if unknown."""

    directory: Path
    settings_sha256: str
    models: tuple[str, ...]
    wanted: int
    sessions: int


@dataclass(frozen=True, slots=True)
class RunEnded:
    """A session has ended with its books closed: ``state`` is "complete" or "stopped", that for ``reason``.

    ``error`` is the name of its class. ``counts`` and ``calls`` are those of the summary.
    """

    exit_code: int
    state: str
    reason: str
    error: str
    counts: Mapping[str, int]
    calls: Mapping[str, int]
    cost: float | None
    wall_time_s: float
    dataset: Path | None
