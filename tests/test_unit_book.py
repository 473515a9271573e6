"""A resumed run does not decode again what is finished, and makes what the undisturbed one makes."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ItemError
from codeclm.llm.chat import ChatRequest
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.rounds import Wanted
from codeclm.methods.work import Work
from codeclm.records import Draft, Entry, Metadata, Seed, Unit, draft_id
from codeclm.stages.decode import Decode, parse_instructions
from codeclm.stages.prompt import Question, Sampling
from codeclm.stages.templates import load_templates
from codeclm.stages.unit_book import UnitBook, UnitResult

ENTRIES = [Entry(n, f"entry {n}", Metadata(f"chat {n}", ("tone",))) for n in range(2)]
UNITS = [Unit(entry, draw, 3, 3) for draw in range(4) for entry in ENTRIES]
UNREADABLE: tuple[list[object], ...] = ([1], ["-1"], ["1" * 17], ["?"])
WORDS = ("red", "green", "blue", "white", "black", "grey", "pink", "brown")


def unreadable(texts: list[object]) -> dict[str, Any]:
    """The line of a unit that makes no sense."""
    return {"id": "00", "keep": 3, "dropped": 0, "texts": texts}


class Directory:
    """What sittings of one run leave: lines of units, and instructions whose outcome is on record.

    After ``writes`` of them the process is dead: nothing is kept any more.
    """

    def __init__(self) -> None:
        self.lines: list[dict[str, Any]] = []
        self.record: dict[str, tuple[int, str]] = {}
        self.asked = 0
        self.writes = 0

    def keep_line(self, line: dict[str, Any]) -> None:
        self.writes -= 1
        if self.writes >= 0:
            self.lines.append(line)

    def keep_outcome(self, draft: Draft) -> None:
        self.writes -= 1
        if self.writes >= 0:
            assert draft.id not in self.record
            self.record[draft.id] = draft.entry.number, draft.instruction

    def sitting(
        self, seed: int, writes: int = 1_000, failing: frozenset[int] = frozenset()
    ) -> dict[str, int]:
        """Decode all, answers and outcomes coming late or soon as ``seed`` draws; the counts.

        The units of ``failing`` have no answer this time.
        """
        chance, done, self.writes = random.Random(seed), {*self.record}.__contains__, writes
        model = ScriptedModel(lambda request: answer(request, chance))
        book = UnitBook([*self.lines], self.keep_line, done)
        decode = Decode(question(model), done=done, book=book)

        async def one(unit: Unit) -> None:
            for draft in await decode(unit):
                await a_moment(chance)
                assert isinstance(draft, Draft)
                self.keep_outcome(draft)

        async def all_of_them() -> None:
            async with asyncio.TaskGroup() as group:
                for number, unit in enumerate(UNITS):
                    if not decode.finished(unit) and number not in failing:
                        group.create_task(one(unit))

        asyncio.run(all_of_them())
        self.asked = len(model.requests)
        return decode.counts()


def question(model: ScriptedModel) -> Question[list[str]]:
    return Question(load_templates()["decode"], model, parse_instructions, Sampling(0.7, 99))


async def a_moment(chance: random.Random) -> None:
    for _ in range(chance.randrange(9)):
        await asyncio.sleep(0)


async def answer(request: ChatRequest, chance: random.Random) -> str:
    """At any time, but always the same for one draw."""
    await a_moment(chance)
    words = random.Random(request.draw).choices(WORDS, k=3)
    return "\n".join(f"{n}. {word}" for n, word in enumerate(words, 1))


def undisturbed() -> tuple[Directory, dict[str, int]]:
    directory = Directory()
    return directory, directory.sitting(0)


kills = st.lists(st.tuples(st.integers(0, 99), st.integers(0, 40)), max_size=5)


@given(kills=kills, forgotten=st.lists(st.integers(0, 30), max_size=6))
def test_kills_change_nothing(kills: list[tuple[int, int]], forgotten: list[int]) -> None:
    """Killed anywhere, with lines lost, spoilt or doubled: the same instructions, the same counts, none twice."""
    directory = Directory()
    for seed, writes in kills:
        directory.sitting(seed, writes)
        lines = [line for n, line in enumerate(directory.lines) if n not in forgotten]
        directory.lines = [*lines, *lines[:1], {"id": "?"}, *map(unreadable, UNREADABLE)]
    counts = directory.sitting(0)
    whole, whole_counts = undisturbed()
    assert directory.record == whole.record
    assert counts == whole_counts
    assert whole_counts["duplicates_dropped"]
    assert directory.sitting(1) == counts


@given(sittings=st.lists(st.tuples(st.integers(0, 40), st.frozensets(st.integers(0, 7)))))
def test_what_was_late_is_compared_with_what_is_on_record(
    sittings: list[tuple[int, frozenset[int]]],
) -> None:
    """A unit without an answer in one sitting, when later ones had theirs, does not repeat them in the next."""
    directory = Directory()
    for seed, (writes, failing) in enumerate(sittings):
        directory.sitting(seed, writes, failing)
    counts = directory.sitting(0)
    kept = list(directory.record.values())
    assert len(kept) == len(set(kept)) == counts["instructions"]
    assert counts["missing"] == sum(unit.keep for unit in UNITS) - len(kept)


def test_what_is_finished_is_not_asked_for() -> None:
    """Not even of the cache; and where one instruction is left to do, only its unit is."""
    directory, _ = undisturbed()
    lines = len(directory.lines)
    directory.sitting(0)
    assert directory.asked == 0
    del directory.record[draft_id(UNITS[1].id, 0)]
    directory.sitting(0)
    assert 1 <= directory.asked <= 3  # with what its list was short of
    assert len(directory.record) == len(undisturbed()[0].record)
    assert len(directory.lines) == lines


def test_a_unit_that_is_to_give_another_number_is_decoded() -> None:
    """What a line says holds for the unit that it was written for."""
    unit = UNITS[0]
    line = {"id": unit.id, "keep": 3, "dropped": 1, "texts": ["00000000000000aa"]}
    assert UnitBook([line], done=bool).take_finished(Unit(unit.entry, 0, 3, 2)) is None
    assert UnitBook([line], done=bool).take_finished(unit) == UnitResult(3, 1, 1)


@given(st.builds(Metadata, st.text(), st.lists(st.text(), min_size=1, max_size=3).map(tuple)))
def test_an_entry_is_found_as_it_was_decoded(metadata: Metadata) -> None:
    """The metadata comes back as it was, once, or not at all; further units of the entry do not hold it."""
    lines: list[dict[str, Any]] = []
    entry = Entry(0, "entry", metadata)
    book = UnitBook(write=lines.append)
    book.add(Unit(entry, 0, 3, 3), [1], 0)
    book.add(Unit(entry, 1, 3, 3), [2], 0)
    assert ["skills" in line for line in lines] == [True, False]
    later = UnitBook([{**line, "skills": [*line.get("skills", ())]} for line in lines])
    odd = any("\x1f" in word for word in (metadata.use_case, *metadata.skills))
    assert later.take_metadata("entry") == (None if odd else metadata)
    assert later.take_metadata("entry") is None
    assert later.take_metadata("another") is None


@pytest.mark.parametrize("skills", [None, "tone", [], [1], ["tone", None]])
def test_metadata_that_makes_no_sense_is_as_none(skills: object) -> None:
    """The entry is encoded again; what else the line says holds."""
    unit = UNITS[0]
    line = {"id": unit.id, "keep": 3, "dropped": 0, "texts": ["aa"], "use_case": "chat"}
    book = UnitBook([{**line, "skills": skills}], done=bool)
    assert book.take_metadata(unit.entry.id) is None
    assert book.take_finished(unit) == UnitResult(3, 1, 0)


BANDS = b64encode(bytes(80)).decode()


@pytest.mark.parametrize(
    "change",
    [
        {"id": "f" * 17},
        {"id": "-1"},
        {"id": "0xaa"},
        {"id": "AA"},
        {"number": 1 << 64},
        {"number": -1},
        {"bands": [BANDS] * 65},
        {"bands": ["a"]},
    ],
)
def test_a_line_that_no_run_wrote_is_passed_over(change: dict[str, object]) -> None:
    """Its unit is decoded again."""
    line = {"id": UNITS[0].id, "keep": 3, "dropped": 0, "texts": ["aa"], "number": 64}
    whole = {**line, "bands": [BANDS] * 3}
    assert UnitBook([whole], done=bool).take_finished(UNITS[0]) == UnitResult(3, 1, 0)
    book = UnitBook([{**whole, **change}], done=bool)
    assert book.take_finished(UNITS[0]) is None
    assert not len(book.repeats)
    assert book.not_reached() == UnitResult(0, 0, 0)


def test_a_unit_that_fails_again_keeps_its_texts_reserved() -> None:
    """A unit that was begun and cannot be finished now leaves no other unit the texts that it kept."""
    lines = [{"id": UNITS[0].id, "keep": 3, "dropped": 0, "texts": ["aa"]}]
    book = UnitBook(lines)

    def refuse(request: ChatRequest) -> str:
        raise ItemError("no connection")

    async def decoded() -> None:
        await Decode(question(ScriptedModel(refuse)), book=book)(UNITS[0])

    with pytest.raises(ItemError):
        asyncio.run(decoded())
    assert 0xAA in book


@given(finished=st.frozensets(st.integers(0, 29)), total=st.integers(1, 60))
def test_the_source_passes_over_finished_units(finished: frozenset[int], total: int) -> None:
    """All other units come, in the same order, and the counts are those of all."""

    async def units(passed: frozenset[str]) -> tuple[list[str], dict[str, int]]:
        entries: list[Seed | Entry] = [*ENTRIES]
        work = Work(entries, Wanted((total,), 2), finished=lambda unit: unit.id in passed)
        return [unit.id async for unit in work.units() if isinstance(unit, Unit)], work.counts()

    everything, counts = asyncio.run(units(frozenset()))
    passed = frozenset(everything[n] for n in finished if n < len(everything))
    expected = [identity for identity in everything if identity not in passed]
    assert asyncio.run(units(passed)) == (expected, counts)
