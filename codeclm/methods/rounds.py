"""How many instructions each entry is asked for, round by round: plain arithmetic."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

__all__ = ["Round", "Wanted", "draws"]


@dataclass(frozen=True, slots=True)
class Wanted:
    """How much to make: ``totals`` instructions over ``entries`` entries, or ``per_entry`` for each of unknown many.

    ``per_call`` is the most that one decode call is asked for. A run that was extended from 2,000 to 5,000 has the
    totals (2000, 5000): what the first total made stays as it was, the second adds to it.

    Or ``selected`` examples, of at most ``most`` instructions: then all rounds ask for as many as the first number
    that was wanted takes at one from each entry, and go on until there are enough.
    """

    totals: tuple[int, ...] = ()
    entries: int = 0
    per_entry: int = 0
    per_call: int = 5
    selected: tuple[int, ...] = ()
    most: int = 0

    def each(self, entries: int) -> int:
        """Instructions that each entry is asked for in each round, where ``selected`` are wanted."""
        return min(self.per_call, -(-self.selected[0] // entries), self.most)

    def first(self, entries: int, number: int) -> tuple[int, int]:
        """What the first decode call of the entry of this number asks for, and how many of them are taken."""
        if self.selected:
            return self.each(entries), self.each(entries)
        this = Round(self.increments()[0], entries, self.per_call)
        return this.count, this.keep(number)

    def increments(self) -> list[int]:
        """Instructions that each total adds to the one before."""
        return [
            after - before for before, after in zip((0, *self.totals), self.totals, strict=False)
        ]


@dataclass(frozen=True, slots=True)
class Round:
    """One draw of every entry: ``wanted`` instructions over ``entries`` entries, as evenly as can be."""

    wanted: int
    entries: int
    per_call: int

    @property
    def count(self) -> int:
        """n, what each decode call of this round asks for: the same for every entry."""
        return min(self.per_call, -(-self.wanted // self.entries))

    def keep(self, rank: int) -> int:
        """How many of them the entry of this rank (from 0) contributes, so that the sum is what is wanted."""
        taken = min(self.wanted, self.count * self.entries)
        return (rank + 1) * taken // self.entries - rank * taken // self.entries


def draws(per_entry: int, per_call: int) -> Iterator[int]:
    """The sizes of the decode calls that ask for ``per_entry`` instructions, at most ``per_call`` each."""
    while per_entry > 0:
        yield min(per_call, per_entry)
        per_entry -= per_call
