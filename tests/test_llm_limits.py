"""Limits: nothing starts too early, nothing that may start waits, and waiting costs nothing."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import pytest

from codeclm.errors import QuotaExhausted, RateLimited, RunStopped, ServerError
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.events import Paused
from codeclm.llm.limits import Allowance, Limits, request_window
from codeclm.llm.pace import WINDOW_S
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.tokens import Tokens
from tests.virtual_time import VirtualLoop, VirtualWindow, outcome, run_virtual, settled

pytestmark = pytest.mark.anyio

NO_USAGE = Usage()


def request(priority: int = 0, text: str = "", stage: str = "") -> ChatRequest:
    return ChatRequest((Message("user", text),), priority=priority, stage=stage)


def fixed(max_in_flight: int) -> Allowance:
    """So many calls in flight from the start."""
    return Allowance(max_in_flight, adaptive=False)


def virtual(
    loop: VirtualLoop,
    max_in_flight: int = 10**6,
    requests_per_minute: float | None = None,
    tokens_per_minute: float | None = None,
    events: list[object] | None = None,
) -> Regulator:
    window = None
    if requests_per_minute is not None:
        count = max(1, int(requests_per_minute))
        window = VirtualWindow(count, WINDOW_S * count / requests_per_minute, loop.time)
    return Regulator(
        Allowance(
            max_in_flight,
            adaptive=False,
            requests_per_minute=requests_per_minute,
            tokens_per_minute=tokens_per_minute,
        ),
        clock=loop.time,
        window=window,
        random=Random(1),
        on_event=(lambda event: None) if events is None else events.append,
    )


class Endpoint:
    """Answers after ``duration_s`` and records when each call started."""

    def __init__(self, duration_s: float = 0.0, usage: Usage = NO_USAGE) -> None:
        self.duration_s = duration_s
        self.usage = usage
        self.starts: list[float] = []
        self.order: list[ChatRequest] = []
        self.in_flight = self.peak = 0

    async def complete(self, request: ChatRequest) -> Completion:
        self.starts.append(asyncio.get_running_loop().time())
        self.order.append(request)
        self.in_flight += 1
        self.peak = max(self.peak, self.in_flight)
        try:
            await asyncio.sleep(self.duration_s)
        finally:
            self.in_flight -= 1
        return Completion("yes", "stop", self.usage)


def _raising(error: Exception) -> ScriptedModel:
    def answer(request: ChatRequest) -> str:
        raise error

    return ScriptedModel(answer)


async def call_all(model: RegulatedModel, requests: list[ChatRequest]) -> None:
    async with asyncio.TaskGroup() as group:
        for each in requests:
            group.create_task(model.complete(each))


def most_in_any(starts: list[float], window_s: float) -> int:
    """The largest number of starts within ``window_s``."""
    most = first = 0
    for last, start in enumerate(starts):
        while start - starts[first] > window_s:
            first += 1
        most = max(most, last - first + 1)
    return most


async def test_a_free_endpoint_is_called_at_once() -> None:
    """Where nothing is limited, a call starts without the loop going round."""
    scripted = ScriptedModel(lambda request: "yes")
    model = RegulatedModel(scripted, Regulator(fixed(1)))
    call = model.complete(request())
    with pytest.raises(StopIteration):
        call.send(None)
    assert len(scripted.requests) == 1


@pytest.mark.parametrize("per_minute", [0.5, 1, 1.5, 7, 59, 600, 6000, 60_000])
def test_the_rate_is_never_exceeded_and_is_used(per_minute: float) -> None:
    """No minute has more starts than allowed, no shorter time more than its share and 0.1 s worth."""
    calls = int(min(2.5 * per_minute, 20_000)) + 5

    async def main(loop: VirtualLoop) -> list[float]:
        endpoint = Endpoint()
        regulator = virtual(loop, requests_per_minute=per_minute)
        await call_all(RegulatedModel(endpoint, regulator), [request()] * calls)
        return endpoint.starts

    starts = run_virtual(main)
    assert most_in_any(starts, 60.0) <= max(
        1, per_minute if per_minute % 1 == 0 else per_minute + 1
    )
    for window_s in (0.01, 0.1, 1, 10):
        assert most_in_any(starts, window_s) <= per_minute / 60 * (window_s + 0.1) + 1
    permitted_s = (calls - 1) * 60 / per_minute
    assert starts[-1] - starts[0] <= permitted_s / 0.99


def test_late_timers_do_not_cost_rate() -> None:
    """A loop that is busy for up to 50 ms at a time still uses 99 % of the permitted rate."""

    async def main(loop: VirtualLoop) -> list[float]:
        endpoint = Endpoint()
        regulator = virtual(loop, requests_per_minute=6000)

        async def late() -> None:
            random = Random(2)
            while len(endpoint.starts) < 3000:
                await asyncio.sleep(0.001)
                loop.skip(random.uniform(0, 0.05))

        async with asyncio.TaskGroup() as group:
            group.create_task(late())
            group.create_task(call_all(RegulatedModel(endpoint, regulator), [request()] * 3000))
        return endpoint.starts

    starts = run_virtual(main)
    assert starts[-1] - starts[0] <= 2999 / 100 / 0.99
    assert most_in_any(starts, 1.0) <= 111


async def test_the_window_is_asyncio_throttle() -> None:
    """The real window takes as many at once as the limit says and not one more."""
    regulator = Regulator(Allowance(100, requests_per_minute=3))
    model = RegulatedModel(ScriptedModel(lambda request: "yes"), regulator)
    await model.complete(request())
    async with asyncio.TaskGroup() as group:
        waiting = group.create_task(model.complete(request()))
        await settled()
        assert regulator.limits.statistics().waiting == 1
        waiting.cancel()
    assert regulator.limits.statistics().waiting == 0

    window = request_window(3)
    for _ in range(3):
        await window.acquire()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(window.acquire(), 0.05)


def test_never_more_in_flight_and_always_as_many() -> None:
    """While calls wait, exactly as many are under way as allowed."""

    async def main(loop: VirtualLoop) -> tuple[int, float]:
        endpoint = Endpoint(duration_s=1.0)
        began_s = loop.time()
        await call_all(RegulatedModel(endpoint, virtual(loop, 8)), [request()] * 80)
        return endpoint.peak, loop.time() - began_s

    peak, took_s = run_virtual(main)
    assert peak == 8
    assert took_s == pytest.approx(10.0)


async def test_lower_priority_numbers_go_first() -> None:
    """Waiting calls start by priority, and within one in order of arrival."""
    gate = asyncio.Event()
    order: list[str] = []

    async def answer(request: ChatRequest) -> str:
        order.append(request.messages[0].content)
        await gate.wait()
        return "yes"

    model = RegulatedModel(ScriptedModel(answer), Regulator(fixed(1)))
    async with asyncio.TaskGroup() as group:
        for priority, name in ((9, "first"), (2, "c"), (1, "a"), (2, "d"), (1, "b"), (3, "e")):
            group.create_task(model.complete(request(priority, name)))
        await settled()
        gate.set()
    assert order == ["first", "a", "b", "c", "d", "e"]


async def test_a_cancelled_waiter_leaves_no_trace() -> None:
    """Those behind it move up, and its place in flight is not lost."""
    gate = asyncio.Event()

    async def answer(request: ChatRequest) -> str:
        await gate.wait()
        return "yes"

    regulator = Regulator(fixed(1))
    model = RegulatedModel(ScriptedModel(answer), regulator)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(model.complete(request())) for _ in range(4)]
        await settled()
        tasks[1].cancel()
        await settled()
        assert regulator.limits.statistics().waiting == 2
        gate.set()
    assert [task.cancelled() for task in tasks] == [False, True, False, False]
    assert regulator.limits.statistics().in_flight == 0


async def test_one_who_is_cancelled_as_its_turn_comes_hands_it_on() -> None:
    """A start that was granted and never used goes to the next in line."""
    regulator = Regulator(fixed(1))
    await regulator.limits.admit()
    async with asyncio.TaskGroup() as group:
        second, _ = (group.create_task(regulator.limits.admit()) for _ in range(2))
        await settled()
        regulator.limits.finish()
        second.cancel()
    assert second.cancelled()
    regulator.limits.finish()
    assert regulator.limits.statistics().in_flight == 0


def test_a_rate_limit_pauses_everybody_once() -> None:
    """Eight calls told to go slower are one episode: nothing starts before the longest hint is over."""
    events: list[object] = []

    async def main(loop: VirtualLoop) -> list[float]:
        starts: list[float] = []

        async def answer(request: ChatRequest) -> str:
            starts.append(loop.time())
            if len(starts) <= 8:
                await asyncio.sleep(0.01 * len(starts))
                raise RateLimited("slower", retry_after_s=5.0)
            return "yes"

        regulator = virtual(loop, 8, events=events)
        model = RegulatedModel(ScriptedModel(answer), regulator)

        async def until_answered() -> None:
            while True:
                try:
                    await model.complete(request())
                except RateLimited:
                    continue
                return

        async with asyncio.TaskGroup() as group:
            for _ in range(20):
                group.create_task(until_answered())
        assert regulator.statistics().rate_limited == 8
        assert regulator.statistics().paused_for_s == pytest.approx(5.07)
        return starts

    starts = run_virtual(main)
    assert events == [Paused("", 5.0)]
    assert starts[8] - starts[0] == pytest.approx(5.08)


def test_pauses_grow_while_they_do_not_help() -> None:
    """Without a hint the pause doubles up to a minute, and begins anew after an answer."""
    events: list[object] = []

    async def main(loop: VirtualLoop) -> None:
        refusals = iter([True] * 9 + [False, True])

        def answer(request: ChatRequest) -> str:
            if next(refusals):
                raise RateLimited("slower")
            return "yes"

        model = RegulatedModel(ScriptedModel(answer), virtual(loop, events=events))
        for _ in range(11):
            await outcome(model.complete(request()))

    run_virtual(main)
    waits = [event.wait_s for event in events if isinstance(event, Paused)]
    for wait_s, backoff_s in zip(waits, [1, 2, 4, 8, 16, 32, 60, 60, 60, 1], strict=True):
        assert backoff_s / 2 <= wait_s <= backoff_s


async def test_a_wait_of_hours_ends_the_run() -> None:
    """An endpoint that asks for ten hours, as for a daily quota, stops the run so it can be resumed."""

    def answer(request: ChatRequest) -> str:
        raise RateLimited("quota of the day", retry_after_s=36_000.0)

    model = RegulatedModel(ScriptedModel(answer), Regulator(fixed(2), model="openai:m"))
    with pytest.raises(QuotaExhausted) as caught:
        await model.complete(request())
    assert caught.value.resume_after_s == 36_000
    with pytest.raises(RunStopped, match="openai:m asks to wait 36000 s"):
        await model.complete(request())


async def test_closing_ends_all_waiting_and_lets_calls_finish() -> None:
    """Who waits, rests or comes later gets the reason; the call under way gets its answer."""
    gate = asyncio.Event()

    async def answer(request: ChatRequest) -> str:
        await gate.wait()
        return "yes"

    regulator = Regulator(fixed(1))
    model = RegulatedModel(ScriptedModel(answer), regulator)
    async with asyncio.TaskGroup() as group:
        under_way = group.create_task(model.complete(request()))
        waiting = group.create_task(outcome(model.complete(request())))
        resting = group.create_task(outcome(regulator.limits.rest(3600)))
        await settled()
        regulator.limits.close(RunStopped("interrupted"))
        regulator.limits.close(RunStopped("too late to count"))
        late = group.create_task(outcome(model.complete(request())))
        await settled()
        for ended in (waiting, resting, late):
            assert str(ended.result()) == "interrupted"
        assert not under_way.done()
        gate.set()
    assert under_way.result().text == "yes"
    assert regulator.limits.statistics().in_flight == 0


async def test_a_run_stopper_from_the_endpoint_closes_it() -> None:
    """After the first answer that says no call can succeed, no further call is made."""

    def answer(request: ChatRequest) -> str:
        raise RunStopped("no money left")

    scripted = ScriptedModel(answer)
    model = RegulatedModel(scripted, Regulator(fixed(1)))
    async with asyncio.TaskGroup() as group:
        calls = [group.create_task(outcome(model.complete(request()))) for _ in range(5)]
    assert [str(call.result()) for call in calls] == ["no money left"] * 5
    assert len(scripted.requests) == 1


async def test_errors_give_the_place_back() -> None:
    """However a call ends, its place in flight is free again."""

    def answer(request: ChatRequest) -> str:
        raise ServerError("down")

    regulator = Regulator(fixed(1))
    for _ in range(3):
        with pytest.raises(ServerError):
            await RegulatedModel(ScriptedModel(answer), regulator).complete(request())
    assert regulator.limits.statistics().in_flight == 0
    assert regulator.limits.statistics().started == 3


@pytest.mark.parametrize("max_tokens", [None, 8192])
def test_tokens_follow_what_is_used_not_what_is_allowed(max_tokens: int | None) -> None:
    """With answers of 100 tokens, a limit of 12,000 a minute lets 100 calls of 120 start a minute."""

    async def main(loop: VirtualLoop) -> float:
        endpoint = Endpoint(duration_s=0.5, usage=Usage(20, 100))
        regulator = virtual(loop, tokens_per_minute=12_000)
        asked = ChatRequest((Message("user", "x" * 80),), max_tokens=max_tokens, stage="respond")
        model = RegulatedModel(endpoint, regulator)
        await call_all(model, [asked] * 20)  # learns
        began_s = loop.time()
        await call_all(model, [asked] * 300)
        return loop.time() - began_s

    assert 175 <= run_virtual(main) <= 190


def test_a_request_larger_than_the_bucket_gets_through() -> None:
    """It starts when the bucket is full, and what it owes is waited for after it."""

    async def main(loop: VirtualLoop) -> list[float]:
        endpoint = Endpoint(usage=Usage(5000, 1000))
        model = RegulatedModel(endpoint, virtual(loop, tokens_per_minute=6000))
        await call_all(model, [request(text="x" * 20_000)] * 3)
        return endpoint.starts

    starts = run_virtual(main)
    assert starts[1] - starts[0] == pytest.approx(60, abs=1)
    assert starts[2] - starts[1] == pytest.approx(60, abs=1)


def test_a_large_call_that_gives_up_holds_nobody_back() -> None:
    """When the first in line goes, a smaller one behind it starts as soon as its own tokens allow."""

    async def main(loop: VirtualLoop) -> list[float]:
        endpoint = Endpoint(usage=Usage(1, 1))
        regulator = virtual(loop, tokens_per_minute=605_000)  # a bucket of 5,000, 10,000 a second
        model = RegulatedModel(endpoint, regulator)
        began_s = loop.time()
        regulator.limits.correct(Tokens(), Tokens(3000))
        async with asyncio.TaskGroup() as group:
            large = group.create_task(model.complete(request(text="x" * 16_000)))
            group.create_task(model.complete(request(text="x" * 400)))
            await settled()
            assert regulator.limits.statistics().waiting == 2
            large.cancel()
            await settled()
        return [start - began_s for start in endpoint.starts]

    assert run_virtual(main) == [0.0]


def test_an_urgent_small_call_does_not_wait_for_a_large_one() -> None:
    """Who comes later and goes first has its own waiting time, shorter than that of the others."""

    async def main(loop: VirtualLoop) -> list[float]:
        endpoint = Endpoint(usage=Usage(1, 1))
        regulator = virtual(loop, tokens_per_minute=605_000)
        model = RegulatedModel(endpoint, regulator)
        began_s = loop.time()
        regulator.limits.correct(Tokens(), Tokens(5000))
        async with asyncio.TaskGroup() as group:
            group.create_task(model.complete(request(1, text="x" * 16_000)))
            await settled()
            group.create_task(model.complete(request(0, text="x" * 352)))
        return [start - began_s for start in endpoint.starts]

    first, second = run_virtual(main)
    assert first == pytest.approx(0.0601)
    assert second > 0.4


def test_tokens_of_a_call_that_never_started_are_given_back() -> None:
    """One that is cancelled as its turn comes has used nothing."""

    async def main(loop: VirtualLoop) -> float:
        regulator = virtual(loop, 1, tokens_per_minute=605_000)
        await regulator.limits.admit(0, Tokens(100))
        async with asyncio.TaskGroup() as group:
            second = group.create_task(regulator.limits.admit(0, Tokens(4900)))
            await settled()
            regulator.limits.finish()
            second.cancel()
        began_s = loop.time()
        await regulator.limits.admit(0, Tokens(4900))
        return loop.time() - began_s

    assert run_virtual(main) == 0


def test_waiting_costs_nothing() -> None:
    """Ten thousand calls that wait out ten minutes wake the loop a handful of times."""

    async def main(loop: VirtualLoop) -> int:
        regulator = virtual(loop, 10, requests_per_minute=600)
        slower = RateLimited("slower", retry_after_s=600.0)
        await outcome(RegulatedModel(_raising(slower), regulator).complete(request()))
        model = RegulatedModel(Endpoint(), regulator)
        async with asyncio.TaskGroup() as group:
            for _ in range(10_000):
                group.create_task(outcome(model.complete(request())))
            await settled()
            before = loop.iterations
            await asyncio.sleep(599)
            idle = loop.iterations - before
            regulator.limits.close(RunStopped("enough"))
        return idle

    assert run_virtual(main) < 10


async def test_statistics_count_what_happened() -> None:
    """Peak, started and waiting are those of the calls made."""
    regulator = Regulator(fixed(2))
    await call_all(RegulatedModel(Endpoint(), regulator), [request()] * 5)
    seen = regulator.statistics().limits
    assert (seen.in_flight, seen.peak_in_flight, seen.waiting, seen.started) == (0, 2, 0, 5)
    assert regulator.statistics().rate_limited == regulator.statistics().paused_for_s == 0


class _Due:
    """What uvloop returns for a timer that is due at once: it can be cancelled, and cannot say when it is due."""

    def __init__(self, handle: asyncio.TimerHandle) -> None:
        self.cancel = handle.cancel


class _HastyLoop(asyncio.SelectorEventLoop):
    def call_at(self, *arguments: Any, **more: Any) -> Any:  # type: ignore[override]
        return _Due(super().call_at(*arguments, **more))


def test_a_timer_that_is_due_at_once_need_not_say_when() -> None:
    """Calls that wait for tokens start in time, whatever the loop's timers can tell."""

    async def admit_all() -> int:
        limits = Limits(Allowance(64, False, output_tokens_per_minute=60_000))
        async with asyncio.TaskGroup() as group:
            for number in range(12):
                group.create_task(limits.admit(priority=-number, tokens=Tokens(0, 100)))
        return limits.statistics().started

    with asyncio.Runner(loop_factory=_HastyLoop) as runner:
        assert runner.run(admit_all()) == 12
