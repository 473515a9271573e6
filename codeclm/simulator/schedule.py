"""A number that steps up and down as time goes by: "40@0,80@60,20@120"."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from math import inf
from typing import Self

from codeclm.errors import UsageError

__all__ = ["Schedule"]

_STEP = re.compile(r"(\d+(?:\.\d*)?|\.\d+)(/[a-z]+)?(?:@(\d+(?:\.\d*)?|\.\d+)s?)?", re.ASCII)
_PER_S = {"/s": 1.0, "/m": 1 / 60, "/min": 1 / 60, "/h": 1 / 3600}


@dataclass(frozen=True, slots=True)
class Schedule:
    """``steps`` of (second, value): each value holds from its second until the next one's.

    Raises UsageError unless the first step is at 0, seconds rise, and values are more than 0.
    """

    steps: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        seconds = [at_s for at_s, _ in self.steps]
        if not seconds or seconds[0] != 0:
            raise UsageError("the first step of a schedule must be at second 0, like 40@0,80@60")
        if any(later <= earlier for earlier, later in pairwise(seconds)):
            raise UsageError("the seconds of a schedule must rise from step to step")
        for _, value in self.steps:
            if not 0 < value < inf:
                raise UsageError(f"the values of a schedule must be more than 0, not {value:g}")

    @classmethod
    def of(cls, value: float | Schedule) -> Schedule:
        """A schedule as it is, or one that never changes."""
        return value if isinstance(value, Schedule) else Schedule(((0.0, float(value)),))

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read plain numbers such as "40" or "40@0,80@60". Raises UsageError."""
        return cls(tuple(_step(part, text, rate=False) for part in text.split(",")))

    @classmethod
    def parse_rate(cls, text: str) -> Self:
        """Read rates such as "50/s" or "50/s@0,6000/m@60" as values a second. Raises UsageError."""
        return cls(tuple(_step(part, text, rate=True) for part in text.split(",")))

    def at(self, second: float) -> float:
        """The value that holds at ``second``."""
        found = self.steps[0][1]
        for at_s, value in self.steps:
            if at_s > second:
                break
            found = value
        return found

    def spans(self, start_s: float, end_s: float) -> Iterator[tuple[float, float]]:
        """(seconds it lasts, value), one after the other, from ``start_s`` to ``end_s``."""
        for index, (at_s, value) in enumerate(self.steps):
            until_s = self.steps[index + 1][0] if index + 1 < len(self.steps) else inf
            lasts_s = min(until_s, end_s) - max(at_s, start_s)
            if lasts_s > 0:
                yield lasts_s, value


def _step(part: str, text: str, *, rate: bool) -> tuple[float, float]:
    found = _STEP.fullmatch(part.strip())
    example = "50/s@0,6000/m@60" if rate else "40@0,80@60"
    if not found or (found[2] is not None) != rate:
        raise UsageError(f"not a schedule: {text[:80]!r}; write for example {example}")
    if rate and found[2] not in _PER_S:
        raise UsageError(f"not a rate: {part.strip()!r}; it is counted /s, /m or /h")
    return float(found[3] or 0), float(found[1]) * _PER_S.get(found[2] or "", 1.0)
