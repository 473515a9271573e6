"""A level of load, in virtual time: what is measured, what is not, and how it ends."""

from __future__ import annotations

import asyncio
import math
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine
from random import Random
from typing import Any

import pytest

from codeclm.bench.benchmark import Benchmark, Measured
from codeclm.bench.lag import INTERVAL_S, watch_lag
from codeclm.bench.load import LONGEST_WARM_UP_S, Extent, Level
from codeclm.bench.meter import Meter
from codeclm.bench.plan import Plan
from codeclm.bench.prompts import endless
from codeclm.bench.statistics import Figures
from codeclm.bench.verdict import knee_sentence, limit_sentence
from codeclm.errors import (
    ContextTooLong,
    EndpointRefused,
    RateLimited,
    RunStopped,
    ServerError,
    StaleConnection,
    TransientError,
    UsageError,
)
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message, Usage
from codeclm.llm.limits import Allowance
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.spec import ModelSpec
from codeclm.simulator import Faults, Schedule, ServerOptions, SimulatorServer, World
from tests.running import nobody_listening
from tests.virtual_time import VirtualLoop, run_virtual

PROMPTS = [ChatRequest((Message("user", f"Explain {n}"),), 0.7, 64, stage="a") for n in range(7)]
Answer = Callable[[ChatRequest], Awaitable[Completion]]


def client(inner: ChatModel, meter: Meter, loop: VirtualLoop, most: int = 512) -> ChatModel:
    """The layers of a run around ``inner``."""
    regulator = Regulator(
        Allowance(most, adaptive=False), clock=loop.time, random=Random(0), patience_s=60
    )
    return RetryingModel(
        RegulatedModel(meter.around(inner), regulator),
        RetryPolicy(),
        model="m",
        on_event=lambda event: None,
        random=Random(0),
        sleep=regulator.limits.rest,
        clock=loop.time,
    )


def run_level(
    in_flight: int,
    extent: Extent,
    answer: Answer,
    act: Callable[[Level], Coroutine[Any, Any, None]] | None = None,
    **how: Any,
) -> tuple[Figures | None, Level, ScriptedModel]:
    """Measure a level of a scripted endpoint in virtual time; ``act`` runs beside it."""
    model = ScriptedModel(answer)

    async def main(loop: VirtualLoop) -> tuple[Figures | None, Level]:
        meter = Meter(loop.time)
        asked = client(model, meter, loop, **how)
        requests = endless(PROMPTS, "m")
        level = Level(
            in_flight, extent, asked, requests, meter, clock=loop.time, cpu=lambda: loop.time() / 4
        )
        async with asyncio.TaskGroup() as group:
            beside = None if act is None else group.create_task(act(level))
            found = await level.run()
            if beside is not None:
                beside.cancel()
        return found, level

    return *run_virtual(main), model


def takes(seconds: float) -> Answer:
    async def answer(request: ChatRequest) -> Completion:
        await asyncio.sleep(seconds)
        return Completion("yes", "stop", Usage(20, 10))

    return answer


@pytest.mark.parametrize("in_flight", [1, 3, 16])
def test_constant_latency_gives_exact_figures(in_flight: int) -> None:
    """N callers of L seconds make N / L calls a second, also where all answers come at the same moment."""
    found, _, model = run_level(in_flight, Extent(10, requests=50), takes(0.25))
    assert found is not None
    assert found.calls_per_s == pytest.approx(in_flight / 0.25)
    assert found.efficiency == pytest.approx(1)
    assert found.in_flight_mean == pytest.approx(in_flight)
    assert found.in_flight_peak == in_flight
    assert found.output_tokens_per_s == pytest.approx(10 * in_flight / 0.25)
    assert found.cpu == pytest.approx(0.25)
    assert len(model.requests) <= 10 + 50 + in_flight - 1
    assert len({one.messages[0].content for one in model.requests}) == len(model.requests)


def test_the_warm_up_is_not_measured() -> None:
    """Slow first calls, as of a model that is being loaded, leave no trace in the figures."""
    calls = Counter[str]()

    async def answer(request: ChatRequest) -> Completion:
        calls["all"] += 1
        await asyncio.sleep(30 if calls["all"] <= 4 else 0.5)
        return Completion("yes", "stop", Usage(1, 1))

    found, _, _ = run_level(4, Extent(4, requests=40), answer)
    assert found is not None
    assert found.latency is not None
    assert found.latency.p99_s == pytest.approx(0.5)
    assert found.calls_per_s == pytest.approx(8)


def test_time_ends_a_level_too() -> None:
    """Ten seconds are ten seconds, and calls that are cut through count by their share."""
    found, _, _ = run_level(2, Extent(2, seconds=10), takes(3))
    assert found is not None
    assert found.seconds == pytest.approx(10)
    assert found.answers == 6
    assert found.calls_per_s == pytest.approx(2 / 3)
    found, _, _ = run_level(2, Extent(2, requests=4, seconds=1000), takes(3))
    assert found is not None
    assert found.seconds == pytest.approx(6)


def test_a_warm_up_without_end_is_cut_short() -> None:
    """Where no call ends, measuring begins all the same, and says that there is nothing."""
    found, _, _ = run_level(2, Extent(2, seconds=10), takes(LONGEST_WARM_UP_S + 100))
    assert found is not None
    assert found.answers == 0
    assert found.calls_per_s == pytest.approx(2 * 10 / 400 / 10)


def test_rate_limits_and_retries_are_counted() -> None:
    """A call that is refused and made again is an error, a retry and an answer; its wait is no latency."""
    refused: set[int] = set()

    async def answer(request: ChatRequest) -> Completion:
        await asyncio.sleep(0.1)
        if request.draw % 10 == 5 and request.draw not in refused:
            refused.add(request.draw)
            raise RateLimited("slower", retry_after_s=2.0)
        return Completion("yes", "stop", Usage(1, 1))

    found, _, _ = run_level(1, Extent(4, requests=100), answer)
    assert found is not None
    assert (found.answers, found.rate_limited, found.retried) == (100, 10, 10)
    assert found.failed_share == pytest.approx(10 / 110)
    assert found.latency is not None
    assert found.latency.p99_s == pytest.approx(0.1)
    assert found.in_flight_mean < 0.5
    assert found.efficiency == pytest.approx(10 / found.seconds)


def test_errors_are_told_by_kind() -> None:
    """What fails for good has ended as well, so that a broken endpoint does not go on for ever."""

    async def answer(request: ChatRequest) -> Completion:
        await asyncio.sleep(0.1)
        if request.draw % 2:
            raise ContextTooLong("too long")
        return Completion("yes", "stop", Usage(1, 1))

    found, _, _ = run_level(4, Extent(8, requests=40), answer)
    assert found is not None
    assert found.errors == {"ContextTooLong": 20}
    assert (found.answers, found.retried) == (20, 0)


def test_no_call_begins_after_the_end() -> None:
    """Those that wait for a pause to be over are not made when the window has closed."""

    async def answer(request: ChatRequest) -> Completion:
        await asyncio.sleep(0.1)
        if request.draw == 20:
            raise RateLimited("slower", retry_after_s=600.0)
        return Completion("yes", "stop", Usage(1, 1))

    found, level, model = run_level(4, Extent(4, seconds=5), answer)
    assert found is not None
    assert found.rate_limited == 1
    assert len(model.requests) <= 20 + 2 * 4  # those that were under way, or began at that moment
    assert level.stopped is None


@pytest.mark.parametrize("error", [RateLimited, ServerError, StaleConnection])
def test_what_fails_after_the_end_is_not_made_again(error: type[TransientError]) -> None:
    """The window has closed: no retry, no wait for one, no call more than there were."""

    async def answer(request: ChatRequest) -> Completion:
        late = request.draw >= 20
        await asyncio.sleep(1.5 if late else 1)
        if late:
            raise error("no")
        return Completion("yes", "stop", Usage(1, 1))

    found, level, model = run_level(4, Extent(4, seconds=4.5), answer)
    assert found is not None
    assert [one.draw for one in model.requests] == list(range(24))
    assert found.answers == 16
    assert level.progress() == "waiting for calls under way"


def test_a_refusal_of_everything_ends_it_with_what_was_measured() -> None:
    """Wrong key in mid-run: the figures so far, and the reason."""

    async def answer(request: ChatRequest) -> Completion:
        await asyncio.sleep(0.1)
        if request.draw >= 30:
            raise EndpointRefused("the key is gone")
        return Completion("yes", "stop", Usage(1, 1))

    found, level, _ = run_level(2, Extent(4, requests=1000), answer)
    assert found is not None
    assert found.calls_per_s == pytest.approx(20, rel=0.1)
    assert str(level.stopped) == "the key is gone"


def test_stopped_it_waits_for_calls_under_way() -> None:
    """They count by their share; in the warm-up there is nothing to count."""

    async def stop_at(level: Level, seconds: float) -> None:
        await asyncio.sleep(seconds)
        level.stop(RunStopped("interrupted"))

    found, level, model = run_level(
        2, Extent(2, requests=1000), takes(2.0), lambda level: stop_at(level, 13.0)
    )
    assert found is not None
    assert found.seconds == pytest.approx(11)
    assert found.calls_per_s == pytest.approx(1)
    assert len(model.requests) == 14
    assert str(level.stopped) == "interrupted"
    found, _, _ = run_level(
        2, Extent(20, requests=1000), takes(2.0), lambda level: stop_at(level, 3.0)
    )
    assert found is None


def test_the_lag_of_a_loop_that_stands_still() -> None:
    """Each tick that was missed counts as late as it was; a punctual loop has no lag."""
    lags_s: list[float] = []

    async def main(loop: VirtualLoop) -> None:
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(watch_lag(loop.time, lags_s.append))
            await asyncio.sleep(1)
            loop.skip(1)
            await asyncio.sleep(1)
            watching.cancel()

    run_virtual(main)
    late = [lag_s for lag_s in lags_s if lag_s > INTERVAL_S / 2]
    assert math.isclose(len(late), 1 / INTERVAL_S, abs_tol=2)
    assert max(late) == pytest.approx(1, abs=INTERVAL_S)
    assert len(lags_s) == pytest.approx(3 / INTERVAL_S, abs=2)


def test_progress_in_words() -> None:
    """What it is doing, and how far it is."""
    said: list[str] = []

    async def look(level: Level) -> None:
        for _ in range(4):
            await asyncio.sleep(2.3)
            said.append(level.progress())

    run_level(2, Extent(4, seconds=5), takes(2.0), look)
    run_level(2, Extent(4, requests=6), takes(2.0), look)
    assert said == [
        "warming up, 2 of 4 calls",
        "measuring, 0 calls in 1 s",
        "measuring, 2 calls in 3 s",
        "waiting for calls under way",
        "warming up, 2 of 4 calls",
        "measuring, 0 of 6 calls in 1 s",
        "measuring, 2 of 6 calls in 3 s",
        "measuring, 4 of 6 calls in 5 s",
    ]


def bench(
    options: ServerOptions, *, levels: tuple[int, ...] = (), most: int = 64, **more: Any
) -> tuple[Measured, Plan, list[str], SimulatorServer]:
    """A benchmark of the simulated server, over real HTTP, in virtual time."""
    said: list[str] = []

    async def main(loop: VirtualLoop) -> tuple[Measured, Plan, list[str], SimulatorServer]:
        async with SimulatorServer(World(), options, clock=loop.time) as server:
            name = f"openai:sim-strong@{server.base_url}"
            spec = ModelSpec(name, max_in_flight=512, adaptive=False)
            plan = Plan(spec, PROMPTS, 0.7, 64, levels, most, **{"requests": 100, **more})
            benchmark = Benchmark(plan, said.append, clock=loop.time, cpu=lambda: 0.0)
            return await benchmark.run(), plan, said, server

    return run_virtual(main)


@pytest.mark.parametrize("slots", [3, 24])
def test_the_knee_of_a_server_with_slots(slots: int) -> None:
    """N slots of latency L answer N / L calls a second; the knee is at N, and the endpoint limits."""
    measured, plan, _, server = bench(
        ServerOptions(latency_s=0.1, max_in_flight=slots, queue=True), most=128
    )
    by_level = {level.in_flight: level for level in measured.levels}
    for in_flight, level in by_level.items():
        assert level.calls_per_s == pytest.approx(min(in_flight, slots) / 0.1, rel=0.02)
        assert level.efficiency == pytest.approx(1, rel=0.02)
    assert knee_sentence(measured.levels).startswith(f"the knee is at {slots} calls in flight")
    assert limit_sentence(measured.levels, plan.spec).startswith("the endpoint limits")
    assert server.log.max_in_flight == max(by_level)
    assert plan.most_calls is not None
    assert server.log.requests <= plan.most_calls


def test_the_knee_of_a_server_that_slows_down() -> None:
    """Beyond its capacity each call takes longer, in proportion: the same knee."""
    measured, plan, _, _ = bench(ServerOptions(latency_s=0.1, capacity=16))
    assert "the knee is at 16 calls in flight" in knee_sentence(measured.levels)
    assert limit_sentence(measured.levels, plan.spec).startswith("the endpoint limits")


def test_the_knee_of_a_server_that_refuses() -> None:
    """429s end the climb, are counted and named; the knee is the most that is taken."""
    measured, plan, said, server = bench(ServerOptions(latency_s=0.1, max_in_flight=11))
    assert "the knee is at 11 calls in flight" in knee_sentence(measured.levels)
    assert "429s at 12 calls in flight" in limit_sentence(measured.levels, plan.spec)
    assert any("asks to slow down" in line for line in said)
    refused = [level.rate_limited for level in measured.levels if level.in_flight > 11]
    assert all(refused)
    assert server.log.by_status[429] >= sum(refused)
    assert "RateLimited" in measured.messages


def test_the_knee_of_a_server_with_a_rate() -> None:
    """Few 429s are enough to find a rate limit, though each is only one call of hundreds."""
    options = ServerOptions(latency_s=0.1, rate_limit=Schedule.parse_rate("50/s"), rate_burst=50)
    measured, plan, _, _ = bench(options, requests=400)
    knee_level = next(
        level
        for level in measured.levels
        if f"at {level.in_flight} calls" in knee_sentence(measured.levels)
    )
    assert 40 <= knee_level.calls_per_s <= 51
    assert limit_sentence(measured.levels, plan.spec).startswith("a rate limit:")


def test_an_endpoint_that_breaks_down_ends_it() -> None:
    """It is waited for as long as the patience lasts; then what was measured is what there is."""
    options = ServerOptions(latency_s=0.1, faults=Faults.parse("outage:503@23s-9000s"))
    measured, _, said, _ = bench(options, levels=(1, 4), requests=200)
    assert [level.in_flight for level in measured.levels] == [1, 4]
    assert measured.stopped is not None
    assert "out of service" in str(measured.stopped)
    assert any("out of service" in line for line in said)


def test_nobody_there_is_told_before_anything_is_measured() -> None:
    """As a run tells it."""
    with nobody_listening() as base_url:
        plan = Plan(ModelSpec(f"openai:m@{base_url}"), PROMPTS, 0.7, 64, (1,), 1)
        benchmark = Benchmark(plan, lambda line: None)
        with pytest.raises(UsageError, match="no server at"):
            asyncio.run(benchmark.run())
