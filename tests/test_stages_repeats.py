"""Repeats are a function of what there is: held against the rule itself, over any order of arrival."""

from __future__ import annotations

import random
import sys
from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from codeclm.records import Entry, Metadata, Unit, digest, draft_id
from codeclm.stages import repeats
from codeclm.stages.repeats import RepeatBook
from codeclm.stages.screen import number_of

IN_A_UNIT = 3

Instructions = list[Sequence[int]]
"""By number: the bands of each; few different ones, so that they meet."""

instructions = st.lists(
    st.lists(st.integers(0, 12).map(lambda n: int(digest(n), 16)), min_size=2, max_size=2),
    max_size=12,
)


def unit(number: int) -> str:
    """The unit of the instruction of this number, which has three of them."""
    return digest("unit", number // IN_A_UNIT)


def identity(number: int) -> str:
    return draft_id(unit(number), number % IN_A_UNIT)


def place(number: int) -> tuple[int, str, int]:
    return number, unit(number), number % IN_A_UNIT


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
            book.load(*place(number), bands[number])
            continue
        book.add(*place(number), bands[number])
        if identity(number) in book:
            at_once.add(identity(number))
    assert set(book) == rule(bands)
    assert list(book) == sorted(book)
    assert len(book) == len(rule(bands))
    assert at_once | {*late} <= rule(bands)
    assert len(late) == len({*late})
    assert book.late == {*late}


@pytest.mark.parametrize("most_waiting", [10, 1_000])
@settings(max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(bands=instructions, seed=st.integers(0, 999), many=st.integers(1, 6))
def test_many_at_once_are_as_one_by_one(
    monkeypatch: pytest.MonkeyPatch, bands: Instructions, seed: int, many: int, most_waiting: int
) -> None:
    """What is on file is entered in one go, or in several: the same repeats, the same lowest ones."""
    monkeypatch.setattr(repeats, "_MANY", many)
    monkeypatch.setattr(repeats, "_MOST_WAITING", most_waiting)
    book = RepeatBook()
    order = random.Random(seed).sample(range(len(bands)), len(bands))
    for number in [*order, *order[::2]]:
        book.load(*place(number), bands[number])
    assert set(book) == rule(bands)
    for own in bands:
        near = [number for number, one in enumerate(bands) if not set(own).isdisjoint(one)]
        assert book.first(own) == identity(min(near))


@settings(max_examples=40)
@given(bands=instructions, seed=st.integers(0, 999))
def test_what_is_repeated_is_the_lowest_in_the_end(bands: Instructions, seed: int) -> None:
    """In whatever order they came: of all that are near, the one of the lowest number."""
    book = RepeatBook()
    for number in random.Random(seed).sample(range(len(bands)), len(bands)):
        book.add(*place(number), bands[number])
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
    """With ten bands, an instruction takes at most 120 bytes."""
    book, number = RepeatBook(), 20_000
    bare = sum(map(sys.getsizeof, book._shelves))
    for one in range(number):
        book.add(*place(one), [int(digest(one, band), 16) for band in range(10)])
    arrays = (book._units, book._firsts, book._waiting, book._bands, *book._shelves)
    assert (sum(map(sys.getsizeof, arrays)) - bare) / number < 120


def test_numbers_and_ids_have_room() -> None:
    """The largest number there may be, and 64 instructions in a unit."""
    book, most = RepeatBook(), (1 << 64) - 64
    for index in range(64):
        book.add(most + index, unit(0), index, [index // 2, 100 + index])
    assert set(book) == {draft_id(unit(0), index) for index in range(1, 64, 2)}
    assert book.first([7]) == draft_id(unit(0), 14)


def test_bands_that_differ_anywhere_in_what_counts_are_two() -> None:
    """In the part that chooses the shelf, and in what is kept of the rest: 44 bits."""
    book = RepeatBook()
    bands = [0, *(1 << bit for bit in (*range(12), *range(32, 64))), (1 << 64) - 1]
    for one, band in enumerate(bands):
        book.add(*place(one), [band])
    assert not len(book)
    assert [book.first([band]) for band in bands] == [*map(identity, range(len(bands)))]


def test_what_was_made_otherwise_is_forgotten() -> None:
    """Lines with another number of bands are not this run's; what it makes itself is compared all the same."""
    book = RepeatBook()
    assert book.load(*place(0), [1, 2, 3])
    assert not book.load(*place(1), [1])
    book.add(*place(2), [1, 2])
    assert not len(book)
    book.add(*place(3), [2, 5])
    assert identity(3) in book
    assert book.first([5, 2]) == identity(2)
