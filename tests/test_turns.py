"""Nobody takes the event loop for long: what comes in crowds is dealt with in turns."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from collections.abc import Sequence

import pytest

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.run import ADMITTED_A_TURN
from codeclm.engine.stage import Stage
from codeclm.llm.batches import DELIVERIES_A_TURN, PATIENT, BatchThread
from codeclm.llm.limits import STARTS_A_TURN, Allowance, Limits
from tests.virtual_time import VirtualLoop, run_virtual

pytestmark = pytest.mark.anyio


class Turns:
    """Counts what happens in each turn of the loop."""

    def __init__(self) -> None:
        self._turn = 0
        self.counts: Counter[int] = Counter()

    async def __aenter__(self) -> Turns:
        self._task = asyncio.create_task(self._pass())
        return self

    async def __aexit__(self, *_: object) -> None:
        self._task.cancel()

    def note(self) -> None:
        self.counts[self._turn] += 1

    async def _pass(self) -> None:
        while True:
            await asyncio.sleep(0)
            self._turn += 1


@pytest.mark.parametrize("in_flight", [10, 10_000])
def test_a_crowd_of_calls_starts_in_turns(in_flight: int) -> None:
    """In the order of arrival, no time is lost, and nothing counts as held up by them."""

    async def main(loop: VirtualLoop) -> None:
        began_s = loop.time()
        limits = Limits(Allowance(in_flight, adaptive=False), clock=loop.time)
        order: list[int] = []

        async def call(number: int) -> None:
            await limits.admit()
            turns.note()
            order.append(number)
            limits.finish()

        async with Turns() as turns, asyncio.TaskGroup() as group:
            for number in range(1_000):
                group.create_task(call(number))
        assert order == list(range(1_000))
        assert max(turns.counts.values()) <= STARTS_A_TURN
        assert loop.time() == began_s
        if in_flight > len(order):
            assert limits.statistics().held_up == {}

    run_virtual(main)


async def test_a_crowd_of_items_enters_in_turns() -> None:
    async with Turns() as turns:

        async def step(item: int) -> Sequence[str]:
            turns.note()
            return [str(item)]

        stage = Stage("step", step, int, (str,), workers=10_000, capacity=10_000)
        pipeline = Pipeline([stage], (str,), tickets=10_000)
        async with pipeline.open(range(1_000)) as run:
            assert len([outcome async for outcome in run]) == 1_000
    assert max(turns.counts.values()) <= ADMITTED_A_TURN


class Echo:
    """Gives every job back."""

    def serve(self, jobs: Sequence[int]) -> Sequence[int]:
        return jobs

    def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize(
    ("hurry", "most"), [(True, DELIVERIES_A_TURN), (False, DELIVERIES_A_TURN / PATIENT)]
)
async def test_a_crowd_of_answers_is_delivered_in_turns(hurry: bool, most: float) -> None:
    async def ask(number: int) -> None:
        assert await thread.ask(number, hurry=hurry) == number
        turns.note()

    async with (
        BatchThread[int, int, int](Echo, lambda job, value: value, "echo") as thread,
        Turns() as turns,
        asyncio.TaskGroup() as group,
    ):
        for number in range(1_000):
            group.create_task(ask(number))
    assert sum(turns.counts.values()) == 1_000
    assert max(turns.counts.values()) <= most


class Batches(Echo):
    """Takes down how many jobs came at once."""

    def __init__(self) -> None:
        self.sizes: list[int] = []
        self.second = threading.Event()

    def serve(self, jobs: Sequence[int]) -> Sequence[int]:
        self.sizes.append(len(jobs))
        if len(self.sizes) == 2:
            self.second.set()
        return jobs


async def test_what_has_no_hurry_is_handed_over_when_all_else_is_delivered() -> None:
    """Who gets an answer asks the next question: one batch of them all, not one for each turn of the loop."""
    server, askers, rounds = Batches(), 1_000, 5

    async def ask() -> None:
        for number in range(rounds):
            assert await thread.ask(number, hurry=False) == number

    async with (
        BatchThread[int, int, int](lambda: server, lambda job, value: value, "echo") as thread,
        asyncio.TaskGroup() as group,
    ):
        for _ in range(askers):
            group.create_task(ask())
    assert sum(server.sizes) == askers * rounds
    assert len(server.sizes) <= 3 * rounds


async def test_what_has_hurry_takes_along_what_has_none() -> None:
    """Both are with the thread long before the crowd before them has been delivered."""
    server, arrived = Batches(), []

    def deliver(job: int, outcome: int) -> int:
        if job == 500:
            arrived.append(server.second.wait(10))
        return outcome

    async with BatchThread[int, int, int](lambda: server, deliver, "echo") as thread:
        crowd = [thread.ask(number) for number in range(1_000)]
        await crowd[0]
        await asyncio.wait([*crowd, thread.ask(1, hurry=False), thread.ask(2)])
    assert arrived == [True]
    assert server.sizes == [1_000, 2]


async def test_leaving_waits_for_all_that_was_asked() -> None:
    server = Echo()
    async with BatchThread[int, int, int](
        lambda: server, lambda job, value: value, "echo"
    ) as thread:
        first = [thread.ask(number) for number in range(1_000)]
    assert [one.result() for one in first] == list(range(1_000))


async def test_one_that_cannot_be_delivered_holds_up_no_other() -> None:
    server = Echo()

    def deliver(job: int, outcome: int) -> int:
        if job == 1:
            raise ValueError("of whoever listens")
        return outcome

    told: list[dict[str, object]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    async with BatchThread[int, int, int](lambda: server, deliver, "echo") as thread:
        many = [thread.ask(number) for number in range(100)]
        assert [await one for one in many if one is not many[1]] == [0, *range(2, 100)]
    assert len(told) == 1
