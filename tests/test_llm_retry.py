"""One retry loop: how often, how long, and what is not retried."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    ConnectionFailed,
    EmptyAnswer,
    EndpointRefused,
    MalformedAnswer,
    ModelError,
    OutOfService,
    Overloaded,
    ParameterRefused,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    StaleConnection,
    TimedOut,
    ToolCallAnswer,
    TransientError,
    Unreachable,
)
from codeclm.llm.chat import ChatRequest, Completion, Message
from codeclm.llm.events import CallFailed, Retried
from codeclm.llm.limits import Allowance
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.llm.scripted import ScriptedModel
from tests.virtual_time import VirtualLoop, outcome, run_virtual, settled

pytestmark = pytest.mark.anyio

ASKED = ChatRequest((Message("user", "Hi"),), stage="respond")


class Trial:
    """A retrying model over a list of errors and answers; sleeping is recorded, not done."""

    def __init__(self, outcomes: Iterable[Exception | str], policy: RetryPolicy) -> None:
        self.waits_s: list[float] = []
        self.events: list[object] = []
        self.now_s = 0.0
        left = iter(outcomes)

        def answer(request: ChatRequest) -> str:
            self.now_s += 1.0
            each = next(left)
            if isinstance(each, Exception):
                raise each
            return each

        self.scripted = ScriptedModel(answer)
        self.model = RetryingModel(
            self.scripted,
            policy,
            model="openai:m",
            on_event=self.events.append,
            random=Random(1),
            sleep=self._sleep,
            clock=lambda: self.now_s,
        )

    async def _sleep(self, seconds: float) -> None:
        self.waits_s.append(seconds)


async def test_transient_errors_are_tried_again() -> None:
    """Each kind of transient error leads to one more attempt, and each is told."""
    errors = [ServerError("a"), ConnectionFailed("b"), TimedOut("c"), MalformedAnswer("d")]
    trial = Trial([*errors, "yes"], RetryPolicy(attempts=5))
    assert (await trial.model.complete(ASKED)).text == "yes"
    told = [event for event in trial.events if isinstance(event, Retried)]
    assert [event.error for event in told] == [type(error).__name__ for error in errors]
    assert [event.wait_s for event in told] == trial.waits_s
    assert {(event.model, event.stage) for event in told} == {("openai:m", "respond")}


async def test_the_last_error_says_how_often_was_tried() -> None:
    """After all attempts the last error is raised as it was, with the number of attempts."""
    errors = [EmptyAnswer("a"), EmptyAnswer("b"), MalformedAnswer("odd", raw="<html>")]
    trial = Trial(errors, RetryPolicy(attempts=3))
    with pytest.raises(MalformedAnswer, match=r"^odd \(3 attempts\)$") as caught:
        await trial.model.complete(ASKED)
    assert caught.value.raw == "<html>"
    assert len(trial.waits_s) == len([e for e in trial.events if isinstance(e, Retried)]) == 2
    assert trial.events[-1] == CallFailed("openai:m", "respond", "MalformedAnswer")


async def test_one_attempt_means_no_retry() -> None:
    """With a single attempt the first error is the last."""
    trial = Trial([TimedOut("late")], RetryPolicy(attempts=1))
    with pytest.raises(TimedOut, match=r"late \(1 attempt\)"):
        await trial.model.complete(ASKED)
    assert trial.waits_s == []


@pytest.mark.parametrize(
    "error",
    [
        RequestRefused("no"),
        EndpointRefused("key"),
        RunStopped("money"),
        ModelError("x"),
        KeyError(),
    ],
)
async def test_what_cannot_succeed_is_not_retried(error: Exception) -> None:
    """Refusals, run stoppers and errors of the program pass through at once."""
    trial = Trial([error], RetryPolicy())
    with pytest.raises(type(error)):
        await trial.model.complete(ASKED)
    assert trial.waits_s == []
    assert not [event for event in trial.events if isinstance(event, Retried)]


async def test_a_rate_limit_is_no_attempt() -> None:
    """However often the endpoint says slower, the attempts for real errors remain."""
    slower: list[Exception | str] = [RateLimited("slower")] * 20
    trial = Trial([*slower, ServerError("a"), *slower, "yes"], RetryPolicy(attempts=2))
    assert (await trial.model.complete(ASKED)).text == "yes"
    assert len(trial.waits_s) == len(trial.events) == 1


@pytest.mark.parametrize("held_up", [RateLimited, OutOfService])
async def test_patience_with_what_holds_everybody_up_ends(held_up: type[TransientError]) -> None:
    """After the patience the call fails as what held it up, so that it may be salvaged later."""
    trial = Trial([held_up("slower")] * 99, RetryPolicy(patience_s=10))
    with pytest.raises(held_up, match=r"slower \(held up for 10 s\)"):
        await trial.model.complete(ASKED)
    assert trial.waits_s == []


@pytest.mark.parametrize("at_once", [StaleConnection("closed"), ParameterRefused("no", "seed")])
async def test_what_reached_nobody_is_made_again_at_once(at_once: TransientError) -> None:
    """A connection closed under a call, or a field that is left out the next time, costs no attempt and no wait."""
    trial = Trial([at_once, at_once, ServerError("a"), "yes"], RetryPolicy(attempts=2))
    assert (await trial.model.complete(ASKED)).text == "yes"
    assert len(trial.waits_s) == 1


async def test_a_connection_that_is_stale_for_ever_fails() -> None:
    """What is free has an end too."""
    trial = Trial([StaleConnection("closed")] * 99, RetryPolicy())
    with pytest.raises(StaleConnection, match="9 attempts"):
        await trial.model.complete(ASKED)


ATTEMPTS = [(Overloaded, 8), (ServerError, 5), (ConnectionFailed, 5), (Unreachable, 5)]
ATTEMPTS += [(TimedOut, 3), (MalformedAnswer, 3), (EmptyAnswer, 3), (ToolCallAnswer, 2)]


@pytest.mark.parametrize(("kind", "attempts"), ATTEMPTS)
async def test_attempts_by_kind(kind: type[TransientError], attempts: int) -> None:
    """What an endpoint may bill is tried less often than what it did not answer; each kind is counted apart."""
    other: TransientError = TimedOut("a") if kind is not TimedOut else ServerError("a")
    trial = Trial([other, *[kind("b") for _ in range(9)]], RetryPolicy(attempts=5))
    with pytest.raises(kind, match=rf"b \({attempts} attempts\)"):
        await trial.model.complete(ASKED)
    assert len(trial.scripted.requests) == attempts + 1


async def test_a_hint_beyond_all_patience_fails_at_once() -> None:
    """Nobody sleeps for two hours because a gateway says so."""
    trial = Trial([ServerError("maintenance", retry_after_s=7200.0)], RetryPolicy())
    with pytest.raises(ServerError, match="maintenance"):
        await trial.model.complete(ASKED)
    assert trial.waits_s == []


@given(
    st.sampled_from([Overloaded, ServerError, TimedOut, EmptyAnswer]),
    st.integers(1, 40),
    st.one_of(st.none(), st.floats(0, 100)),
    st.integers(0, 9),
)
def test_waits_have_full_jitter_and_respect_the_hint(
    kind: type[TransientError], failures: int, hint_s: float | None, seed: int
) -> None:
    """A wait is at least the hint, and else between 0 and a bound that doubles up to a minute at most."""
    wait_s = RetryPolicy().wait_s(kind("a", retry_after_s=hint_s), failures, Random(seed))
    highest_s = min(60.0, 2.0**failures)
    assert (hint_s or 0) <= wait_s <= max(highest_s, hint_s or 0)


def test_a_sleeping_call_holds_no_place() -> None:
    """While one call waits for its next attempt, the others use the endpoint."""

    async def main(loop: VirtualLoop) -> list[float]:
        starts: list[float] = []

        def answer(request: ChatRequest) -> str:
            starts.append(loop.time() - began_s)
            if request.draw == 0 and len(starts) == 1:
                raise ServerError("down", retry_after_s=50.0)
            return "yes"

        began_s = loop.time()
        limited = RegulatedModel(
            ScriptedModel(answer), Regulator(Allowance(1, adaptive=False), clock=loop.time)
        )
        model = RetryingModel(limited, RetryPolicy(), model="m", on_event=lambda event: None)
        async with asyncio.TaskGroup() as group:
            for draw in range(5):
                group.create_task(model.complete(ChatRequest(ASKED.messages, draw=draw)))
        return starts

    assert run_virtual(main) == [0, 0, 0, 0, 0, pytest.approx(50)]


async def test_draining_wakes_who_sleeps() -> None:
    """A call that waits for its next attempt ends at once when the endpoint is closed."""

    def answer(request: ChatRequest) -> str:
        raise ServerError("down", retry_after_s=600.0)

    regulator = Regulator(Allowance(1))
    model = RetryingModel(
        RegulatedModel(ScriptedModel(answer), regulator),
        RetryPolicy(),
        model="m",
        on_event=lambda event: None,
        sleep=regulator.limits.rest,
    )
    async with asyncio.TaskGroup() as group:
        call = group.create_task(outcome(model.complete(ASKED)))
        await settled()
        regulator.limits.close(RunStopped("interrupted"))
    assert isinstance(call.result(), RunStopped)


async def test_a_scripted_model_takes_any_function() -> None:
    """Texts, completions and async functions answer; requests are recorded in order."""

    async def later(request: ChatRequest) -> Completion:
        return Completion("later", "length")

    model = ScriptedModel(lambda request: "now")
    assert await model.complete(ASKED) == Completion("now", "stop")
    assert await ScriptedModel(later).complete(ASKED) == Completion("later", "length")
    assert model.requests == [ASKED]
