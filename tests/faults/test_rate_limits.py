"""F5, F6, F22 and known limits: every limit is kept, and used."""

from __future__ import annotations

import asyncio
import math
import time
from dataclasses import replace
from itertools import pairwise
from random import Random

import pytest

from codeclm.errors import RateLimited, RunStopped
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.llm.concurrency import START
from codeclm.llm.limits import Allowance, request_window
from codeclm.llm.pace import WINDOW_S
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.scripted import ScriptedModel
from tests.faults.bench import Measure, Scale
from tests.faults.hidden_server import Nature, Stretch, Trial, play
from tests.loops import ON_UVLOOP
from tests.virtual_time import VirtualLoop, VirtualWindow, outcome, run_virtual, settled

pytestmark = pytest.mark.anyio

SLOTS = tuple(Stretch(120.0 * n, None, count) for n, count in enumerate((40, 80, 20, 80)))
RATES = tuple(Stretch(120.0 * n, per_s) for n, per_s in enumerate((50, 100, 25, 100)))
BOTH = (Stretch(0, 50, 40), Stretch(120, 100, 40), Stretch(240, 25, 20), Stretch(360, 100, 100))
HIDDEN = {
    "40/80/20/80 in flight, 50 ms": Nature(SLOTS, 0.05),
    "40/80/20/80 in flight, 0.5 s": Nature(SLOTS, 0.5),
    "50/100/25/100 a second, 0.5 s": Nature(RATES, 0.5),
    "50/100/25/100 a second, 20 ms": Nature(RATES, 0.02),
    "rate and in flight, 0.4 s": Nature(BOTH, 0.4),
}
ASKED = ChatRequest((Message("user", "x"),), stage="respond")


@pytest.mark.parametrize("hint_s", [1.0, None], ids=["hinted", "not hinted"])
def test_f5(hint_s: float | None, scale: Scale, measure: Measure) -> None:
    """Three calls in ten refused at random: none fails, none is early, and what pauses leave is used."""
    lasts_s = scale(120.0, 3_600.0)
    trial = play(Nature(hint_s=hint_s, refused_share=0.3), lasts_s, demand=64)
    hinted = "with" if hint_s else "without"
    measure(
        "F5", f"{hinted} Retry-After: item failures", len(trial.errors), "0", met=not trial.errors
    )
    answered = sum(accepted for _, accepted in trial.log)
    calls = len(trial.log) / answered
    measure("F5", f"{hinted} Retry-After: calls a success", calls, "<= 1.5", met=calls <= 1.5)
    early = starts_in_pauses(trial, hint_s or 0.0)
    if hint_s:
        measure("F5", "retries earlier than the hint", early, "0", met=early == 0)
    used = use_of_what_pauses_leave(trial, START)
    bar = f">= 85 % of {START} calls after each pause"
    measure("F5", f"{hinted} Retry-After: throughput", f"{used:.1%}", bar, met=used >= 0.85)


def starts_in_pauses(trial: Trial, hint_s: float) -> int:
    """Calls that started after a refusal was known and before its hint was over."""
    early = 0
    latest = -math.inf
    for second, accepted in trial.log:
        started_s = second - 0.005
        early += latest + 1e-6 < started_s < latest + hint_s - 1e-6
        if not accepted:
            latest = second
    return early


def use_of_what_pauses_leave(trial: Trial, in_flight: int) -> float:
    """After each pause all places are to be taken at once: calls that start in the first moment, of those free."""
    bursts: list[int] = []
    began_s = -math.inf
    for second, _ in trial.log:
        if second > began_s + 0.3:
            bursts.append(0)
            began_s = second
        bursts[-1] += second < began_s + 1e-6
    return sum(bursts) / (in_flight * len(bursts))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", HIDDEN)
def test_f6(name: str, scale: Scale, measure: Measure) -> None:
    """Limits that nobody tells, in steps: found again within a minute, with hardly a refusal after that."""
    nature = HIDDEN[name]
    if not scale.whole:
        if nature.latency_s == 0.05:
            pytest.skip("a hundred thousand calls: at the whole scale only")
        steps = [replace(one, since_s=one.since_s / 1.6) for one in nature.stretches[:2]]
        nature = replace(nature, stretches=steps)
    step_s = scale(75.0, 120.0)
    lasts_s = len(nature.stretches) * step_s
    trials = [play(nature, lasts_s, demand=200, seed=seed) for seed in range(scale(1, 5))]
    spans = [(trial, *span) for trial in trials for span in trial.spans()]
    slowest_s = max(trial.seconds_to(0.9, start, end, per_s) for trial, start, end, per_s in spans)
    measure("F6", f"{name}: to 90 %", f"{slowest_s:g} s", "<= 60 s", met=slowest_s <= 60)
    refused = max(trial.refused_share(start + 60, end) for trial, start, end, _ in spans)
    measure("F6", f"{name}: 429s in steady state", f"{refused:.2%}", "<= 2 %", met=refused <= 0.02)
    failures = sum(len(trial.errors) for trial in trials)
    measure("F6", f"{name}: item failures", failures, "0", met=not failures)


@pytest.mark.parametrize("capacity", [40, 100])
def test_f6_queue(capacity: int, scale: Scale, measure: Measure) -> None:
    """A server that queues and never answers 429: growth stops near what it can do, for ten minutes."""
    if capacity > 40 and not scale.whole:
        pytest.skip("at the whole scale only")
    trial = play(Nature(capacity=capacity), scale(100.0, 660.0), demand=300)
    changes = trial.regulator.limits.concurrency.changes
    most = max(limit for second, limit in changes if second > 60)
    bar = f"<= {3 * capacity}, and no creeping upward"
    half = [limit for second, limit in changes if second > trial.lasts_s / 2]
    creeps = max(half, default=0) > max(limit for second, limit in changes if second > 30)
    met = most <= 3 * capacity and not creeps
    measure("F6", f"queueing server for {capacity}: most in flight", most, bar, met=met)
    used = trial.accepted_per_s(60, trial.lasts_s) / trial.spans()[0][2]
    measure("F6", f"queueing server for {capacity}: use", f"{used:.1%}", ">= 90 %", met=used >= 0.9)


def test_known_limit(scale: Scale, measure: Measure) -> None:
    """A limit that the user gave is used to 99 %, and no minute sees a start beyond it, even with late timers."""
    per_minute = 6_000
    calls = scale(8_000, 60_000)

    async def main(loop: VirtualLoop) -> list[tuple[float, int]]:
        starts: list[tuple[float, int]] = []
        transit = Random(1)

        async def answer(request: ChatRequest) -> str:
            await asyncio.sleep(transit.uniform(0, 0.02))
            starts.append((loop.time(), request.draw))
            await asyncio.sleep(0.2)
            return "yes"

        window = VirtualWindow(per_minute, WINDOW_S, loop.time)
        allowance = Allowance(500, adaptive=False, requests_per_minute=per_minute)
        model = RegulatedModel(
            ScriptedModel(answer), Regulator(allowance, clock=loop.time, window=window)
        )
        async with asyncio.TaskGroup() as group:
            for number in range(calls):
                group.create_task(model.complete(ChatRequest(ASKED.messages, draw=number)))
        return sorted(starts)

    starts = run_virtual(main)
    used = (calls - 1) / (starts[-1][0] - starts[0][0]) / (per_minute / 60)
    measure("F22", "known limit: use", f"{used:.2%}", ">= 99 %", met=used >= 0.99)
    beyond = violations([second for second, _ in starts], per_minute)
    measure("F22", "known limit: starts beyond it in any minute", beyond, "0", met=not beyond)


def violations(starts: list[float], per_minute: float) -> int:
    """Starts that are one too many for the minute before them."""
    count = int(per_minute)
    return sum(last - first < 60 for first, last in zip(starts, starts[count:], strict=False))


def test_f22(scale: Scale, measure: Measure) -> None:
    """Random arrivals, priorities, durations, cancellations and pauses: limits kept, nobody overtaken."""
    seeds, arrivals = scale(20, 200), scale(300, 2_000)
    beyond = inversions = crowded = left = 0
    for seed in range(seeds):
        result = run_virtual(lambda loop, seed=seed: storm(loop, seed, arrivals))  # type: ignore[misc]
        beyond += result[0]
        inversions += result[1]
        crowded += result[2]
        left += result[3]
    told = f"{seeds:,} seeds x {arrivals:,} arrivals"
    measure("F22", f"{told}: window violations", beyond, "0", met=not beyond)
    measure("F22", f"{told}: FIFO inversions", inversions, "0", met=not inversions)
    measure("F22", f"{told}: too many in flight", crowded, "0", met=not crowded)
    measure("F22", f"{told}: forgotten calls", left, "0", met=not left)


async def storm(loop: VirtualLoop, seed: int, arrivals: int) -> tuple[int, int, int, int]:
    """Window violations, FIFO inversions, calls too many in flight, and calls left over."""
    random = Random(seed)
    per_minute = random.choice([600, 6_000, 60_000])
    most = random.randint(5, 200)
    allowance = Allowance(
        most,
        adaptive=False,
        requests_per_minute=per_minute,
        tokens_per_minute=random.choice([None, per_minute * 200]),
    )
    window = VirtualWindow(per_minute, WINDOW_S, loop.time)
    regulator = Regulator(allowance, clock=loop.time, window=window, random=random)
    starts: list[float] = []
    order: dict[int, list[int]] = {0: [], 1: []}
    crowded = 0

    async def answer(request: ChatRequest) -> str:
        nonlocal crowded
        crowded += regulator.limits.in_flight > most
        starts.append(loop.time())
        order[request.priority].append(request.draw)
        await asyncio.sleep(random.expovariate(10))
        if random.random() < 0.0005:
            raise RateLimited("slower", retry_after_s=random.uniform(0, 3))
        return "yes"

    model = RegulatedModel(ScriptedModel(answer), regulator)

    async def one(number: int, priority: int, patience_s: float | None) -> None:
        text = "x" * random.choice([4, 40, 400])
        request = ChatRequest((Message("user", text),), draw=number, priority=priority)
        try:
            async with asyncio.timeout(patience_s):
                await outcome(model.complete(request))
        except TimeoutError:
            pass

    async with asyncio.TaskGroup() as group:
        for number in range(arrivals):
            patience_s = random.uniform(0, 60) if random.random() < 0.1 else None
            group.create_task(one(number, random.randint(0, 1), patience_s))
            if number % 50 == 0:
                await asyncio.sleep(random.expovariate(per_minute / 60 / 50))
    state = regulator.limits.statistics()
    inversions = sum(b < a for numbers in order.values() for a, b in pairwise(numbers))
    return violations(starts, per_minute), inversions, crowded, state.in_flight + state.waiting


@ON_UVLOOP
async def test_idle(scale: Scale, measure: Measure) -> None:
    """Ten thousand calls that wait for a limit take no time of the processor."""
    regulator = Regulator(
        Allowance(10, adaptive=False, requests_per_minute=60), window=request_window(60)
    )

    async def answer(request: ChatRequest) -> str:
        await asyncio.sleep(0.2)
        return "yes"

    model = RegulatedModel(ScriptedModel(answer), regulator)
    lasts_s = scale(1.0, 10.0)
    async with asyncio.TaskGroup() as group:
        for _ in range(10_000):
            group.create_task(outcome(model.complete(ASKED)))
        await settled(20)
        began_s, spent_s = time.monotonic(), time.process_time()
        await asyncio.sleep(lasts_s)
        share = (time.process_time() - spent_s) / (time.monotonic() - began_s)
        waiting = regulator.limits.statistics().waiting
        regulator.limits.close(RunStopped("enough"))
    assert waiting > 9_900
    measure("F22", "idle CPU with 10,000 waiting", f"{share:.2%}", "<= 1 %", met=share <= 0.01)


def test_endpoints_apart(measure: Measure) -> None:
    """While one endpoint is paused and another down, a third goes on at full speed."""

    async def main(loop: VirtualLoop) -> float:
        def model(error: Exception | None) -> ChatModel:
            async def answer(request: ChatRequest) -> Completion:
                await asyncio.sleep(0.1)
                if error is not None:
                    raise error
                return Completion("yes")

            regulator = Regulator(Allowance(10, adaptive=False), clock=loop.time)
            return RegulatedModel(ScriptedModel(answer), regulator)

        done = 0

        async def call(model: ChatModel) -> None:
            nonlocal done
            while loop.time() < ends_s:
                ended = await outcome(model.complete(ASKED))
                done += not isinstance(ended, Exception)

        ends_s = loop.time() + 60
        models = [
            model(RateLimited("slower", retry_after_s=60)),
            model(TimeoutError()),
            model(None),
        ]
        async with asyncio.TaskGroup() as group:
            for number in range(30):
                group.create_task(call(models[number % 3]))
        return done / (10 * 60 / 0.1)

    used = run_virtual(main)
    measure(
        "F10",
        "another endpoint paused: use of this one",
        f"{used:.1%}",
        ">= 99 %",
        met=used >= 0.99,
    )
