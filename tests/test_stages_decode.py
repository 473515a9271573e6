"""Decode: what is a duplicate does not depend on which answer came first."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ItemError, ParseError, RunStopped
from codeclm.llm.chat import ChatRequest
from codeclm.llm.scripted import ScriptedModel
from codeclm.records import Draft, Entry, Metadata, Unit, draft_id
from codeclm.stages.decode import Decode, parse_instructions
from codeclm.stages.prompt import Question, Sampling
from codeclm.stages.templates import load_templates
from codeclm.stages.unit_book import UnitBook

ENTRY = Entry(0, "entry", Metadata("chat", ("tone",)))


def decode_all(answers: list[list[str] | None], order: random.Random) -> dict[int, list[str] | str]:
    """Draws of one entry whose answers come in the order that ``order`` draws; None is unreadable."""

    async def run() -> dict[int, list[str] | str]:
        made: dict[int, list[str] | str] = {}
        prompts: list[int] = []

        async def answer(request: ChatRequest) -> str:
            if request.draw not in prompts:
                prompts.append(request.draw)
            number = prompts.index(request.draw)
            for _ in range(order.randrange(12)):
                await asyncio.sleep(0)
            texts = answers[number] if number < len(answers) else None
            if texts is None:
                return "I would rather not."
            return "\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))

        decode = Decode(_question(ScriptedModel(answer)), top_ups=0)

        async def one(draw: int) -> None:
            try:
                drafts = await decode(Unit(ENTRY, draw, 3, 3))
                made[draw] = [one.instruction for one in drafts if isinstance(one, Draft)]
            except ItemError as error:
                made[draw] = type(error).__name__

        async with asyncio.TaskGroup() as group:
            for draw in range(len(answers)):
                group.create_task(one(draw))
        return made

    return asyncio.run(run())


@given(
    answers=st.lists(
        st.none()
        | st.lists(st.sampled_from(["red", "green", "blue", "white"]), min_size=1, max_size=3),
        min_size=1,
        max_size=6,
    ),
    seed=st.integers(0, 2**16),
)
def test_duplicates_are_decided_in_the_order_of_draws(
    answers: list[list[str] | None], seed: int
) -> None:
    """Of equal instructions the one of the lowest draw is kept, whatever fails and whatever is late."""
    seen: set[str] = set()
    expected: dict[int, list[str] | str] = {}
    for draw, texts in enumerate(answers):
        if texts is None:
            expected[draw] = ParseError.__name__
        else:
            fresh = [text for text in dict.fromkeys(texts) if text not in seen]
            seen.update(fresh)
            expected[draw] = fresh
    assert decode_all(answers, random.Random(seed)) == expected


@pytest.mark.anyio
async def test_a_top_up_that_cannot_be_had_fails_the_unit() -> None:
    """An outage is not taken for a short list: the unit fails, on record, and may be retried."""

    def answer(request: ChatRequest) -> str:
        if len(model.requests) > 1:
            raise ItemError("no connection")
        return "1. only one"

    model = ScriptedModel(answer)
    decode = Decode(_question(model))
    with pytest.raises(ItemError, match="no connection"):
        await decode(Unit(ENTRY, 0, 3, 3))
    assert decode.counts() == {"instructions": 0, "duplicates_dropped": 0, "missing": 3}


@pytest.mark.anyio
async def test_no_draw_is_compared_without_one_that_a_stop_left_pending() -> None:
    """It would keep what that one has, and a resumed run would decide otherwise; it stays pending too."""
    asked = asyncio.Event()

    async def answer(request: ChatRequest) -> str:
        if len(model.requests) == 1:
            await asked.wait()
            raise RunStopped("no money")
        asked.set()
        return "1. red"

    model = ScriptedModel(answer)
    decode = Decode(_question(model), top_ups=0)
    units = [decode(Unit(ENTRY, draw, 1, 1)) for draw in range(3)]
    outcomes = await asyncio.gather(*units, return_exceptions=True)
    assert [str(outcome) for outcome in outcomes] == ["no money"] * 3
    assert decode.counts() == {"instructions": 0, "duplicates_dropped": 0, "missing": 0}


@pytest.mark.anyio
async def test_a_unit_that_fails_after_it_gave_some() -> None:
    """What it gave in an earlier session is on record and counts; only the rest is missing."""

    def answer(request: ChatRequest) -> str:
        raise ItemError("no connection")

    unit = Unit(ENTRY, 0, 3, 3)
    row = {"id": unit.id, "keep": 3, "dropped": 0, "texts": ["1", "2", "3"]}
    done = {draft_id(unit.id, 1)}.__contains__
    decode = Decode(_question(ScriptedModel(answer)), done=done, book=UnitBook([row], done=done))
    with pytest.raises(ItemError, match="no connection"):
        await decode(unit)
    assert decode.counts() == {"instructions": 1, "duplicates_dropped": 0, "missing": 2}
    again = Decode(_question(ScriptedModel(answer)), done=done, book=UnitBook([row], done=done))
    assert again.lost(unit) == 2
    assert again.counts()["instructions"] == 1


def _question(model: ScriptedModel) -> Question[list[str]]:
    return Question(
        load_templates()["decode"], model, parse_instructions, Sampling(0.7, 99), redraws=0
    )
