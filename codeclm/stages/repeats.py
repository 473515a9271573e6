"""Which instructions repeat one of a lower number: a rule that no order of arrival changes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

from codeclm.number_map import NumberMap
from codeclm.number_set import IdSet

__all__ = ["RepeatBook"]


class RepeatBook:
    """An instruction is a repeat where any one of a lower number, kept or not, has a band in common with it.

    So the lowest holder of each band is all that need be known: some 170 bytes an instruction with ten bands.
    ``on_late`` is told the id of one that was taken for a first one until one of a lower number came.
    """

    def __init__(self) -> None:
        self.on_late: Callable[[str], None] = lambda identity: None
        self._lowest = NumberMap()  # by band: the row of its lowest holder
        self._numbers = array("Q")
        self._ids = array("Q")
        self._repeats = IdSet()

    def __len__(self) -> int:
        """How many repeats there are."""
        return len(self._repeats)

    def __contains__(self, identity: str) -> bool:
        """Whether the instruction of this id is a repeat, as far as is known."""
        return identity in self._repeats

    def __iter__(self) -> Iterator[str]:
        """The ids of all repeats, sorted."""
        return iter(self._repeats)

    def add(self, number: int, identity: str, bands: Sequence[int]) -> bool:
        """Take in the instruction of this number and id; whether it is a repeat. A second time changes nothing."""
        row = len(self._numbers)
        holders = [self._lowest.get(band) for band in bands]
        known = [self._numbers[holder] for holder in holders if holder is not None]
        if min(known, default=number) < number:
            self._repeats.add(identity)
        higher = {one for one in holders if one is not None and self._numbers[one] > number}
        taken = [
            band
            for band, holder in zip(bands, holders, strict=True)
            if holder is None or holder in higher
        ]
        if taken:
            self._numbers.append(number)
            self._ids.append(int(identity, 16))
            for band in taken:
                self._lowest.set(band, row)
        for holder in sorted(higher):
            late = f"{self._ids[holder]:016x}"
            if self._repeats.add(late):
                self.on_late(late)
        return identity in self._repeats

    def first(self, bands: Sequence[int]) -> str:
        """The id of the lowest-numbered instruction that has any of ``bands``, one of which is known."""
        rows = [row for band in bands if (row := self._lowest.get(band)) is not None]
        return f"{self._ids[min(rows, key=self._numbers.__getitem__)]:016x}"
