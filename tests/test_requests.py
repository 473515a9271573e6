"""Every call of a run says what it is for: the entry, the unit of work or the instruction, and its iteration."""

from __future__ import annotations

from collections import defaultdict

import pytest

from codeclm.llm.chat import ChatRequest
from codeclm.llm.events import Answered
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.entries import entry_of
from codeclm.methods.job import Parties, Party
from codeclm.methods.options import CodecLMOptions
from codeclm.records import digest, draft_id
from codeclm.seeds import SeedList
from codeclm.settings import Settings
from codeclm.stages.judge import TEMPLATE as JUDGE
from codeclm.synthesis import synthesize
from tests import scripted_world

pytestmark = pytest.mark.anyio

SEEDS = SeedList(("Sum up text a", "Sum up text b"))
OPTIONS = CodecLMOptions(total=4, per_call=2, augment_to=3, check_pairs=True, iterations=3)


async def told(strong: ScriptedModel) -> list[Answered]:
    """What the models of a small run told."""
    events: list[Answered] = []

    def observe(event: object) -> None:
        if isinstance(event, Answered):
            events.append(event)

    parties = Parties(Party(strong), Party(ScriptedModel(scripted_world.target_answer)))
    async with synthesize(
        SEEDS, Settings(method=OPTIONS, units_in_flight=8), parties=parties, observers=[observe]
    ) as examples:
        async for _ in examples:
            pass
    return events


async def test_each_stage_names_what_it_works_for() -> None:
    """Entries for what is known of them, units for decoding, instructions and their iteration after that."""
    named: defaultdict[str, set[tuple[str, int]]] = defaultdict(set)
    for event in await told(ScriptedModel(scripted_world.answer)):
        named[event.stage].add((event.item, event.iteration))
        assert event.attempt == 0
        assert event.key
    entries = {entry_of(seed).id for seed in SEEDS}
    assert named["encode"] == {(entry, 0) for entry in entries}
    [(pair, _)] = named["pairs"]
    known = {*entries, pair}
    units = {digest("unit", entry, 0) for entry in known}
    assert len(known) == 3
    assert named["decode"] == {(unit, 0) for unit in units}
    drafts = {draft_id(unit, index) for unit in units for index in range(2)}
    assert {item for item, _ in named["rubrics"]} <= known
    for stage, first in (("improve", 2), ("respond", 1), ("judge", 1)):
        assert named[stage], stage
        assert {item for item, _ in named[stage]} <= drafts
        assert {iteration for _, iteration in named[stage]} == set(range(first, 4)), stage


async def test_a_repeated_draw_is_told() -> None:
    """What cannot be read is asked for again: as the next attempt of the same question."""

    def careless(request: ChatRequest) -> str:
        if request.stage == "judge" and request.attempt < 2:
            return "I do not quite see what is wanted."
        return scripted_world.answer(request)

    attempts = [
        event.attempt for event in await told(ScriptedModel(careless)) if event.stage == "judge"
    ]
    assert attempts
    assert attempts.count(0) == attempts.count(1) == attempts.count(2)


def test_both_orders_share_their_beginning() -> None:
    """A provider's prompt cache knows the second judgement up to where the responses begin."""
    before = JUDGE.partition("{{ first_response }}")[0]
    assert "{{ instruction }}" in before
    assert "_response" not in before
