"""What the end of a call means for the calls after it: keys, equal refusals, pauses, tokens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    CodecLMError,
    ContextTooLong,
    EndpointRefused,
    KeyRefused,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRefused,
    RunStopped,
)
from codeclm.llm.acceptance import EQUAL_REFUSALS, Acceptance
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.events import Paused
from codeclm.llm.limits import Allowance
from codeclm.llm.pauses import Pauses
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.tokens import Estimates, TokenBucket, TokenLimits, Tokens
from tests.virtual_time import VirtualLoop, outcome, run_virtual

pytestmark = pytest.mark.anyio


def asked(text: str = "", stage: str = "s", max_tokens: int | None = None) -> ChatRequest:
    return ChatRequest((Message("user", text),), stage=stage, max_tokens=max_tokens)


def test_a_key_that_never_worked_is_refused_for_good() -> None:
    """At the first time: every call would fail."""
    stop = Acceptance().refuse_key(KeyRefused("bad key"))
    assert isinstance(stop, EndpointRefused)
    assert str(stop) == "bad key"


def test_a_stray_refusal_of_the_key_is_tried_again_but_not_three_in_a_row() -> None:
    """An answer in between begins the count anew."""
    acceptance = Acceptance()
    acceptance.answer()
    assert acceptance.refuse_key(KeyRefused("401")) is None
    assert acceptance.refuse_key(KeyRefused("401")) is None
    acceptance.answer()
    assert acceptance.refuse_key(KeyRefused("401")) is None
    assert acceptance.refuse_key(KeyRefused("401")) is None
    assert isinstance(acceptance.refuse_key(KeyRefused("401")), EndpointRefused)


def test_twenty_equal_refusals_at_the_start_mean_all() -> None:
    """Numbers aside the wording is one; after any answer each refusal is that request's own."""
    acceptance = Acceptance()
    ends = [acceptance.refuse_request(RequestRefused(f"no field {n}")) for n in range(20)]
    assert ends[:-1] == [None] * (EQUAL_REFUSALS - 1)
    assert "the first 20 requests were all refused: no field 19" in str(ends[-1])
    acceptance.answer()
    assert acceptance.refuse_request(RequestRefused("no field 20")) is None


def test_a_tiny_question_that_was_answered_says_nothing_of_work() -> None:
    """Before a run each model is asked one: its key works, and yet all items may be refused."""
    acceptance = Acceptance()
    acceptance.answer(tiny=True)
    assert acceptance.refuse_key(KeyRefused("401")) is None
    ends = [acceptance.refuse_request(RequestRefused("no system prompt")) for _ in range(20)]
    assert isinstance(ends[-1], EndpointRefused)


def test_refusals_of_different_wording_are_not_counted_together() -> None:
    """Nineteen, another one, nineteen more: nothing is known of the endpoint."""
    acceptance = Acceptance()
    for wording in ("a", "b", "a"):
        for _ in range(EQUAL_REFUSALS - 1):
            assert acceptance.refuse_request(RequestRefused(wording)) is None


def failing(*errors: CodecLMError | None) -> ScriptedModel:
    left: Iterator[CodecLMError | None] = iter(errors)

    def answer(request: ChatRequest) -> str:
        error = next(left, None)
        if error is not None:
            raise error
        return "yes"

    return ScriptedModel(answer)


ENDS: list[tuple[CodecLMError, type[CodecLMError], bool]] = [
    (KeyRefused("401"), EndpointRefused, True),
    (EndpointRefused("no such model"), EndpointRefused, True),
    (QuotaExhausted("no money"), QuotaExhausted, True),
    (RateLimited("tomorrow", retry_after_s=9000.0), QuotaExhausted, True),
    (RateLimited("slower"), RateLimited, False),
    (RequestRefused("no"), RequestRefused, False),
    (ContextTooLong("long"), ContextTooLong, False),
]


@pytest.mark.parametrize(("error", "becomes", "closes"), ENDS, ids=lambda one: str(one))
async def test_what_follows_from_an_error(
    error: CodecLMError, becomes: type[CodecLMError], closes: bool
) -> None:
    """What it amounts to, and whether any further call is made."""
    scripted, regulator = failing(error), Regulator(Allowance(8), model="m")
    first = await outcome(RegulatedModel(scripted, regulator).complete(asked()))
    assert type(first) is becomes
    if closes:
        second = await outcome(RegulatedModel(scripted, regulator).complete(asked()))
        assert isinstance(second, RunStopped)
        assert second.exit_code == first.exit_code
        assert len(scripted.requests) == 1


async def test_a_key_that_worked_may_be_refused_once() -> None:
    """The call is tried again by the retry loop; the endpoint stays open."""
    model = RegulatedModel(failing(None, KeyRefused("401")), Regulator(Allowance(8)))
    await model.complete(asked())
    assert type(await outcome(model.complete(asked()))) is KeyRefused
    await model.complete(asked())


def test_a_ramp_that_is_too_fast_waits_and_halves() -> None:
    """Half a minute for everybody, half the calls in flight, and no growth for fifteen minutes."""
    events: list[object] = []

    async def main(loop: VirtualLoop) -> tuple[int, int]:
        regulator = Regulator(Allowance(64), clock=loop.time, on_event=events.append)
        model = RegulatedModel(failing(RampTooFast("slow_down")), regulator)
        await outcome(model.complete(asked()))
        began_s = loop.time()
        await model.complete(asked())
        assert loop.time() - began_s == pytest.approx(30)
        after = regulator.limits.concurrency.allowed
        for second in range(800):
            regulator.limits.concurrency.use(loop.time() + second)
            regulator.limits.concurrency.answer("s", 1, loop.time() + second, loop.time() + second)
        return after, regulator.limits.concurrency.allowed

    assert run_virtual(main) == (8, 8)
    assert [event.wait_s for event in events if isinstance(event, Paused)] == [30.0]


def test_a_pause_that_let_calls_through_was_long_enough() -> None:
    """Of those that start at once after it, the first to be refused begins the next pause before the others are
    answered: it must not count as a pause in vain, or refusals at random would add up to minutes."""
    pauses = Pauses(Random(1))
    now_s = 0.0
    for _ in range(20):
        wait_s = pauses.ask(now_s, now_s, None)
        assert wait_s is not None
        assert wait_s <= 1.0
        now_s += pauses.left_s(now_s)
        started_s = now_s
        now_s += 0.01
        if pauses.ask(now_s, started_s, None):  # refused at once ...
            pauses.went_well(started_s)  # ... and the others answered later
            now_s += pauses.left_s(now_s)


def test_characters_a_token_are_learnt() -> None:
    """Another script takes another number of characters for a token."""
    estimates = Estimates()
    assert estimates.prompt(asked("x" * 400)) == 101
    estimates.learn(asked("x" * 400), Usage(400, 7))
    assert estimates.prompt(asked("x" * 800)) == 801


def test_output_is_learnt_by_stage_and_never_more_than_allowed() -> None:
    """Before anything is known it is 512 tokens, or fewer where no more are allowed."""
    estimates = Estimates()
    assert estimates.expected(asked(stage="judge", max_tokens=8192)).output == 512
    assert estimates.expected(asked(stage="judge", max_tokens=64)).output == 64
    estimates.learn(asked(stage="judge"), Usage(1, 10))
    estimates.learn(asked(stage="judge"), Usage(1, 21))
    estimates.learn(asked(stage="judge"), Usage(None, None))
    assert estimates.expected(asked(stage="judge", max_tokens=8192)).output == 16
    assert estimates.expected(asked(stage="respond", max_tokens=8192)).output == 512


@given(st.lists(st.tuples(st.integers(0, 900), st.floats(0, 3)), max_size=60))
def test_a_bucket_never_gives_more_than_a_minutes_tokens(takes: list[tuple[int, float]]) -> None:
    """In any minute, where each call waits as it is told to, but for the size of one call."""
    now_s = 0.0
    bucket = TokenBucket(6000, lambda: now_s)
    taken: list[tuple[float, int]] = []
    for tokens, passes_s in takes:
        now_s += passes_s
        now_s += bucket.wait_s(tokens)
        assert bucket.wait_s(tokens) < 1e-6
        bucket.take(tokens)
        taken.append((now_s, tokens))
    for since_s, _ in taken:
        window = [tokens for at_s, tokens in taken if since_s <= at_s < since_s + 60]
        assert sum(window) <= 6000 + max(window) + 1


@pytest.mark.parametrize(
    ("limits", "wait_s"),
    [
        ({"both": 6050.0}, 0.6),
        ({"input": 6050.0}, 0.1),
        ({"output": 6050.0}, 0.5),
        ({"both": 60_500.0, "input": 6050.0, "output": 60_500.0}, 0.1),
    ],
)
def test_each_limit_counts_its_own_tokens(limits: dict[str, float], wait_s: float) -> None:
    """A hundred a second refill; 10 of input and 50 of output beyond what is there are waited for."""
    buckets = TokenLimits(lambda: 0.0, **limits)
    for name, per_minute in limits.items():  # empty them all
        full = int(per_minute / 60.5 * 0.5)
        (only,) = (TokenLimits(lambda: 0.0, **{name: per_minute}),)
        assert only.wait_s(Tokens(full, full)) == 0
    buckets.take(Tokens(50, 50) if "both" not in limits else Tokens(50, 0))
    assert buckets.wait_s(Tokens(10, 50)) <= wait_s
    buckets.take(Tokens(10, 50))
    assert buckets.wait_s(Tokens()) == pytest.approx(wait_s, abs=0.011)


def used_in(allowance: Allowance, usage: Usage, max_tokens: int | None, calls: int) -> float:
    """Seconds for so many calls, after a few from which use was learnt."""

    async def main(loop: VirtualLoop) -> float:
        async def answer(request: ChatRequest) -> Completion:
            await asyncio.sleep(0.5)
            return Completion("yes", "stop", usage)

        model = RegulatedModel(ScriptedModel(answer), Regulator(allowance, clock=loop.time))
        request = asked("x" * 80, max_tokens=max_tokens)
        for number in (20, calls):
            began_s = loop.time()
            async with asyncio.TaskGroup() as group:
                for _ in range(number):
                    group.create_task(model.complete(request))
        return loop.time() - began_s

    return run_virtual(main)


@pytest.mark.parametrize("max_tokens", [None, 100, 8192])
@pytest.mark.parametrize(
    "limits",
    [
        {"tokens_per_minute": 12_000.0},
        {"input_tokens_per_minute": 2_000.0},
        {"output_tokens_per_minute": 10_000.0},
        {"tokens_per_minute": 50_000.0, "output_tokens_per_minute": 10_000.0},
    ],
    ids=lambda limits: "+".join(limits),
)
def test_each_token_limit_is_used_and_kept(
    limits: dict[str, float], max_tokens: int | None
) -> None:
    """Each lets a hundred calls of 20 and 100 tokens start a minute, whatever they may have at the most."""
    took_s = used_in(Allowance(500, adaptive=False, **limits), Usage(20, 100), max_tokens, 300)
    assert 175 <= took_s <= 192


def test_a_call_without_an_answer_has_used_its_prompt() -> None:
    """What was reserved for the answer is given back when the call fails."""

    async def main(loop: VirtualLoop) -> float:
        regulator = Regulator(Allowance(8, tokens_per_minute=60_500), clock=loop.time)
        model = RegulatedModel(
            failing(*[RequestRefused(f"no {chr(97 + n)}") for n in range(9)]), regulator
        )
        began_s = loop.time()
        for _ in range(9):
            await outcome(model.complete(asked("x", max_tokens=400)))
        return loop.time() - began_s

    assert run_virtual(main) < 0.1
