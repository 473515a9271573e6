"""Repeats are a function of what there is: held against the rule itself, over any order of arrival."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st

from codeclm.records import Entry, Metadata, Unit, digest
from codeclm.stages.repeats import RepeatBook
from codeclm.stages.screen import number_of

Instructions = list[Sequence[int]]
"""By number: the bands of each; few different ones, so that they meet."""

instructions = st.lists(
    st.lists(st.integers(0, 12).map(lambda n: int(digest(n), 16)), min_size=2, max_size=2),
    max_size=12,
)


def identity(number: int) -> str:
    return digest("instruction", number)


def rule(bands: Instructions) -> set[str]:
    """Those that have a band in common with any one of a lower number."""
    return {
        identity(number)
        for number, own in enumerate(bands)
        if any(not set(own).isdisjoint(lower) for lower in bands[:number])
    }


@settings(max_examples=60)
@given(bands=instructions, seed=st.integers(0, 999), again=st.integers(0, 6))
def test_whatever_comes_first_the_rule_holds(bands: Instructions, seed: int, again: int) -> None:
    """Those dropped at once and those found out late are together what the rule says, each told once."""
    chance = random.Random(seed)
    order = chance.sample(range(len(bands)), len(bands))
    order += chance.choices(order, k=again) if order else []
    book, at_once = RepeatBook(), set()
    late: list[str] = []
    book.on_late = late.append
    for number in order:
        if chance.random() < 0.2:  # as on file
            book.load(number, identity(number), bands[number])
        elif book.add(number, identity(number), bands[number]):
            at_once.add(identity(number))
    assert set(book) == rule(bands)
    assert list(book) == sorted(book)
    assert len(book) == len(rule(bands))
    assert at_once | {*late} <= rule(bands)
    assert len(late) == len({*late})
    assert book.late == {*late}


@settings(max_examples=40)
@given(bands=instructions, seed=st.integers(0, 999))
def test_what_is_repeated_is_the_lowest_in_the_end(bands: Instructions, seed: int) -> None:
    """In whatever order they came: of all that are near, the one of the lowest number."""
    book = RepeatBook()
    for number in random.Random(seed).sample(range(len(bands)), len(bands)):
        book.add(number, identity(number), bands[number])
    for own in bands:
        near = [number for number, one in enumerate(bands) if not set(own).isdisjoint(one)]
        assert book.first(own) == identity(min(near))


@given(
    places=st.lists(st.tuples(st.integers(0, 99), st.integers(0, 2**32 - 1)), min_size=2),
    entry_major=st.booleans(),
)
def test_numbers_are_in_the_order_of_units(
    places: list[tuple[int, int]], entry_major: bool
) -> None:
    """Draw-major, or entry by entry, with room for the 50 instructions of one unit; 64 bits hold them."""
    units = [Unit(Entry(entry, "", Metadata("", ())), draw, 50, 50) for draw, entry in places]
    numbers = {number_of(unit, entry_major=entry_major): unit for unit in units}
    in_order = [
        (unit.entry.number, unit.draw) if entry_major else (unit.draw, unit.entry.number)
        for _, unit in sorted(numbers.items())
    ]
    assert in_order == sorted(set(in_order))
    ordered = sorted(numbers)
    assert all(after - before >= 50 for before, after in pairwise(ordered))
    assert ordered[-1] + 50 < 1 << 64


def test_a_million_would_take_little() -> None:
    """With ten bands, an instruction takes at most 250 bytes."""
    book, number = RepeatBook(), 10_000
    for place in range(number):
        book.add(place, identity(place), [int(digest(place, band), 16) for band in range(10)])
    arrays = (book._numbers, book._ids, book._bands, book._slots)
    assert sum(map(sys.getsizeof, arrays)) / number < 250


def test_what_was_made_otherwise_is_forgotten() -> None:
    """Lines with another number of bands are not this run's; what it makes itself is compared all the same."""
    book = RepeatBook()
    assert book.load(0, identity(0), [1, 2, 3])
    assert not book.load(1, identity(1), [1])
    assert not book.add(2, identity(2), [1, 2])
    assert book.add(3, identity(3), [2, 5])
    assert book.first([5, 2]) == identity(2)
