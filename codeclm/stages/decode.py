"""Decode: metadata into basic instructions (section 3.2 of the paper; no demonstrations, they would be copied)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from codeclm.errors import ItemError, ParseError, RunStopped
from codeclm.parsing.answers import answer_in
from codeclm.parsing.embedded_json import find_json
from codeclm.parsing.listing import read_list, without_numbers
from codeclm.parsing.markers import read_markers
from codeclm.records import Draft, Dropped, Unit, digest, draft_id
from codeclm.stages.prompt import Question
from codeclm.stages.screen import Screen
from codeclm.stages.unit_book import UnitBook

__all__ = ["TEMPLATE", "Decode", "parse_instructions"]

TEMPLATE = """\
You write instructions that people could give to an AI assistant.

Write new instructions for the use case below whose answers need the skills below. Each one is reasonable, \
can be answered by a human in writing, and is complete in itself: where it speaks of a text, a table or \
code, it contains it. Make them differ from each other in topic, form and length. Do not answer them.
Write in {{ language or "the language in which the use case is written" }}.
Answer with a numbered list of as many instructions as asked for, one item each, and nothing before or after it.

Use case: {{ use_case }}
Skills: {{ skills | join(", ") }}
Number of instructions: {{ count }}
"""


def parse_instructions(text: str) -> list[str]:
    """The instructions that ``text`` lists, at least one, in their order; a JSON array counts as a list.

    Raises ParseError where there is no list, or its items cannot be told apart.
    """
    with answer_in(text) as answer:
        items = _from_json(answer) or read_list(answer)
        if not items:
            raise ParseError("the answer holds no list of instructions")
        return items


def _from_json(answer: str) -> list[str]:
    """The items of an array that is the answer and not just part of an item."""
    found = find_json(answer)
    if not found or read_markers(f"{found.before}\n{found.after}".split("\n")):
        return []
    items = [_instruction(element) for element in _elements(found.value)]
    return without_numbers(items) if all(items) else []


def _elements(value: object) -> Sequence[object]:
    """The elements of an array, of the only array of an object, or of an object with names that count up."""
    while isinstance(value, dict) and len(value) == 1:
        [inner] = value.values()
        if not isinstance(inner, list | dict):
            return [value]
        value = inner
    if not isinstance(value, dict):
        return value if isinstance(value, list) else []
    counts_up = all(name.endswith(str(number)) for number, name in enumerate(value, 1))
    return list(value.values()) if counts_up else [value]


def _instruction(element: object) -> str:
    """An instruction from a string or an object; "" where there is none, or an input beside it."""
    if isinstance(element, str):
        return element.strip()
    if not isinstance(element, dict) or element.get("input"):
        return ""
    texts = {name.casefold(): text for name, text in element.items() if isinstance(text, str)}
    text = next(iter(texts.values())) if len(texts) == 1 else texts.get("instruction", "")
    return text.strip()


@dataclass(slots=True)
class _Turn:
    """A draw under way: whether it is over, and whether the run was stopped before it was known."""

    over: asyncio.Event = field(default_factory=asyncio.Event)
    stopped: RunStopped | None = None


@dataclass(frozen=True, slots=True)
class _Short:
    """Of a unit that failed: how many instructions it gave in earlier sessions, and how many are missing."""

    given: int
    missing: int


class Decode:
    """Unit -> Drafts, or Dropped: at most ``unit.keep`` distinct instructions of one entry.

    A text equal to an earlier one of the same entry is dropped, and what a list is short of is asked for again as
    further draws, ``top_ups`` times at most. Draws of one entry may be asked at the same time but are compared in
    order, so what is dropped does not depend on which answer came first. Instructions that ``done`` knows are on
    record already: they are counted but not returned. ``book`` takes down what each unit kept.
    """

    def __init__(
        self,
        question: Question[list[str]],
        *,
        run_seed: int = 0,
        top_ups: int = 2,
        done: Callable[[str], bool] = lambda _: False,
        book: UnitBook | None = None,
        screen: Screen | None = None,
    ) -> None:
        self._question = question
        self._run_seed = run_seed
        self._top_ups = top_ups
        self._done = done
        self._book = UnitBook() if book is None else book
        self._screen = Screen(self._book.repeats) if screen is None else screen
        self._latest: dict[int, _Turn] = {}  # by entry: its latest draw that is under way
        self._short: dict[str, _Short] = {}  # by unit that failed
        self._instructions = self._duplicates = self._missing = 0

    async def __call__(self, unit: Unit) -> Sequence[Draft | Dropped]:
        number = unit.entry.number
        before = self._latest.get(number)
        turn = self._latest[number] = _Turn()
        try:
            kept = await self._in_turn(unit, before)
        except ItemError:
            on_record = self._on_record(unit)
            self._short[unit.id] = _Short(on_record, unit.keep - on_record)
            raise
        except RunStopped as reason:
            turn.stopped = reason
            raise
        finally:
            turn.over.set()
            if self._latest[number] is turn:
                del self._latest[number]
        self._short.pop(unit.id, None)  # a second try may succeed
        drafts = [
            Draft(draft_id(unit.id, index), unit.entry, text) for index, text in enumerate(kept)
        ]
        return self._screen.basic([draft for draft in drafts if not self._done(draft.id)])

    def finished(self, unit: Unit) -> bool:
        """Whether all that ``unit`` gives is on record; it is counted then, and need not be decoded."""
        result = self._book.take_finished(unit)
        if result is not None:
            self._count(unit, result.kept, result.dropped)
        return result is not None

    def lost(self, unit: Unit) -> int:
        """What ``unit``, which is on record as failed, did not give; what it gave is counted."""
        on_record = self._on_record(unit)
        self._instructions += on_record
        return unit.keep - on_record

    def _on_record(self, unit: Unit) -> int:
        """Its instructions that have an outcome: an earlier session may have decoded it whose answer is lost."""
        begun = range(len(self._book.begun(unit)))
        return sum(self._done(draft_id(unit.id, index)) for index in begun)

    async def _in_turn(self, unit: Unit, before: _Turn | None) -> list[str]:
        """Ask at once, but compare after the draw ``before`` has; it, in turn, did after its own.

        Where the run was stopped before that one was known, this one is not either: a resumed run compares them.
        """
        try:
            texts = await self._ask(unit, unit.count, 0)
        finally:
            if before is not None:
                await before.over.wait()
        if before is not None and before.stopped is not None:
            raise before.stopped.with_traceback(None)
        return await self._topped_up(unit, texts)

    def counts(self) -> dict[str, int]:
        """Instructions made, equal ones dropped, and how many were asked for in vain, so far."""
        return {
            "instructions": self._instructions + sum(one.given for one in self._short.values()),
            "duplicates_dropped": self._duplicates,
            "missing": self._missing + sum(one.missing for one in self._short.values()),
        }

    async def _ask(self, unit: Unit, count: int, part: int) -> list[str]:
        metadata = unit.entry.metadata
        variables = {"use_case": metadata.use_case, "skills": metadata.skills, "count": count}
        # Entries with equal metadata have equal prompts: the draw keeps their samples apart.
        draw = int(digest(self._run_seed, unit.id, part)[:8], 16) >> 1
        return await self._question.ask(variables, draw=draw, item=unit.id)

    async def _topped_up(self, unit: Unit, texts: Sequence[str]) -> list[str]:
        kept: dict[int, str] = {}
        dropped = self._take(unit, texts, kept)
        for part in range(1, self._top_ups + 1):
            if len(kept) == unit.keep:
                break
            try:
                more = await self._ask(unit, unit.keep - len(kept), part)
            except ParseError:
                break  # what the first answer gave is good all the same
            dropped += self._take(unit, more, kept)
        bands = self._screen.bands([*kept.values()])
        self._book.add(unit, kept, dropped, self._screen.number(unit), bands)
        self._count(unit, len(kept), dropped)
        return list(kept.values())

    def _take(self, unit: Unit, texts: Sequence[str], kept: dict[int, str]) -> int:
        """Add ``texts`` to ``kept``, up to what ``unit`` is to give; how many were dropped as equal."""
        dropped, its_own = 0, self._book.begun(unit)
        for text in texts:
            if len(kept) == unit.keep:
                break
            # 64 bits stand for the text: an entry may have thousands.
            key = int(digest(unit.entry.number, text), 16)
            if key in kept or (key in self._book and key not in its_own):
                dropped += 1
            else:
                kept[key] = text
        return dropped

    def _count(self, unit: Unit, kept: int, dropped: int) -> None:
        self._instructions += kept
        self._duplicates += dropped
        self._missing += unit.keep - kept
