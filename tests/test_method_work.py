"""Which units of work there are: counted, draw-major, extendable, the same every time."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.engine.stage import SecondTries
from codeclm.methods.entries import Augmentation, Pair, entry_of
from codeclm.methods.rounds import Round, Wanted, draws
from codeclm.methods.work import Work
from codeclm.records import Entry, Metadata, Seed, Unit, digest


def seeds(number: int) -> list[Seed]:
    return [Seed(n, f"seed-{n}", f"Instruction {n}") for n in range(number)]


def metadata(number: int) -> Metadata:
    return Metadata(f"use case {number % 7}", (f"skill {number}",))


def more(found: Sequence[Metadata], number: int) -> Iterable[Metadata]:
    return [Metadata(f"mixed {n} of {len(found)}", ("skill",)) for n in range(number)]


def units_of(
    items: Sequence[Seed | Entry],
    wanted: Wanted,
    augmentation: Augmentation | None = None,
    *,
    failing: frozenset[int] = frozenset(),
    dropped: frozenset[int] = frozenset(),
    order: random.Random | None = None,
    put_off: frozenset[int] = frozenset(),
    recorded: Mapping[str, Metadata] = MappingProxyType({}),
) -> list[Unit]:
    """Drive a Work as the pipeline does; encoded seeds become known in the order that ``order`` draws."""

    async def drive() -> list[Unit]:
        work = Work(items, wanted, augmentation, recorded=recorded.get)
        units: list[Unit] = []
        waiting: list[Seed | Pair] = []

        async def settle_all(done: asyncio.Event) -> None:
            while not done.is_set() or waiting:
                if waiting:
                    index = order.randrange(len(waiting)) if order else 0
                    units.extend(settle(work, waiting.pop(index), failing, dropped, put_off))
                await asyncio.sleep(0)

        done = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            group.create_task(settle_all(done))
            async for item in work.units():
                if isinstance(item, Unit):
                    units.append(item)
                elif not isinstance(item, SecondTries):
                    entry = item.entry if isinstance(item, Pair) else entry_of(item)
                    assert entry.id not in recorded
                    waiting.append(item)
            done.set()
        check_counts(work)
        return units

    return asyncio.run(drive())


def settle(
    work: Work,
    item: Seed | Pair,
    failing: frozenset[int],
    dropped: frozenset[int],
    put_off: frozenset[int],
) -> list[Unit]:
    """Tell what became of ``item``; the units that follow."""
    entry = item.entry if isinstance(item, Pair) else entry_of(item, metadata(item.number))
    if entry.number in put_off and work.postponed(item):
        return []
    if entry.number in failing:
        work.lost(entry)
        return []
    return work.dropped(entry) if entry.number in dropped else work.known(entry)


def check_counts(work: Work) -> None:
    """What entered is known, failed or dropped, each once."""
    counts = work.counts()
    entered = counts["input"] + counts["augmented"]
    assert entered == counts["entries"] + counts["entries_failed"] + counts["pairs_dropped"]


def summary(units: Iterable[Unit]) -> set[tuple[str, int, int, int]]:
    return {(unit.entry.id, unit.draw, unit.count, unit.keep) for unit in units}


@given(wanted=st.integers(1, 5000), entries=st.integers(1, 400), per_call=st.integers(1, 9))
def test_a_round_is_even_and_exact(wanted: int, entries: int, per_call: int) -> None:
    """Shares differ by at most one, none exceeds what is asked for, and they sum to what is wanted."""
    this = Round(wanted, entries, per_call)
    shares = [this.keep(rank) for rank in range(entries)]
    assert sum(shares) == min(wanted, this.count * entries)
    assert max(shares) - min(shares) <= 1
    assert max(shares) <= this.count <= per_call


def test_n_is_the_papers() -> None:
    """n = ceil(total / entries), asked for in calls of at most k."""
    assert Round(2000, 730, 5).count == 3
    assert Round(2000, 200, 5).count == 5
    assert list(draws(12, 5)) == [5, 5, 2]


@given(
    total=st.integers(1, 300),
    number=st.integers(1, 40),
    per_call=st.integers(1, 7),
    augment_to=st.sampled_from([0, 10, 60]),
    failing=st.frozensets(st.integers(0, 39), max_size=12),
    dropped=st.frozensets(st.integers(0, 60), max_size=12),
    checked=st.booleans(),
    seed=st.integers(0, 99),
)
def test_the_total_is_met_exactly_in_any_order(
    total: int,
    number: int,
    per_call: int,
    augment_to: int,
    failing: frozenset[int],
    dropped: frozenset[int],
    checked: bool,
    seed: int,
) -> None:
    """Whatever fails, is dropped or comes first: units sum to the total, and are the same units."""
    wanted = Wanted((total,), number, 0, per_call)
    size = augment_to if augment_to > number else 0
    augmentation = Augmentation(size, more, checked) if size else None
    dropped = frozenset(n for n in dropped if n >= number)
    chance = random.Random(seed)
    drawn = units_of(
        seeds(number), wanted, augmentation, failing=failing, dropped=dropped, order=chance
    )
    in_order = units_of(seeds(number), wanted, augmentation, failing=failing, dropped=dropped)
    assert summary(drawn) == summary(in_order)
    assert len(summary(drawn)) == len(drawn)
    nobody_left = not {unit.entry.number for unit in drawn} and failing >= set(range(number))
    assert sum(unit.keep for unit in drawn) == (0 if nobody_left else total)


@given(
    total=st.integers(1, 120),
    number=st.integers(1, 20),
    augment_to=st.sampled_from([0, 30]),
    put_off=st.frozensets(st.integers(0, 30), max_size=12),
    failing=st.frozensets(st.integers(0, 19), max_size=6),
    seed=st.integers(0, 99),
)
def test_second_tries_change_nothing_but_the_order(
    total: int,
    number: int,
    augment_to: int,
    put_off: frozenset[int],
    failing: frozenset[int],
    seed: int,
) -> None:
    """Seeds and pairs that were put off are tried once more before anything is built on them: numbers add up."""
    wanted = Wanted((total,), number)
    augmentation = Augmentation(augment_to, more, True) if augment_to > number else None
    plain = units_of(seeds(number), wanted, augmentation, failing=failing)
    again = units_of(
        seeds(number),
        wanted,
        augmentation,
        failing=failing,
        put_off=put_off,
        order=random.Random(seed),
    )
    assert summary(plain) == summary(again)
    assert len(summary(again)) == len(again)


@given(
    total=st.integers(1, 120),
    number=st.integers(1, 20),
    augment_to=st.sampled_from([0, 30]),
    on_record=st.frozensets(st.integers(0, 30)),
    failing=st.frozensets(st.integers(0, 19), max_size=6),
    seed=st.integers(0, 99),
)
def test_what_is_on_record_is_not_asked_again(
    total: int,
    number: int,
    augment_to: int,
    on_record: frozenset[int],
    failing: frozenset[int],
    seed: int,
) -> None:
    """Entries whose metadata is on record, seeds and pairs, go on at once, and the units are the same."""
    wanted = Wanted((total,), number)
    augmentation = Augmentation(augment_to, more, True) if augment_to > number else None
    plain = units_of(seeds(number), wanted, augmentation, failing=failing)
    entries = {unit.entry.id: unit.entry for unit in plain}.values()
    recorded = {entry.id: entry.metadata for entry in entries if entry.number in on_record}
    again = units_of(
        seeds(number),
        wanted,
        augmentation,
        failing=failing,
        order=random.Random(seed),
        recorded=recorded,
    )
    assert sorted(plain, key=lambda unit: unit.id) == sorted(again, key=lambda unit: unit.id)


def test_a_second_try_is_the_last() -> None:
    """After it the seed is lost, and its part of the total is made from the others."""
    failing = frozenset({1})
    units = units_of(seeds(3), Wanted((9,), 3), failing=failing, put_off=failing)
    assert {unit.entry.number for unit in units} == {0, 2}
    assert sum(unit.keep for unit in units) == 9


def test_units_are_draw_major() -> None:
    """Every entry has its first draw before any has its second."""
    units = units_of(seeds(4), Wanted((40,), 4))
    assert [unit.draw for unit in units] == [0] * 4 + [1] * 4
    assert [unit.entry.number for unit in units[4:]] == [0, 1, 2, 3]


@given(first=st.integers(1, 60), added=st.integers(1, 60), failing=st.frozensets(st.integers(0, 6)))
def test_a_raised_total_adds_to_what_was_made(
    first: int, added: int, failing: frozenset[int]
) -> None:
    """The units of the smaller total are all among those of the extended one."""
    before = units_of(seeds(7), Wanted((first,), 7), failing=failing)
    after = units_of(seeds(7), Wanted((first, first + added), 7), failing=failing)
    assert summary(before) <= summary(after)
    if len(failing) < 7:
        assert sum(unit.keep for unit in after) == first + added


def test_per_entry_needs_no_count() -> None:
    """Endless input: each entry gets its draws as it comes, and memory holds none of those before."""
    units = units_of(seeds(3), Wanted(per_entry=12))
    by_entry = Counter((unit.entry.number, unit.keep) for unit in units)
    assert by_entry == {(n, size): times for n in range(3) for size, times in ((5, 2), (2, 1))}


def test_given_metadata_is_not_encoded() -> None:
    """Entries become units at once; equal metadata stays several entries."""
    entries = [Entry(n, digest("m", n), Metadata("chat", ("tone",))) for n in range(3)]
    units = units_of(entries, Wanted((3,), 3))
    assert [unit.entry for unit in units] == entries
    assert len({unit.id for unit in units}) == 3


@pytest.mark.parametrize("checked", [False, True])
def test_augmentation_follows_when_all_seeds_are_known(checked: bool) -> None:
    """The pool is what was found, in seed order, and the extra entries come after all seeds."""
    augmentation = Augmentation(6, more, checked)
    units = units_of(seeds(2), Wanted((6,), 2), augmentation, order=random.Random(3))
    assert sorted(unit.entry.metadata.use_case for unit in units[2:]) == [
        f"mixed {n} of 2" for n in range(4)
    ]
    assert all(unit.entry.seed_id is None for unit in units[2:])


def test_what_is_on_record_as_failed_is_not_tried_again() -> None:
    """A seed or unit whose id is known is passed over."""
    items = seeds(3)
    failed = entry_of(items[1]).id

    async def collect() -> list[object]:
        work = Work(items, Wanted((3,), 3), None, {failed}.__contains__)
        seen: list[object] = []
        async for item in work.units():
            seen.append(item)
            if isinstance(item, Seed):
                seen += work.known(entry_of(item, metadata(item.number)))
        return seen

    numbers = [item.number for item in asyncio.run(collect()) if isinstance(item, Seed)]
    assert numbers == [0, 2]
