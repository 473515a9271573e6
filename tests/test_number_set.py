"""Compact sets: the same as Python's own, in less memory."""

from __future__ import annotations

import tracemalloc
from collections.abc import Callable
from random import Random
from typing import TypeVar

from hypothesis import given
from hypothesis import strategies as st

from codeclm.number_set import IdSet, NumberSet
from codeclm.records import digest

T = TypeVar("T")

NUMBERS = st.integers(0, 2**64 - 1)
NEAR = st.integers(0, 30) | st.integers(2**64 - 30, 2**64 - 1) | st.integers(2**56 - 9, 2**56 + 9)
HEX = st.text("0123456789abcdef", min_size=15, max_size=17)
ODD = st.sampled_from(
    ["", "0x00000000000001", "-000000000000001", "00000000_0000001", " 1", "０" * 16]
)
IDS = NUMBERS.map("{:016x}".format) | HEX | HEX.map(str.upper) | ODD | st.text(max_size=17)


@given(st.lists(NUMBERS | NEAR), st.lists(NUMBERS | NEAR))
def test_numbers_are_in_it_as_in_a_set(added: list[int], asked: list[int]) -> None:
    """Whatever is added, in any order and more than once, is there, and nothing else is."""
    compact, plain = NumberSet(), set[int]()
    for number in added:
        assert (number in compact) is (number in plain)
        assert compact.add(number) is (number not in plain)
        plain.add(number)
        assert number in compact
    assert len(compact) == len(plain)
    assert [number in compact for number in asked] == [number in plain for number in asked]


@given(st.lists(IDS), st.lists(IDS))
def test_ids_are_in_it_as_in_a_set(added: list[str], asked: list[str]) -> None:
    """Any text is an id; two that stand for the same number are two."""
    compact, plain = IdSet(), set[str]()
    for identity in added:
        assert (identity in compact) is (identity in plain)
        assert compact.add(identity) is (identity not in plain)
        plain.add(identity)
        assert identity in compact
    assert len(compact) == len(plain)
    assert [one in compact for one in asked] == [one in plain for one in asked]


def test_a_member_takes_less_than_ten_bytes() -> None:
    """At a hundred thousand, also while they are added."""
    chance = Random(1)
    assert _peak(NumberSet().add, lambda _: chance.getrandbits(64)) < 10
    assert _peak(IdSet().add, digest) < 10


def _peak(add: Callable[[T], bool], make: Callable[[int], T], number: int = 100_000) -> float:
    """The most bytes in use a member."""
    tracemalloc.start()
    try:
        for one in range(number):
            add(make(one))
        return tracemalloc.get_traced_memory()[1] / number
    finally:
        tracemalloc.stop()
