"""Counts by a name that models invented: so many names are told apart, the rest are not counted."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from heapq import nlargest

__all__ = ["Topic", "Topics"]

NAMES = 20_000
NAME_LETTERS = 200


@dataclass(frozen=True, slots=True)
class Topic:
    """A name, how many instructions have it, and how many of them were selected."""

    name: str
    number: int
    selected: int


class Topics:
    """Bounded: once there are ``NAMES`` of them, an unknown name is left out."""

    def __init__(self) -> None:
        self._numbers: Counter[str] = Counter()
        self._selected: Counter[str] = Counter()

    def __len__(self) -> int:
        return len(self._numbers)

    def add(self, name: str, *, selected: bool) -> None:
        """Count an instruction."""
        name = name[:NAME_LETTERS]
        if name not in self._numbers and len(self._numbers) >= NAMES:
            return
        self._numbers[name] += 1
        if selected:
            self._selected[name] += 1

    def largest(self, number: int) -> list[Topic]:
        """The most frequent ones; of equal ones the first by name."""
        chosen = nlargest(number, self._numbers.items(), key=lambda one: (one[1], one[0]))
        return [Topic(name, count, self._selected[name]) for name, count in chosen]
