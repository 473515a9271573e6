"""Which examples a page holds where it cannot hold all."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from codeclm.report.reading import Reading
from codeclm.rundir import OUTCOMES

__all__ = ["choose"]


def choose(reading: Reading, most: int) -> list[int]:
    """Numbers of at most ``most`` rows: a fair share of each fate, evenly over it, the fates mixed."""
    numbers = {name: reading.numbers_of(name) for name in OUTCOMES}
    shares = _shares({name: len(of) for name, of in numbers.items()}, most)
    mixed = [
        (place / shares[name], number)
        for name, of in numbers.items()
        for place, number in enumerate(_evenly(of, shares[name]))
    ]
    return [number for _, number in sorted(mixed)]


def _shares(sizes: dict[str, int], most: int) -> Counter[str]:
    """As equal as the sizes allow."""
    shares: Counter[str] = Counter()
    left = most
    for rank, name in enumerate(sorted(sizes, key=lambda one: sizes[one])):
        shares[name] = min(sizes[name], left // (len(sizes) - rank))
        left -= shares[name]
    return shares


def _evenly(numbers: Sequence[int], share: int) -> Iterator[int]:
    yield from (numbers[place * len(numbers) // share] for place in range(share))
