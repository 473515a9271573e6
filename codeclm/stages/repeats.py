"""Which instructions repeat one of a lower number: a rule that no order of arrival changes."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Sequence

from codeclm.number_set import IdSet

__all__ = ["RepeatBook"]

_LEAST_SLOTS = 1 << 10


class RepeatBook:
    """An instruction is a repeat where any one of a lower number, kept or not, has a band in common with it.

    So the lowest holder of each band is all that need be known. ``on_late`` is told the id of one that was taken for
    a first one until one of a lower number came; ``late`` are all of those. All have as many bands; with ten an
    instruction takes 170 to 240 bytes, and its entry some microseconds: a resumed run enters all that there were.
    """

    def __init__(self) -> None:
        self.on_late: Callable[[str], None] = lambda identity: None
        self.late: set[str] = set()
        self._repeats = IdSet()
        self._clear()

    def _clear(self) -> None:
        self._width = 0
        self._numbers, self._ids, self._bands = array("Q"), array("Q"), array("Q")
        self._known = 0  # so many have found their places in the table
        # Open addressing, by the lowest bits of a band: 1 + the index of its lowest holder's, 0 where there is none.
        self._slots = array("I", bytes(4 * _LEAST_SLOTS))

    def __len__(self) -> int:
        """How many repeats there are."""
        self.catch_up()
        return len(self._repeats)

    def __contains__(self, identity: str) -> bool:
        """Whether the instruction of this id is a repeat, as far as is known."""
        self.catch_up()
        return identity in self._repeats

    def __iter__(self) -> Iterator[str]:
        """The ids of all repeats, sorted."""
        self.catch_up()
        return iter(self._repeats)

    def load(self, number: int, identity: str, bands: Sequence[int]) -> bool:
        """Take in what an earlier session knew; False where it cannot be, for it has another number of bands."""
        self._width = self._width or len(bands)
        if len(bands) != self._width:
            return False
        self._numbers.append(number)
        self._ids.append(int(identity, 16))
        self._bands.extend(bands)
        return True

    def add(self, number: int, identity: str, bands: Sequence[int]) -> bool:
        """Take in the instruction of this number and id; whether it is a repeat. A second time changes nothing."""
        if not self.load(
            number, identity, bands
        ):  # what is on file was made otherwise: it cannot be compared
            self._clear()
            self.load(number, identity, bands)
        return identity in self

    def first(self, bands: Sequence[int]) -> str:
        """The id of the lowest-numbered instruction that has any of ``bands``, one of which is known."""
        self.catch_up()
        held = [self._slots[self._slot(band)] for band in bands]
        rows = [(one - 1) // self._width for one in held if one]
        return f"{self._ids[min(rows, key=self._numbers.__getitem__)]:016x}"

    def catch_up(self) -> None:
        """Enter into the table what was loaded; else that is done when it is first needed."""
        if self._known == len(self._numbers):
            return
        if 5 * len(self._bands) > 3 * len(self._slots):
            self._grow()
        for row in range(self._known, len(self._numbers)):
            self._enter(row)
        self._known = len(self._numbers)

    def _enter(self, row: int) -> None:
        numbers, bands, slots, width = self._numbers, self._bands, self._slots, self._width
        number, mask = numbers[row], len(slots) - 1
        higher: set[int] = set()
        for index in range(row * width, (row + 1) * width):
            band = bands[index]
            slot = band & mask
            while (held := slots[slot]) and bands[held - 1] != band:
                slot = (slot + 1) & mask
            if not held:
                slots[slot] = index + 1
                continue
            holder = (held - 1) // width
            if numbers[holder] < number:
                self._repeats.add(f"{self._ids[row]:016x}")
            elif numbers[holder] > number:
                slots[slot] = index + 1
                higher.add(holder)
        for holder in sorted(higher):
            late = f"{self._ids[holder]:016x}"
            if self._repeats.add(late):
                self.late.add(late)
                self.on_late(late)

    def _slot(self, band: int) -> int:
        """Where ``band`` is in the table, or would be."""
        bands, slots, mask = self._bands, self._slots, len(self._slots) - 1
        slot = band & mask
        while (held := slots[slot]) and bands[held - 1] != band:
            slot = (slot + 1) & mask
        return slot

    def _grow(self) -> None:
        size = len(self._slots)
        while 5 * len(self._bands) > 3 * size:
            size *= 2
        before, self._slots = self._slots, array("I", bytes(4 * size))
        for held in before:
            if held:
                self._slots[self._slot(self._bands[held - 1])] = held
