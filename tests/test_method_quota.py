"""Exactly N selected: held against the rule itself, over any order of arrival, failures, and sittings broken off."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Sequence
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Failed, Stage
from codeclm.errors import Enough, ItemError, TransientError
from codeclm.methods.entries import Augmentation, Pair, entry_of
from codeclm.methods.quota import Quota
from codeclm.methods.rounds import Wanted
from codeclm.methods.work import Work
from codeclm.records import (
    Comparison,
    Draft,
    Entry,
    Example,
    Metadata,
    Rejection,
    Seed,
    Unit,
    Verdict,
    digest,
    draft_id,
)

WINDOW = 5


@dataclass(frozen=True, slots=True)
class Fate:
    """What becomes of each thing, whenever it is asked: drawn from its id."""

    seed: int
    selected: float
    fails: float
    passes: float  # at the second try

    def _lot(self, *what: object) -> float:
        return random.Random(f"{self.seed} {what}").random()

    def gives(self, unit: Unit) -> list[str] | None:
        """The instructions of ``unit``; None where it fails."""
        if self._lot("unit", unit.id) < self.fails:
            return None
        count = unit.keep - (self._lot("short", unit.id) < 0.2)
        return [draft_id(unit.id, index) for index in range(count)]

    def is_selected(self, identity: str) -> bool:
        return self._lot("fails", identity) >= self.fails and self._lot(identity) < self.selected

    def is_lost(self, entry: Entry) -> bool:
        return self._lot("entry", entry.number) < self.fails

    def is_put_off(self, *what: object) -> bool:
        return self._lot("put off", *what) < self.passes


@dataclass(frozen=True, slots=True)
class Task:
    """What is asked for."""

    wanted: int
    most: int
    seeds: int
    per_call: int
    entries: int  # with those that are mixed
    before: tuple[int, ...] = ()

    @property
    def amount(self) -> Wanted:
        goals = (*self.before, self.wanted)
        return Wanted((), self.seeds, 0, self.per_call, goals, self.most)


def seed(number: int) -> Seed:
    return Seed(number, f"seed-{number}", f"Instruction {number}")


def mixed(found: Sequence[Metadata], number: int) -> list[Metadata]:
    return [Metadata(f"mixed {n}", ("skill",)) for n in range(number)]


def entries_of(task: Task, fate: Fate) -> list[Entry | None]:
    """In their order; None for one that is lost."""
    known: list[Entry] = [entry_of(seed(n), Metadata("", ("skill",))) for n in range(task.seeds)]
    for n in range(task.seeds, task.entries):
        metadata = Metadata(f"mixed {n - task.seeds}", ("skill",))
        known.append(Entry(n, digest("pair", n, metadata.use_case, *metadata.skills), metadata))
    return [None if fate.is_lost(entry) else entry for entry in known]


def rule(task: Task, fate: Fate) -> list[str]:
    """The shortest prefix of units that yields as many as are wanted, cut by id; all there are where none does."""
    entries = entries_of(task, fate)
    each = task.amount.each(max(task.seeds, task.entries))
    units: list[Unit] = []
    for number, entry in enumerate(entries):
        if (number + 1) * each <= task.most and entry is not None:
            units.append(Unit(entry, 0, each, each))
    existing = [entry for entry in entries if entry is not None]
    draw = 0
    while existing and (len(units) + 1) * each <= task.most:
        draw += 1
        for entry in existing:
            if (len(units) + 1) * each <= task.most:
                units.append(Unit(entry, draw, each, each))
    found: list[str] = []
    for unit in units:
        found += filter(fate.is_selected, fate.gives(unit) or [])
        if len(found) >= task.wanted:
            break
    return sorted(found)[: task.wanted]


@dataclass(slots=True)
class Record:
    """What sittings leave: outcomes by id, and what each unit that was decoded gave."""

    selected: set[str] = field(default_factory=set)
    done: set[str] = field(default_factory=set)
    decoded: dict[str, list[str]] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)  # each unit and instruction that was paid for

    def is_finished(self, unit: Unit) -> bool:
        return unit.id in self.decoded and self.done.issuperset(self.decoded[unit.id])


class Sitting:
    """The real source, quota and engine, around steps that take a moment and do as fate says."""

    def __init__(self, task: Task, fate: Fate, record: Record, chance: random.Random) -> None:
        self.task, self.fate, self.record, self.chance = task, fate, record, chance
        self.tried: set[str] = set()
        self.quota = Quota(task.wanted, record.selected.__contains__, window=WINDOW)
        augmentation = None
        if task.entries > task.seeds:
            augmentation = Augmentation(task.entries, mixed, checked=True)
        self.work = Work(
            map(seed, range(task.seeds)),
            task.amount,
            augmentation,
            record.done.__contains__,
            record.is_finished,
            quota=self.quota,
        )
        self.stages: list[Stage[object, object]] = [
            Stage("encode", self.encode, Seed, (Unit,), workers=4, salvage=False),  # type: ignore[arg-type]
            Stage("pairs", self.check, Pair, (Unit,), workers=4, salvage=False),  # type: ignore[arg-type]
            Stage("decode", self.decode, Unit, (Draft,), workers=4),  # type: ignore[arg-type]
            Stage("judge", self.judge, Draft, (Example, Rejection), workers=4),  # type: ignore[arg-type]
        ]

    async def moment(self) -> None:
        for _ in range(self.chance.randrange(12)):
            await asyncio.sleep(0)

    def put_off(self, what: str) -> None:
        is_first = what not in self.tried
        self.tried.add(what)
        if is_first and self.fate.is_put_off(what):
            raise TransientError("not now")

    async def known(self, item: Seed | Pair, entry: Entry) -> Sequence[Unit]:
        await self.moment()
        try:
            self.put_off(entry.id)
        except TransientError:
            assert self.work.postponed(item)
            return []
        if self.fate.is_lost(entry):
            self.work.lost(entry)
            raise ItemError("unreadable")
        return self.work.known(entry)

    async def encode(self, item: Seed) -> Sequence[Unit]:
        return await self.known(item, entry_of(item, Metadata("", ("skill",))))

    async def check(self, item: Pair) -> Sequence[Unit]:
        return await self.known(item, item.entry)

    async def decode(self, unit: Unit) -> Sequence[Draft]:
        await self.moment()
        self.put_off(unit.id)
        self.record.asked.append(unit.id)
        given = self.fate.gives(unit)
        if given is None:
            raise ItemError("unreadable")
        self.record.decoded[unit.id] = given
        left = [identity for identity in given if identity not in self.record.done]
        return [Draft(identity, unit.entry, unit.id) for identity in left]

    async def judge(self, draft: Draft) -> Sequence[Example | Rejection]:
        await self.moment()
        if not self.fate.is_put_off(draft.instruction):  # a third try is never made
            self.put_off(draft.id)
        self.record.asked.append(draft.id)
        if self.fate._lot("fails", draft.id) < self.fate.fails:
            raise ItemError("unreadable")
        verdict = Verdict(Comparison(draft, "S", "T"), (9.0,), (1.0,))
        if self.fate.is_selected(draft.id):
            return [Example(verdict.comparison, "strong", verdict)]
        return [Rejection(verdict, "no")]

    async def sit(self, outcomes: int | None, tickets: int) -> bool:
        """Work, for so many outcomes at the most; whether the run came to its end."""
        pipeline = Pipeline(self.stages, (Example, Rejection), tickets=tickets)
        self.quota.attach(lambda reason: run.drain(reason))
        taken = 0
        async with pipeline.open(self.work.units(), [self.quota]) as run:
            try:
                async for outcome in run:
                    self.keep(outcome)
                    taken += 1
                    if taken == outcomes:
                        return False
            except Enough:
                pass
        return True

    def keep(self, outcome: object) -> None:
        identity, is_selected = "", isinstance(outcome, Example)
        match outcome:
            case Example(comparison):
                identity = comparison.draft.id
            case Rejection(verdict):
                identity = verdict.comparison.draft.id
            case Failed(Draft() | Unit() as item):
                identity = item.id
            case Failed(Seed() as item):
                identity = entry_of(item).id
            case Failed(Pair(entry)):
                identity = entry.id
        assert identity not in self.record.done
        self.record.done.add(identity)
        if is_selected:
            self.record.selected.add(identity)


def work_through(
    task: Task, fate: Fate, breaks: Sequence[int], chance: random.Random, record: Record
) -> list[str]:
    """Sittings, all but the last broken off after so many outcomes; the examples in the end."""
    for outcomes in [*breaks, None]:
        sitting = Sitting(task, fate, record, chance)
        is_over = asyncio.run(
            asyncio.wait_for(sitting.sit(outcomes, chance.choice((1, 3, 16))), 20)
        )
        if is_over:
            chosen = sitting.quota.chosen()
            return sorted(identity for identity in record.selected if identity in chosen)
    raise AssertionError("it never ends")


tasks = st.builds(
    lambda wanted, factor, seeds, per_call, mixed: Task(
        wanted, wanted * factor, seeds, per_call, seeds + mixed
    ),
    wanted=st.integers(1, 12),
    factor=st.integers(1, 6),
    seeds=st.integers(1, 6),
    per_call=st.integers(1, 3),
    mixed=st.sampled_from([0, 0, 3]),
)
fates = st.builds(
    Fate,
    seed=st.integers(0, 10_000),
    selected=st.sampled_from([0.0, 0.3, 0.7, 1.0]),
    fails=st.sampled_from([0.0, 0.0, 0.2]),
    passes=st.sampled_from([0.0, 0.2, 0.9]),
)
breaks = st.lists(st.integers(1, 15), max_size=3)


@settings(max_examples=150, deadline=None)
@given(task=tasks, fate=fates, breaks=breaks, seed=st.integers(0, 10_000))
def test_the_examples_are_those_of_the_rule(
    task: Task, fate: Fate, breaks: list[int], seed: int
) -> None:
    """Whatever comes first, fails, is put off, or is broken off and resumed."""
    record = Record()
    assert work_through(task, fate, breaks, random.Random(seed), record) == rule(task, fate)


@settings(max_examples=40, deadline=None)
@given(task=tasks, fate=fates, more=st.integers(1, 8), seed=st.integers(0, 10_000))
def test_a_raised_number_uses_all_that_was_made(
    task: Task, fate: Fate, more: int, seed: int
) -> None:
    """The examples are those of the rule, and nothing with an outcome is worked on again."""
    record, chance = Record(), random.Random(seed)
    work_through(task, fate, [], chance, record)
    made, done = len(record.asked), {*record.done}
    raised = Task(
        task.wanted + more,
        task.most + 6 * more,
        task.seeds,
        task.per_call,
        task.entries,
        (task.wanted,),
    )
    assert work_through(raised, fate, [], chance, record) == rule(raised, fate)
    assert done.isdisjoint(set(record.asked[made:]) - {*record.decoded})


@settings(max_examples=40, deadline=None)
@given(task=tasks, fate=fates, seed=st.integers(0, 10_000))
def test_what_is_begun_in_vain_has_a_bound(task: Task, fate: Fate, seed: int) -> None:
    """So many units beyond those that make the examples; also where it is known of none that they are finished."""
    record, chance = Record(), random.Random(seed)
    each = task.amount.each(max(task.seeds, task.entries))
    for _ in range(2):
        sitting = Sitting(task, fate, record, chance)
        asyncio.run(asyncio.wait_for(sitting.sit(None, 3), 20))
        needed = sitting.quota.instructions
        assert len(record.decoded) * each <= needed + WINDOW * each
