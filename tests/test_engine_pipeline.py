"""The engine: every item accounted for, no deadlock, bounded, clean end, clean cancellation."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import pytest
import uvloop
from hypothesis import example, given, settings
from hypothesis import strategies as st

from codeclm.engine.events import ItemAdmitted, StepFailed, StepFinished, StepStarted
from codeclm.engine.pipeline import Pipeline
from codeclm.engine.run import Run
from codeclm.engine.stage import Failed, Stage
from codeclm.errors import ItemError, RunStopped

# A small world with the shape of the method: fan-out, a loop edge, failures, outcomes.


@dataclass(frozen=True)
class Task:
    number: int


@dataclass(frozen=True)
class Part:
    number: int
    index: int
    rounds: int = 0


@dataclass(frozen=True)
class Checked:
    part: Part


@dataclass(frozen=True)
class Back:
    part: Part


@dataclass(frozen=True)
class Done:
    part: Part


@dataclass(frozen=True)
class Shape:
    """What a random pipeline looks like."""

    items: int
    fan_out: int
    loop_share: float
    failure_share: float
    workers: tuple[int, int, int, int]
    capacity: tuple[int, int, int, int]
    tickets: int
    seed: int

    @property
    def bound(self) -> int:
        """Most records that may be inside at once."""
        return self.tickets * max(1, self.fan_out)


shapes = st.builds(
    Shape,
    items=st.integers(0, 40),
    fan_out=st.integers(0, 6),
    loop_share=st.sampled_from([0.0, 0.3, 0.9]),
    failure_share=st.sampled_from([0.0, 0.1, 0.5]),
    workers=st.tuples(*[st.integers(1, 64)] * 4),
    capacity=st.tuples(*[st.integers(1, 32)] * 4),
    tickets=st.integers(1, 32),
    seed=st.integers(0, 2**16),
)
TIGHT = Shape(40, 6, 0.9, 0.1, (1, 1, 1, 1), (1, 1, 1, 1), 3, 1)
loops = st.sampled_from([asyncio.new_event_loop, uvloop.new_event_loop])


def build(shape: Shape) -> Pipeline:
    """A pipeline whose service times, failures and rounds are drawn from each record."""

    async def serve(stage: str, *key: object) -> random.Random:
        rng = random.Random(f"{shape.seed} {stage} {key}")
        for _ in range(rng.choice([0, 0, 1, 2, 5, 13])):
            await asyncio.sleep(0)
        if rng.random() < shape.failure_share:
            raise ItemError(f"{stage} failed")
        return rng

    async def split(task: Task) -> list[Part]:
        await serve("split", task.number)
        return [Part(task.number, index) for index in range(shape.fan_out)]

    async def again(back: Back) -> list[Part]:
        part = replace(back.part, rounds=back.part.rounds + 1)
        await serve("again", part)
        return [part]

    async def check(part: Part) -> list[Checked]:
        await serve("check", part)
        return [Checked(part)]

    async def decide(checked: Checked) -> list[Back | Done]:
        rng = await serve("decide", checked)
        loop = checked.part.rounds < 3 and rng.random() < shape.loop_share
        return [Back(checked.part) if loop else Done(checked.part)]

    steps: list[tuple[str, Any, type, tuple[type, ...]]] = [
        ("split", split, Task, (Part,)),
        ("again", again, Back, (Part,)),
        ("check", check, Part, (Checked,)),
        ("decide", decide, Checked, (Back, Done)),
    ]
    stages = [
        Stage(name, step, accepts, emits, workers=workers, capacity=capacity)
        for (name, step, accepts, emits), workers, capacity in zip(
            steps, shape.workers, shape.capacity, strict=True
        )
    ]
    return Pipeline(stages, (Done,), tickets=shape.tickets)


def expected(shape: Shape) -> Counter[tuple[int, int]]:
    """Which outcomes there must be: (task, part), part -1 for a task that failed in its first stage."""
    outcomes: Counter[tuple[int, int]] = Counter()
    for number in range(shape.items):
        rng = random.Random(f"{shape.seed} split {(number,)}")
        rng.choice([0, 0, 1, 2, 5, 13])
        if rng.random() < shape.failure_share:
            outcomes[number, -1] += 1
        else:
            outcomes.update((number, index) for index in range(shape.fan_out))
    return outcomes


def identity(outcome: object) -> tuple[int, int]:
    item = outcome.item if isinstance(outcome, Failed) else outcome
    if isinstance(item, Task):
        return item.number, -1
    part = item if isinstance(item, Part) else item.part  # type: ignore[attr-defined]
    return part.number, part.index


def run(loop_factory: Any, scenario: Any) -> None:
    """Run to the end and see that no task is left behind; a deadlock ends in the test's timeout."""
    with asyncio.Runner(loop_factory=loop_factory) as runner:

        async def watched() -> None:
            async with asyncio.timeout(20):
                await scenario()
            left = asyncio.all_tasks() - {asyncio.current_task()}
            assert not left, f"tasks left behind: {left}"

        runner.run(watched())


@given(shape=shapes, loop=loops)
@example(shape=TIGHT, loop=asyncio.new_event_loop)
@example(shape=TIGHT, loop=uvloop.new_event_loop)
@settings(max_examples=200)
def test_every_item_ends_exactly_once_and_memory_is_bounded(shape: Shape, loop: Any) -> None:
    """Whatever the sizes, times, failures and rounds: all accounted for, never more inside than allowed."""

    async def scenario() -> None:
        seen: Counter[tuple[int, int]] = Counter()
        async with build(shape).open(Task(n) for n in range(shape.items)) as outcomes:
            async for outcome in outcomes:
                seen[identity(outcome)] += 1
            end = outcomes.statistics()
        assert seen == expected(shape)
        assert end.inside == 0
        assert end.tickets_in_use == 0
        assert end.inside_peak <= shape.bound
        assert end.admitted == shape.items
        assert all(stage.waiting == stage.working == 0 for stage in end.stages)

    run(loop, scenario)


@given(shape=shapes, loop=loops, moment=st.integers(0, 300))
@settings(max_examples=100)
def test_cancellation_at_any_moment_is_clean(shape: Shape, loop: Any, moment: int) -> None:
    """A run cancelled at a random point ends at once, with no task left and nothing doubled."""

    async def scenario() -> None:
        seen: Counter[tuple[int, int]] = Counter()

        async def consume() -> None:
            async with build(shape).open(Task(n) for n in range(shape.items)) as outcomes:
                async for outcome in outcomes:
                    seen[identity(outcome)] += 1

        async with asyncio.TaskGroup() as group:
            consumer = group.create_task(consume())
            for _ in range(moment):
                await asyncio.sleep(0)
            consumer.cancel()
        assert seen <= expected(shape)

    run(loop, scenario)


@given(shape=shapes, loop=loops, leave_after=st.integers(0, 20))
@settings(max_examples=50)
def test_a_consumer_may_leave_early(shape: Shape, loop: Any, leave_after: int) -> None:
    """Leaving the block in the middle cancels the rest and raises nothing."""

    async def scenario() -> None:
        taken = 0
        async with build(shape).open(Task(n) for n in range(shape.items)) as outcomes:
            async for _ in outcomes:
                taken += 1
                if taken >= leave_after:
                    break

    run(loop, scenario)


@given(shape=shapes, loop=loops, moment=st.integers(0, 200))
@settings(max_examples=100)
def test_drain_finishes_steps_under_way_and_raises_its_reason(
    shape: Shape, loop: Any, moment: int
) -> None:
    """After drain no step starts, those under way end, outcomes so far are delivered, none twice."""

    async def scenario() -> None:
        seen: Counter[tuple[int, int]] = Counter()
        under_way = 0
        drained = False

        def observe(event: object) -> None:
            nonlocal under_way
            if isinstance(event, StepStarted):
                assert not drained
                under_way += 1
            elif isinstance(event, StepFinished | StepFailed):
                under_way -= 1

        async def stop(outcomes: Run) -> None:
            nonlocal drained
            for _ in range(moment):
                await asyncio.sleep(0)
            outcomes.drain(RunStopped("enough"))
            drained = True

        source = (Task(n) for n in range(shape.items))
        async with build(shape).open(source, [observe]) as outcomes, asyncio.TaskGroup() as group:
            group.create_task(stop(outcomes))
            with suppress(RunStopped):
                async for outcome in outcomes:
                    seen[identity(outcome)] += 1
            assert under_way == 0
        assert seen <= expected(shape)

    run(loop, scenario)


@pytest.mark.anyio
async def test_a_bug_in_a_stage_ends_the_run_with_its_own_traceback() -> None:
    """An exception nobody foresaw is raised as it was, with the frame of the stage in its traceback."""

    async def broken(task: Task) -> Sequence[Done]:
        raise ZeroDivisionError(task.number)

    pipeline = Pipeline([Stage("broken", broken, Task, (Done,))], (Done,))
    with pytest.raises(ZeroDivisionError) as caught:
        async with pipeline.open([Task(1)]) as outcomes:
            async for _ in outcomes:
                pass
    assert "broken" in [entry.name for entry in caught.traceback]


@pytest.mark.anyio
async def test_a_bug_in_the_source_ends_the_run() -> None:
    """An exception in the source is raised too."""

    async def source() -> AsyncIterator[Task]:
        yield Task(0)
        raise KeyError("source")

    with pytest.raises(KeyError):
        async with build(TIGHT).open(source()) as outcomes:
            async for _ in outcomes:
                pass


@pytest.mark.anyio
async def test_an_error_of_the_consumer_is_raised_as_it_was() -> None:
    """What the consumer's block raises comes out unwrapped."""
    with pytest.raises(LookupError):
        async with build(TIGHT).open([Task(1)]):
            raise LookupError("consumer")


@pytest.mark.anyio
async def test_run_stopped_in_a_stage_drains_the_run() -> None:
    """A stage that raises RunStopped ends the run; its item has no outcome."""

    async def stop(task: Task) -> Sequence[Done]:
        if task.number == 2:
            raise RunStopped("no money left")
        return [Done(Part(task.number, 0))]

    pipeline = Pipeline([Stage("stop", stop, Task, (Done,), workers=1)], (Done,), tickets=1)
    seen = []
    with pytest.raises(RunStopped, match="no money left"):
        async with pipeline.open(Task(n) for n in range(9)) as outcomes:
            async for outcome in outcomes:
                seen.append(identity(outcome)[0])
    assert seen == [0, 1]


@pytest.mark.anyio
async def test_the_source_is_read_lazily() -> None:
    """Of an endless source no more is read than tickets allow, and one item waiting for its ticket."""
    read = 0

    def source() -> Iterator[Task]:
        nonlocal read
        while True:
            read += 1
            yield Task(read)

    async def pass_on(task: Task) -> Sequence[Done]:
        return [Done(Part(task.number, 0))]

    pipeline = Pipeline([Stage("pass", pass_on, Task, (Done,))], (Done,), tickets=3)
    async with pipeline.open(source()) as outcomes:
        for _ in range(10):
            await anext(outcomes)
        assert read <= 10 + 2 * 3 + 1


@pytest.mark.anyio
async def test_observers_learn_every_fact_in_order() -> None:
    """An item's events come in order, and failures are told with their error."""
    events: list[object] = []

    async def odd(task: Task) -> Sequence[Done]:
        if task.number % 2:
            raise ItemError("odd")
        return [Done(Part(task.number, 0))]

    pipeline = Pipeline([Stage("odd", odd, Task, (Done,), workers=1)], (Done,), tickets=1)
    async with pipeline.open([Task(0), Task(1)], [events.append]) as outcomes:
        async for _ in outcomes:
            pass
    kinds = [type(event) for event in events]
    step = [ItemAdmitted, StepStarted]
    assert kinds == [*step, StepFinished, *step, StepFailed]


@pytest.mark.anyio
async def test_an_observer_is_told_what_it_wants() -> None:
    """One that names types of facts gets those and no others; one beside it still gets all."""

    class Finishes:
        wants = (StepFinished,)

        def __init__(self) -> None:
            self.told: list[object] = []

        def __call__(self, event: object) -> None:
            self.told.append(event)

    async def finish(task: Task) -> Sequence[Done]:
        return [Done(Part(task.number, 0))]

    some, everything = Finishes(), list[object]()
    pipeline = Pipeline([Stage("finish", finish, Task, (Done,))], (Done,))
    async with pipeline.open([Task(0)], [some, everything.append]) as outcomes:
        async for _ in outcomes:
            pass
    assert [type(event) for event in some.told] == [StepFinished]
    assert [type(event) for event in everything] == [ItemAdmitted, StepStarted, StepFinished]


def test_a_record_without_a_home_is_found_before_the_run() -> None:
    """A stage that emits what nobody accepts is refused when the pipeline is built."""

    async def step(task: Task) -> Sequence[Checked]:
        return []

    with pytest.raises(TypeError, match="lost makes Checked"):
        Pipeline([Stage("lost", step, Task, (Checked,))], (Done,))


def test_records_go_to_the_next_stage_that_accepts_them() -> None:
    """Down the chain first, then up (the loop edge), then out."""
    pipeline = build(TIGHT)
    assert [pipeline.route(-1, Task), pipeline.route(0, Part), pipeline.route(1, Part)] == [0, 2, 2]
    assert pipeline.route(3, Back) == 1
    assert pipeline.route(3, Done) is None
