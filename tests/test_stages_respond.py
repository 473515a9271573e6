"""Respond: what of the strong model's answer is no example, and what of the target's is judged as it is."""

from __future__ import annotations

from dataclasses import replace

import pytest

from codeclm.errors import Declined, ParseError, Refused
from codeclm.llm.chat import ChatRequest, Completion
from codeclm.llm.scripted import ScriptedModel
from codeclm.records import Comparison, Draft, Entry, Metadata, Rejection, Verdict
from codeclm.stages.filter import Filter
from codeclm.stages.prompt import Sampling
from codeclm.stages.respond import Respond, Respondent

pytestmark = pytest.mark.anyio

DRAFT = Draft("id", Entry(0, "entry", Metadata("chat", ("tone",))), "Sing")


def respond(strong: ScriptedModel, target: ScriptedModel, *, longer: int | None = None) -> Respond:
    sampling = Sampling(0.7, 100, longer_max_tokens=longer)
    return Respond(Respondent(strong, sampling), Respondent(target, sampling))


def cut_below(tokens: int) -> ScriptedModel:
    """A model whose answer takes so many tokens."""

    def answer(request: ChatRequest) -> Completion:
        assert request.max_tokens is not None
        whole = request.max_tokens >= tokens
        return Completion("La la" if whole else "La", "stop" if whole else "length")

    return ScriptedModel(answer)


async def test_half_an_answer_of_the_strong_model_fails_the_item_with_its_text() -> None:
    """It is nothing to learn from; what came stays on record."""
    with pytest.raises(ParseError, match="cut off at its token limit") as caught:
        await respond(cut_below(101), ScriptedModel(lambda _: "La"))(DRAFT)
    assert caught.value.raw == "La"


async def test_an_answer_that_was_cut_off_is_asked_for_once_more_with_twice_the_tokens() -> None:
    """As a further draw, so that the first answer is not paid for again on resume; the target is asked once."""
    strong, target = cut_below(200), cut_below(200)
    assert await respond(strong, target, longer=200)(DRAFT) == [
        Comparison(DRAFT, "La la", "La", target_cut_off=True)
    ]
    assert [(one.draw, one.max_tokens) for one in strong.requests] == [(0, 100), (1, 200)]
    assert [(one.draw, one.max_tokens) for one in target.requests] == [(0, 100)]


async def test_it_is_not_asked_a_third_time() -> None:
    """What twice the tokens do not hold has failed."""
    strong = cut_below(201)
    with pytest.raises(ParseError):
        await respond(strong, ScriptedModel(lambda _: "La"), longer=200)(DRAFT)
    assert len(strong.requests) == 2


async def test_a_refusal_of_the_strong_model_is_none_of_the_target() -> None:
    """The first is no example; the second is how weak models fail, and is judged."""
    no = ScriptedModel(lambda _: Completion("I cannot.", "refusal"))
    yes = ScriptedModel(lambda _: "La la")
    with pytest.raises(Refused):
        await respond(no, yes)(DRAFT)
    [comparison] = await respond(yes, no)(DRAFT)
    assert (comparison.strong, comparison.target) == ("La la", "I cannot.")


NO = "I'm sorry, but I can't help with that."


async def test_a_refusal_in_words_is_one_where_that_is_wanted() -> None:
    """The strong model's is no example; the target's is judged, and is none either if it wins."""
    no, yes = ScriptedModel(lambda _: NO), ScriptedModel(lambda _: "La la")
    for in_words in (False, True):
        step = replace(respond(yes, no), refusals_in_words=in_words)
        [comparison] = await step(DRAFT)
        assert comparison.target_refused is in_words
    [comparison] = await respond(no, yes)(DRAFT)
    assert comparison.strong == NO
    with pytest.raises(Refused, match="the strong model refused") as caught:
        await replace(respond(no, yes), refusals_in_words=True)(DRAFT)
    assert caught.value.raw == NO


async def test_an_empty_answer_of_the_strong_model_is_no_example() -> None:
    """An endpoint's is an error; a model of one's own may give one."""
    with pytest.raises(Declined, match="the strong response is empty"):
        await respond(ScriptedModel(lambda _: " \n"), ScriptedModel(lambda _: "La"))(DRAFT)


@pytest.mark.parametrize(
    ("target", "reason"),
    [
        (Completion("La", "length"), "the target response wins but was cut off"),
        (Completion("I cannot.", "refusal"), "the target response wins but is a refusal"),
        (Completion(NO), "the target response wins but is a refusal"),
        (Completion(" "), "the target response wins but is empty"),
    ],
)
async def test_what_the_target_wins_with_must_be_an_answer(target: Completion, reason: str) -> None:
    """A judge may prefer a refusal, half an answer or none; nobody is to learn it."""
    step = respond(ScriptedModel(lambda _: "La"), ScriptedModel(lambda _: target))
    [comparison] = await replace(step, refusals_in_words=True)(DRAFT)
    verdict = Verdict(comparison, (2.0,), (9.0,))
    assert Filter(3, 4).decide(verdict) == Rejection(verdict, reason)
