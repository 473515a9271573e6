"""Which instructions repeat one of a lower number: a rule that no order of arrival changes."""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from codeclm.number_set import IdSet
from codeclm.records import draft_id

__all__ = ["INDEX_BITS", "RepeatBook"]

_SHELF_BITS = 12
_SHELF = (1 << _SHELF_BITS) - 1
_HOLDER = (1 << 32) - 1
_MARK = _HOLDER << 32
INDEX_BITS = 6
"""For the place of an instruction in its unit."""
_INDEX = (1 << INDEX_BITS) - 1
_MANY = 1 << _SHELF_BITS
"""From so many on it pays to go through all shelves."""
_MOST_WAITING = 100_000
"""With ten bands, to enter so many at once takes 40 MB for a moment."""


class RepeatBook:
    """An instruction is a repeat where any one of a lower number, kept or not, has a band in common with it.

    So the lowest holder of each band is all that need be known. Of a band 44 bits count: of a million instructions
    with ten bands, some three are taken for repeats and are none. ``on_late`` is told the id of one that was taken
    for a first one until one of a lower number came; ``late`` are all of those. All have as many bands; with ten an
    instruction takes about 90 bytes, and its entry some microseconds: a resumed run enters all that there were.
    """

    def __init__(self) -> None:
        self.on_late: Callable[[str], None] = lambda identity: None
        self.late: set[str] = set()
        self._repeats = IdSet()
        self._clear()

    def _clear(self) -> None:
        self._width = 0
        # By unit: its id, and the number of its first instruction. A holder is its place here, and an index in it.
        self._units, self._firsts = array("Q"), array("Q")
        # Holders that are not entered yet, and their bands.
        self._waiting, self._bands = array("I"), array("Q")
        # By the lowest bits of a band, sorted: its highest 32 bits, and its lowest holder.
        self._shelves = [array("Q") for _ in range(1 << _SHELF_BITS)]

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

    def load(self, number: int, unit: str, index: int, bands: Sequence[int]) -> bool:
        """Take in what an earlier session knew of the instruction of this number, at ``index`` in its unit.

        False where it cannot be, for it has another number of bands.
        """
        self._width = self._width or len(bands)
        if len(bands) != self._width:
            return False
        identity = int(unit, 16)
        if not self._units or self._units[-1] != identity:
            self._units.append(identity)
            self._firsts.append(number - index)
        self._waiting.append(len(self._units) - 1 << INDEX_BITS | index)
        self._bands.extend(bands)
        if len(self._waiting) >= _MOST_WAITING:
            self.catch_up()
        return True

    def add(self, number: int, unit: str, index: int, bands: Sequence[int]) -> None:
        """Take in an instruction. A second time changes nothing."""
        if not self.load(number, unit, index, bands):
            self._clear()  # what is on file was made otherwise: it cannot be compared
            self.load(number, unit, index, bands)
        self.catch_up()

    def first(self, bands: Sequence[int]) -> str:
        """The id of the lowest-numbered instruction that has any of ``bands``, one of which is known."""
        self.catch_up()
        held = (self._holder(band) for band in bands)
        return self._id(min((one for one in held if one is not None), key=self._number))

    def catch_up(self) -> None:
        """Enter what was loaded; else that is done when it is first needed."""
        if not self._waiting:
            return
        waiting, bands, width = self._waiting, self._bands, self._width
        self._waiting, self._bands = array("I"), array("Q")
        each = (
            (holder, bands[place * width : (place + 1) * width])
            for place, holder in enumerate(waiting)
        )
        if len(waiting) >= _MANY:
            self._enter_many(each)
        else:
            for holder, own in each:
                self._enter(holder, own)

    def _enter(self, holder: int, bands: Sequence[int]) -> None:
        number, shelves = self._number(holder), self._shelves
        higher: set[int] = set()
        for band in bands:
            shelf, mark = shelves[band & _SHELF], band & _MARK
            place = bisect_left(shelf, mark)
            if place == len(shelf) or shelf[place] & _MARK != mark:
                shelf.insert(place, mark | holder)
                continue
            held = shelf[place] & _HOLDER
            if self._number(held) < number:
                self._repeats.add(self._id(holder))
            elif self._number(held) > number:
                shelf[place] = mark | holder
                higher.add(held)
        for held in sorted(higher):
            late = self._id(held)
            if self._repeats.add(late):
                self.late.add(late)
                self.on_late(late)

    def _enter_many(self, loaded: Iterable[tuple[int, Sequence[int]]]) -> None:
        """The same in half the time, for those of earlier sessions: of them none is found late."""
        piles: list[list[int]] = [[] for _ in self._shelves]
        for holder, bands in loaded:
            for band in bands:
                piles[band & _SHELF].append(band & _MARK | holder)
        for place, pile in enumerate(piles):
            merged = sorted([*self._shelves[place], *pile])
            if len({*map(_MARK.__and__, merged)}) < len(merged):
                merged = [self._lowest(same) for _, same in groupby(merged, _MARK.__and__)]
            self._shelves[place] = array("Q", merged)

    def _lowest(self, same: Iterable[int]) -> int:
        """Of those that hold the same band, the one of the lowest number; the others are repeats."""
        lowest, *others = sorted(same, key=lambda one: self._number(one & _HOLDER))
        for other in others:
            if self._number(other & _HOLDER) > self._number(lowest & _HOLDER):
                self._repeats.add(self._id(other & _HOLDER))
        return lowest

    def _holder(self, band: int) -> int | None:
        shelf, mark = self._shelves[band & _SHELF], band & _MARK
        place = bisect_left(shelf, mark)
        found = place < len(shelf) and shelf[place] & _MARK == mark
        return shelf[place] & _HOLDER if found else None

    def _number(self, holder: int) -> int:
        return self._firsts[holder >> INDEX_BITS] + (holder & _INDEX)

    def _id(self, holder: int) -> str:
        return draft_id(f"{self._units[holder >> INDEX_BITS]:016x}", holder & _INDEX)
