"""Refusals at random, for the load of others: what they cost a client that takes each for a limit."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from random import Random

import pytest

from codeclm.errors import ConnectionFailed, MalformedAnswer, RateLimited, ServerError
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.hidden_rate import HiddenRate
from codeclm.llm.limits import Allowance
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from tests.virtual_time import VirtualLoop, run_virtual

OTHERS = (ServerError, MalformedAnswer, ConnectionFailed)


class Fickle:
    """Refuses one call in twenty, and fails at three in twenty."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def complete(self, request: ChatRequest) -> Completion:
        await asyncio.sleep(0.002 * self._random.uniform(0.5, 1.5))
        chance = self._random.random()
        if chance < 0.05:
            raise RateLimited("slower", retry_after_s=0.01)
        if chance < 0.2:
            raise self._random.choice(OTHERS)("bad")
        return Completion("yes", "stop", Usage(10, 10))


@pytest.mark.parametrize("seed", [138, 167, 232, 281])
def test_refusals_at_random_do_not_stop_a_run(seed: int) -> None:
    """500 calls take minutes at the most; with these seeds they took up to 40 at a call in 20 seconds."""

    async def main(loop: VirtualLoop) -> float:
        random = Random(seed)
        regulator = Regulator(Allowance(32), clock=loop.time, random=random)
        model = RetryingModel(
            RegulatedModel(Fickle(random), regulator),
            RetryPolicy(attempts=20),
            model="fickle",
            on_event=lambda event: None,
            random=random,
            sleep=regulator.limits.rest,
            clock=loop.time,
        )

        async def work(numbers: Iterator[int]) -> None:
            for number in numbers:
                await model.complete(ChatRequest((Message("user", f"Call {number}"),)))

        began_s, numbers = loop.time(), iter(range(500))
        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(work(numbers))
        return loop.time() - began_s

    assert run_virtual(main) < 200


def test_one_refusal_says_little_of_the_rate() -> None:
    """Where the first call after a pause is refused, none was taken: the rate falls, but not to next to nothing."""
    rate, now_s = HiddenRate(), 0.0
    for _ in range(3):
        before = rate.per_s
        now_s += 10
        rate.resume(now_s)
        rate.start(now_s)
        rate.refuse(now_s)
        rate.conclude(rate.measure(now_s), now_s, 1.0)
        assert min(1.0, 0.7 * before) <= rate.per_s < before
