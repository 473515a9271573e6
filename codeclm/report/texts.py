"""How long texts are, and how varied: lengths of all of them, n-grams of a bounded sample."""

from __future__ import annotations

import re
from bisect import insort
from collections import Counter
from collections.abc import Iterable

__all__ = ["Lengths", "Sample", "distinct"]

LONGEST = 20_000
SAMPLE = 500
SAMPLE_LETTERS = 4_000

# A character is a word in scripts that are written without spaces.
WORD = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff]|[^\W\u2e80-\u9fff\uf900-\ufaff]+")


class Lengths:
    """Characters of texts; what is longer than ``LONGEST`` counts as that long."""

    def __init__(self) -> None:
        self._counts: Counter[int] = Counter()

    def add(self, text: str) -> None:
        """Count a text."""
        self._counts[min(len(text), LONGEST)] += 1

    @property
    def number(self) -> int:
        """How many texts there were."""
        return self._counts.total()

    def quantile(self, share: float) -> int:
        """The length that so large a share of the texts do not exceed; 0 where there are none."""
        wanted, seen = share * self.number, 0
        for length in sorted(self._counts):
            seen += self._counts[length]
            if seen >= wanted:
                return length
        return 0

    def binned(self, edges: Iterable[int]) -> list[int]:
        """How many are at most so long, and longer than the edge before; one more for what is beyond all edges."""
        rising = [*edges]
        counts = [0] * (len(rising) + 1)
        for length, number in self._counts.items():
            place = next((at for at, edge in enumerate(rising) if length <= edge), len(rising))
            counts[place] += number
        return counts


class Sample:
    """The texts with the lowest ids. Ids are digests, so that is a fair sample, and the same in any order."""

    def __init__(self, size: int = SAMPLE) -> None:
        self._size = size
        self._kept: list[tuple[str, tuple[str, ...]]] = []

    def add(self, identity: str, *texts: str) -> None:
        """Take the texts in, where their id is among the lowest."""
        if len(self._kept) == self._size and identity >= self._kept[-1][0]:
            return
        insort(self._kept, (identity, tuple(text[:SAMPLE_LETTERS] for text in texts)))
        del self._kept[self._size :]

    def __len__(self) -> int:
        return len(self._kept)

    def texts(self, place: int) -> list[str]:
        """The texts that were given at this place."""
        return [texts[place] for _, texts in self._kept]


def distinct(texts: Iterable[str], length: int) -> float | None:
    """Different n-grams of words over all n-grams: 1 where nothing is said twice; None where there are none."""
    seen: set[tuple[str, ...]] = set()
    number = 0
    for text in texts:
        words = WORD.findall(text.casefold())
        grams = [*zip(*(words[start:] for start in range(length)), strict=False)]
        number += len(grams)
        seen.update(grams)
    return len(seen) / number if number else None
