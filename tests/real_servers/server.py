"""What a test knows of a real server, and what is asked of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

__all__ = ["Probe", "Server"]


@dataclass(frozen=True, slots=True)
class Server:
    """A server that runs. ``slow`` are fields of a call that takes its time."""

    name: str
    version: str
    base_url: str
    model: str
    key: str = ""
    slow: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Probe:
    """One request, and what it must amount to.

    ``row`` is the case of the decision table. ``fields`` are further fields of the body; None takes one
    away. ``key`` is sent in place of the right one ("" is none). With ``crowd`` so many calls are
    made at once, and the one that is refused counts. ``error`` names a class of codeclm.errors; None
    is a completion with ``finish_reason``.
    """

    name: str
    row: str
    error: str | None = None
    finish_reason: str | None = None
    model: str | None = None
    prompt: str = "Hi"
    fields: Mapping[str, object] = field(default_factory=dict)
    key: str | None = None
    crowd: int = 1
    retry_after_s: float | None = None
    parameter: str = ""
    note: str = ""
