"""Facts that the LLM layers tell their listeners. Nobody here knows who listens."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from codeclm.llm.chat import Usage

__all__ = [
    "Answered",
    "CacheTrouble",
    "CallFailed",
    "EndpointBack",
    "EndpointDown",
    "Listener",
    "Paused",
    "PerhapsBilled",
    "Retried",
]


class Answered(NamedTuple):
    """A request got its answer. ``source``: "endpoint" (paid), "cache", or "shared" (with an equal call).

    ``item``, ``iteration`` and ``attempt`` are those of the request; ``key`` is the answer's name in the cache, equal
    for equal requests, "" where there is no cache.
    """

    model: str
    stage: str
    source: str
    usage: Usage
    duration_s: float
    flags: tuple[str, ...] = ()
    item: str = ""
    iteration: int = 0
    attempt: int = 0
    key: str = ""


@dataclass(frozen=True, slots=True)
class Retried:
    """A call failed and is made again after ``wait_s``. ``error`` is the class name, never a body."""

    model: str
    stage: str
    error: str
    wait_s: float
    iteration: int = 0


@dataclass(frozen=True, slots=True)
class CallFailed:
    """A call failed and is not made again now. ``error`` is the class name, never a body."""

    model: str
    stage: str
    error: str


@dataclass(frozen=True, slots=True)
class PerhapsBilled:
    """An attempt brought nothing of use, and the endpoint may want to be paid for it: at most so many tokens."""

    model: str
    stage: str
    iteration: int
    input_tokens: int
    output_tokens: int


@dataclass(frozen=True, slots=True)
class Paused:
    """The endpoint asked to slow down; no call starts for ``wait_s``."""

    model: str
    wait_s: float


@dataclass(frozen=True, slots=True)
class EndpointDown:
    """The endpoint fails for everybody: one call every few seconds sees whether it is back."""

    model: str
    reason: str


@dataclass(frozen=True, slots=True)
class EndpointBack:
    """The endpoint answers again, after ``down_for_s``."""

    model: str
    down_for_s: float


@dataclass(frozen=True, slots=True)
class CacheTrouble:
    """The cache could not keep or read something; the run goes on without it."""

    reason: str


Listener = Callable[[object], None]
