"""A stage: a name, a plain async function of one record, and how many run at once."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from codeclm.errors import ItemError

__all__ = ["Failed", "SecondTries", "Stage"]

In = TypeVar("In")
Out = TypeVar("Out")


@dataclass(frozen=True, slots=True)
class Stage(Generic[In, Out]):
    """One step of a pipeline.

    ``step`` takes a record of type ``accepts`` and returns those it makes of it (none, one or many), each of
    a type in ``emits``. It may raise ItemError (this item failed), RunStopped (the run must end); anything else
    is a bug and ends the run. At most ``workers`` steps run at once, at most ``capacity`` records wait. With
    ``salvage`` a record that failed for what may pass (TransientError) gets one more step when all else is done.
    """

    name: str
    step: Callable[[In], Awaitable[Sequence[Out]]]
    accepts: type[In]
    emits: tuple[type[Out], ...]
    workers: int = 64
    capacity: int = 64
    salvage: bool = True

    def __post_init__(self) -> None:
        if self.workers < 1 or self.capacity < 1:
            raise ValueError(f"stage {self.name!r}: workers and capacity must be at least 1")


@dataclass(frozen=True, slots=True)
class Failed:
    """The outcome of an item that a stage could not finish."""

    item: object
    stage: str
    error: ItemError


@dataclass(frozen=True, slots=True)
class SecondTries:
    """From a source: before it goes on, all else is to be done and what was put off is to have its second try."""
