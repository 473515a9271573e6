"""What keeps calls from starting: the right cause, the right stage, for as long as it did."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from random import Random

import pytest

from codeclm.errors import RateLimited, ServerError
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.held_up import Cause
from codeclm.llm.limits import Allowance
from codeclm.llm.pace import WINDOW_S
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import EndpointStatistics, Regulator
from tests.virtual_time import VirtualLoop, VirtualWindow, outcome, run_virtual

Seen = tuple[EndpointStatistics, float]


class Endpoint:
    """Answers after a second, 100 tokens each; what ``errors`` still holds comes first."""

    def __init__(self, *errors: Exception) -> None:
        self._errors = [*errors]

    async def complete(self, request: ChatRequest) -> Completion:
        await asyncio.sleep(1)
        if self._errors:
            raise self._errors.pop()
        return Completion("yes", "stop", Usage(100, 100))


def seen_in(allowance: Allowance, calls: int, *errors: Exception) -> Seen:
    """So many calls at once, and the seconds that they took."""

    async def main(loop: VirtualLoop) -> Seen:
        per_minute = allowance.requests_per_minute
        window = None
        if per_minute:
            window = VirtualWindow(int(per_minute), WINDOW_S, loop.time)
        regulator = Regulator(
            allowance, model="m", clock=loop.time, window=window, random=Random(1)
        )
        model = RegulatedModel(Endpoint(*errors), regulator)
        request = ChatRequest((Message("user", "x" * 400),), stage="judge")
        began_s = loop.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(calls):
                group.create_task(outcome(model.complete(request)))
        return regulator.statistics(), loop.time() - began_s

    return run_virtual(main)


def fixed(most: int = 1000, **limits: float) -> Allowance:
    return Allowance(most, adaptive=False, **limits)


def longest(held_up: Mapping[tuple[Cause, str], float]) -> tuple[Cause, str]:
    return max(held_up, key=held_up.__getitem__)


@pytest.mark.parametrize(
    ("allowance", "cause"),
    [
        (fixed(4), Cause.in_flight),
        (fixed(requests_per_minute=60), Cause.requests),
        (fixed(tokens_per_minute=6000), Cause.tokens),
        (fixed(input_tokens_per_minute=3000), Cause.input_tokens),
        (fixed(output_tokens_per_minute=3000), Cause.output_tokens),
        (fixed(tokens_per_minute=60_000, output_tokens_per_minute=3000), Cause.output_tokens),
        (fixed(4, requests_per_minute=6000), Cause.in_flight),
    ],
)
def test_the_limit_that_holds_calls_up_is_known(allowance: Allowance, cause: Cause) -> None:
    """Nearly all of the time until the last one starts is that of the limit in force."""
    seen, took_s = seen_in(allowance, 100)
    assert longest(seen.limits.held_up) == (cause, "judge")
    assert 0.9 * (took_s - 1) < seen.limits.held_up[cause, "judge"] <= took_s


def test_where_nobody_waits_nothing_is_held_up() -> None:
    """Room for all: no cause at all."""
    seen, _ = seen_in(fixed(), 100)
    assert not seen.limits.held_up


def test_a_pause_and_an_outage_are_causes() -> None:
    """From the moment when the endpoint objects to the moment when calls start again."""
    paused, _ = seen_in(fixed(1), 3, RateLimited("slower", retry_after_s=20))
    assert paused.limits.held_up[Cause.pause, "judge"] == pytest.approx(20, abs=0.1)
    down, _ = seen_in(fixed(1), 30, *[ServerError("broken")] * 12)
    assert down.limits.held_up[Cause.outage, "judge"] > 10
    assert (down.answers, down.failures, down.outages) == (18, 12, 1)


def test_what_is_learnt_of_a_hidden_rate_is_a_cause() -> None:
    """Once an endpoint is known to take so many calls a second, that is what the next one waits for."""

    async def main(loop: VirtualLoop) -> EndpointStatistics:
        regulator = Regulator(Allowance(100), model="m", clock=loop.time, random=Random(1))
        regulator.limits.hidden_rate.conclude(5.0, loop.time(), cut=1.0)
        model = RegulatedModel(Endpoint(), regulator)
        asked = ChatRequest((Message("user", "x"),), stage="respond")
        async with asyncio.TaskGroup() as group:
            for _ in range(50):
                group.create_task(outcome(model.complete(asked)))
        return regulator.statistics()

    assert longest(run_virtual(main).limits.held_up) == (Cause.hidden_rate, "respond")


def test_busy_seconds_are_those_of_the_calls() -> None:
    """Their growth in a second is how many calls were in flight; latencies and tokens are counted too."""
    seen, took_s = seen_in(fixed(4), 100)
    assert seen.limits.busy_s == pytest.approx(100)
    assert seen.limits.busy_s / took_s == pytest.approx(4)
    assert seen.latencies.percentile(0.5) == pytest.approx(1, rel=0.05)
    assert (seen.answers, seen.input_tokens, seen.output_tokens) == (100, 10_000, 10_000)
