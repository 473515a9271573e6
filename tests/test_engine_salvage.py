"""What failed for something that may pass gets one more step when all else is done; never two."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeclm.engine.events import StepFailed, StepPostponed, StepStarted
from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Failed, Stage
from codeclm.errors import ItemError, ParseError, RunStopped, ServerError, TimedOut

pytestmark = pytest.mark.anyio


@dataclass(frozen=True)
class Item:
    number: int


@dataclass(frozen=True)
class Part:
    number: int
    index: int


@dataclass(frozen=True)
class Done:
    part: Part


class World:
    """``troubles`` are the failures of each record by name, first and second try; what is not there succeeds."""

    def __init__(
        self, troubles: dict[str, list[ItemError | None]], *, salvage: bool = True
    ) -> None:
        self.troubles = troubles
        self.steps: list[str] = []
        self.events: list[object] = []
        self.pipeline = Pipeline(
            [
                Stage("split", self._split, Item, (Part,), workers=3, capacity=2, salvage=salvage),
                Stage("finish", self._finish, Part, (Done,), workers=2, capacity=1),
            ],
            (Done,),
            tickets=4,
        )

    async def _step(self, name: str) -> None:
        self.steps.append(name)
        for _ in range(Random(name).choice([0, 1, 5])):
            await asyncio.sleep(0)
        errors = self.troubles.get(name) or [None]
        error = errors.pop(0)
        if error is not None:
            raise error

    async def _split(self, item: Item) -> Sequence[Part]:
        await self._step(f"{item.number}")
        return [Part(item.number, index) for index in range(3)]

    async def _finish(self, part: Part) -> Sequence[Done]:
        await self._step(f"{part.number}.{part.index}")
        return [Done(part)]

    async def run(self, items: int) -> Counter[str]:
        """How often each record ended; Failed ones with their error."""
        ends: Counter[str] = Counter()
        source = (Item(number) for number in range(items))
        async with self.pipeline.open(source, [self.events.append]) as running:
            async for outcome in running:
                match outcome:
                    case Done(part):
                        ends[f"{part.number}.{part.index}"] += 1
                    case Failed(Item(number), _, error):
                        ends[f"{number} {error}"] += 1
                    case Failed(Part(number, index), _, error):
                        ends[f"{number}.{index} {error}"] += 1
            end = running.statistics()
        assert end.tickets_in_use == end.inside == 0
        assert all(stage.waiting == stage.working == 0 for stage in end.stages)
        return ends


async def test_one_more_try_when_all_else_is_done() -> None:
    """After the last of the others, and all that follows from it goes its way."""
    world = World({"0": [ServerError("down"), None], "1.1": [TimedOut("late"), None]})
    ends = await world.run(4)
    assert ends == {f"{number}.{index}": 1 for number in range(4) for index in range(3)}
    assert world.steps.count("0") == world.steps.count("1.1") == 2
    last = max(i for i, name in enumerate(world.steps) if name[0] in "23")
    assert world.steps[last + 1 :][:2] == ["0", "1.1"]
    told = [event for event in world.events if isinstance(event, StepPostponed)]
    assert [event.stage for event in told] == ["split", "finish"]
    assert not [event for event in world.events if isinstance(event, StepFailed)]


async def test_the_second_failure_is_final() -> None:
    """With the error of the second try."""
    world = World({"0": [ServerError("first"), ServerError("second")]})
    assert (await world.run(1)) == {"0 second": 1}
    assert world.steps == ["0", "0"]


async def test_what_fails_first_in_the_salvage_is_final_too() -> None:
    """A part that is made only then has had its chance with its item."""
    world = World({"0": [ServerError("down"), None], "0.2": [TimedOut("late"), None]})
    assert (await world.run(1)) == {"0.0": 1, "0.1": 1, "0.2 late": 1}


@pytest.mark.parametrize("error", [ParseError("odd"), ItemError("odd")])
async def test_what_cannot_pass_is_not_tried_again(error: ItemError) -> None:
    """Only what is transient."""
    world = World({"0": [error, None]})
    assert (await world.run(1)) == {"0 odd": 1}


async def test_a_stage_may_do_without() -> None:
    """Where others wait for what a stage finds, its second tries are not the engine's."""
    world = World({"0": [ServerError("down"), None]}, salvage=False)
    assert (await world.run(1)) == {"0 down": 1}


names = st.one_of(
    st.integers(0, 5).map(str),
    st.tuples(st.integers(0, 5), st.integers(0, 2)).map(lambda pair: f"{pair[0]}.{pair[1]}"),
)
failures = st.lists(
    st.sampled_from([None, ServerError("pass"), TimedOut("pass"), ParseError("stay")]),
    min_size=1,
    max_size=2,
)
troubles = st.dictionaries(names, failures, max_size=20)


@given(troubles)
@settings(max_examples=150)
def test_every_record_ends_once_whatever_fails(given: dict[str, list[ItemError | None]]) -> None:
    """And none is tried more than twice, and twice only what was put off."""
    world = World({name: [*errors, None, None] for name, errors in given.items()})
    ends = asyncio.run(world.run(6))
    assert max(ends.values()) == 1
    bases = Counter(name.split()[0] for name in ends)
    assert max(bases.values()) == 1
    put_off = Counter(event.item for event in world.events if isinstance(event, StepPostponed))
    started = Counter(event.item for event in world.events if isinstance(event, StepStarted))
    assert all(count == 1 + put_off[item] <= 2 for item, count in started.items())
    for number in range(6):
        whole = {f"{number}.{index}" for index in range(3)}
        assert f"{number}" in bases or whole <= set(bases)


@given(troubles, st.integers(0, 120))
@settings(max_examples=100)
def test_a_drain_at_any_moment_is_clean(
    given: dict[str, list[ItemError | None]], moment: int
) -> None:
    """Also in the middle of the salvage: nothing starts after it, nothing is doubled, nobody is left."""

    async def scenario() -> None:
        world = World({name: [*errors, None, None] for name, errors in given.items()})
        seen: Counter[object] = Counter()
        async with world.pipeline.open(
            (Item(n) for n in range(6)), [world.events.append]
        ) as running:

            async def stop() -> None:
                for _ in range(moment):
                    await asyncio.sleep(0)
                running.drain(RunStopped("enough"))
                world.events.clear()

            async with asyncio.TaskGroup() as group:
                stopping = group.create_task(stop())
                with suppress(RunStopped):
                    async for outcome in running:
                        item = outcome.item if isinstance(outcome, Failed) else outcome
                        seen[item] += 1
                await stopping
        assert not [event for event in world.events if isinstance(event, StepStarted)]
        assert max(seen.values(), default=0) <= 1
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(scenario())
