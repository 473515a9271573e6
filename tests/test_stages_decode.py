"""Decode: what is a duplicate does not depend on which answer came first."""

from __future__ import annotations

import asyncio
import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ItemError, ParseError
from codeclm.llm.chat import ChatRequest
from codeclm.llm.scripted import ScriptedModel
from codeclm.records import Entry, Metadata, Unit
from codeclm.stages.decode import Decode, parse_instructions
from codeclm.stages.prompt import Question, Sampling
from codeclm.stages.templates import load_templates

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

        question = Question(
            load_templates()["decode"],
            ScriptedModel(answer),
            parse_instructions,
            Sampling(0.7, 99),
            redraws=0,
        )
        decode = Decode(question, top_ups=0)

        async def one(draw: int) -> None:
            try:
                drafts = await decode(Unit(ENTRY, draw, 3, 3))
                made[draw] = [draft.instruction for draft in drafts]
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
    question = Question(
        load_templates()["decode"], model, parse_instructions, Sampling(0.7, 99), redraws=0
    )
    decode = Decode(question)
    with pytest.raises(ItemError, match="no connection"):
        await decode(Unit(ENTRY, 0, 3, 3))
    assert decode.counts() == {"instructions": 0, "duplicates_dropped": 0, "missing": 3}
