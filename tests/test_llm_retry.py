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
    EndpointRefused,
    MalformedAnswer,
    ModelError,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    TimedOut,
    TransientError,
    Unreachable,
)
from codeclm.llm.chat import ChatRequest, Completion, Message
from codeclm.llm.events import Retried
from codeclm.llm.limits import LimitedModel, Limits
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
    errors = [ServerError("a"), ServerError("b"), MalformedAnswer("odd", raw="<html>")]
    trial = Trial(errors, RetryPolicy(attempts=3))
    with pytest.raises(MalformedAnswer, match=r"^odd \(3 attempts\)$") as caught:
        await trial.model.complete(ASKED)
    assert caught.value.raw == "<html>"
    assert len(trial.waits_s) == len(trial.events) == 2


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
    assert trial.waits_s == trial.events == []


async def test_a_rate_limit_is_no_attempt() -> None:
    """However often the endpoint says slower, the attempts for real errors remain."""
    slower: list[Exception | str] = [RateLimited("slower")] * 20
    trial = Trial([*slower, ServerError("a"), *slower, "yes"], RetryPolicy(attempts=2))
    assert (await trial.model.complete(ASKED)).text == "yes"
    assert len(trial.waits_s) == len(trial.events) == 1


async def test_patience_with_rate_limits_ends() -> None:
    """After the patience it is a failure of this item and no longer a rate limit."""
    trial = Trial([RateLimited("slower")] * 99, RetryPolicy(rate_limit_patience_s=10))
    with pytest.raises(ModelError, match="rate limited for 10 s: slower") as caught:
        await trial.model.complete(ASKED)
    assert not isinstance(caught.value, TransientError)


async def test_a_hint_beyond_all_patience_fails_at_once() -> None:
    """Nobody sleeps for two hours because a gateway says so."""
    trial = Trial([ServerError("maintenance", retry_after_s=7200.0)], RetryPolicy())
    with pytest.raises(ServerError, match="maintenance"):
        await trial.model.complete(ASKED)
    assert trial.waits_s == []


@given(
    st.integers(1, 40),
    st.one_of(st.none(), st.floats(0, 100)),
    st.floats(0.1, 10),
    st.floats(1, 100),
    st.integers(0, 9),
)
def test_waits_have_full_jitter_and_respect_the_hint(
    failures: int, hint_s: float | None, base_s: float, cap_s: float, seed: int
) -> None:
    """A wait is at least the hint, and else between 0 and the doubled base, at most the cap."""
    policy = RetryPolicy(base_s=base_s, cap_s=cap_s)
    wait_s = policy.wait_s(failures, hint_s, Random(seed))
    highest_s = min(cap_s, base_s * 2 ** (failures - 1))
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
        limited = LimitedModel(ScriptedModel(answer), Limits(1, clock=loop.time))
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

    limits = Limits(1)
    model = RetryingModel(
        LimitedModel(ScriptedModel(answer), limits),
        RetryPolicy(),
        model="m",
        on_event=lambda event: None,
        sleep=limits.rest,
    )
    async with asyncio.TaskGroup() as group:
        call = group.create_task(outcome(model.complete(ASKED)))
        await settled()
        limits.close(RunStopped("interrupted"))
    assert isinstance(call.result(), RunStopped)


async def test_a_scripted_model_takes_any_function() -> None:
    """Texts, completions and async functions answer; requests are recorded in order."""

    async def later(request: ChatRequest) -> Completion:
        return Completion("later", "length")

    model = ScriptedModel(lambda request: "now")
    assert await model.complete(ASKED) == Completion("now", "stop")
    assert await ScriptedModel(later).complete(ASKED) == Completion("later", "length")
    assert model.requests == [ASKED]


@pytest.mark.parametrize("others_succeed", [False, True])
async def test_an_endpoint_that_no_call_reaches_stops_the_run(others_succeed: bool) -> None:
    """Nobody there for any call is no failure of an item; where other calls get through, it is."""
    now_s = iter(range(1000))

    def answer(request: ChatRequest) -> str:
        if request.draw == 1:
            return "yes"
        raise Unreachable("no connection")

    async def sleep(seconds: float) -> None:
        if others_succeed:
            await model.complete(ChatRequest((), draw=1))

    model = RetryingModel(
        ScriptedModel(answer),
        RetryPolicy(attempts=3),
        model="m",
        on_event=lambda event: None,
        sleep=sleep,
        clock=lambda: float(next(now_s)),
    )
    await model.complete(ChatRequest((), draw=1))
    expected = Unreachable if others_succeed else RunStopped
    with pytest.raises(expected, match=r"no connection \(3 attempts\)"):
        await model.complete(ChatRequest(()))
