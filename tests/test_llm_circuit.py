"""The circuit breaker: when it opens, who may try meanwhile, and that it never stays open by mistake."""

from __future__ import annotations

import asyncio
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    CodecLMError,
    ConnectionFailed,
    ContextTooLong,
    EmptyAnswer,
    Filtered,
    KeyRefused,
    MalformedAnswer,
    ModelError,
    ModelLoading,
    OutOfService,
    Overloaded,
    ParameterRefused,
    RateLimited,
    RunStopped,
    ServerError,
    StaleConnection,
    TimedOut,
    ToolCallAnswer,
    TransientError,
    Unreachable,
)
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.circuit import IN_A_ROW, PROBE_EVERY_S, WINDOW, Circuit
from codeclm.llm.events import EndpointBack, EndpointDown
from codeclm.llm.limits import Allowance
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.scripted import ScriptedModel
from tests.virtual_time import VirtualLoop, outcome, run_virtual, settled

ASKED = ChatRequest((Message("user", "Hi"),))
OUTAGES = [
    Overloaded("busy"),
    ServerError("502"),
    ConnectionFailed("reset"),
    Unreachable("refused"),
    TimedOut("late"),
]


def opened(now_s: float = 100.0) -> Circuit:
    circuit = Circuit()
    for _ in range(IN_A_ROW):
        circuit.fail(ServerError("down"), now_s, now_s - 1)
    assert circuit.is_open
    return circuit


@pytest.mark.parametrize("error", OUTAGES, ids=lambda error: type(error).__name__)
def test_it_opens_after_ten_in_a_row(error: TransientError) -> None:
    """Nine are bad luck; an answer in between begins the count anew."""
    circuit = Circuit()
    for _ in range(IN_A_ROW - 1):
        assert not circuit.fail(error, 1.0, 0.0)
    circuit.answer(0.5)
    for _ in range(IN_A_ROW - 1):
        assert not circuit.fail(error, 2.0, 1.0)
    assert circuit.wait_s(2.0) == 0
    assert circuit.fail(error, 3.0, 2.0)
    assert circuit.outages == 1


def test_it_opens_where_most_of_the_latest_calls_fail() -> None:
    """More than half of the last 50, even if some are answered."""
    circuit = Circuit()
    opened_at = None
    for number in range(WINDOW):
        if number % 3 == 0:
            circuit.answer(float(number))
        elif circuit.fail(ServerError("x"), float(number), float(number)):
            opened_at = number
    assert opened_at == WINDOW - 1


def test_it_opens_at_once_while_a_model_is_loading() -> None:
    """There is no use in asking ten times."""
    assert Circuit().fail(ModelLoading("loading"), 1.0, 0.0)


def test_one_call_may_try_every_five_seconds() -> None:
    """The first after 5 s; while it is out nobody else; after its failure the next 5 s after it started."""
    circuit = opened()
    assert circuit.wait_s(100.0) == PROBE_EVERY_S
    assert circuit.wait_s(105.0) == 0
    circuit.start(105.0)
    assert circuit.wait_s(105.0) == circuit.wait_s(999.0) == math.inf
    assert not circuit.fail(ServerError("still"), 107.0, 105.0)
    assert circuit.wait_s(107.0) == 3.0
    circuit.start(110.0)
    assert circuit.answer(110.0)
    assert circuit.wait_s(111.0) == 0
    assert not circuit.is_open


def test_what_started_before_tells_nothing() -> None:
    """Late answers do not close the circuit, and late failures do not end the probe."""
    circuit = opened()
    circuit.start(105.0)
    assert not circuit.answer(99.0)
    circuit.fail(ServerError("late"), 106.0, 99.0)
    circuit.give_up(99.0)
    assert circuit.wait_s(200.0) == math.inf


def test_a_cancelled_probe_makes_room_for_the_next() -> None:
    """A call that was taken back says nothing, and blocks nobody."""
    circuit = opened()
    circuit.start(105.0)
    circuit.give_up(105.0)
    assert circuit.wait_s(106.0) == 4.0


@given(st.lists(st.sampled_from(["answer", "fail", "cancel", "time"]), max_size=200))
def test_never_two_probes_at_once(script: list[str]) -> None:
    """Whatever happens, an open circuit has at most one probe out, and always lets another follow."""
    circuit, now_s = opened(0.0), 0.0
    probes: list[float] = []
    for step in script:
        now_s += 1.0
        if not circuit.is_open:
            circuit = opened(now_s)
            probes.clear()
            now_s += 1.0
        if circuit.wait_s(now_s) <= 0:
            assert not probes
            circuit.start(now_s)
            probes.append(now_s)
        assert (circuit.wait_s(now_s) == math.inf) == bool(probes)
        if probes and step != "time":
            started_s = probes.pop()
            if step == "answer":
                assert circuit.answer(started_s)
            elif step == "fail":
                circuit.fail(ServerError("x"), now_s, started_s)
            else:
                circuit.give_up(started_s)


class Down:
    """An endpoint out of service: all calls fail, until ``ends`` have failed in the way that a test gives."""

    def __init__(self, loop: VirtualLoop, probe: CodecLMError | None) -> None:
        self.loop, self.probe = loop, probe
        self.is_down = False
        self.starts: list[float] = []
        self.events: list[object] = []
        self.regulator = Regulator(
            Allowance(64, adaptive=False), clock=loop.time, on_event=self.events.append
        )
        self.model = RegulatedModel(ScriptedModel(self._answer), self.regulator)

    async def _answer(self, request: ChatRequest) -> str:
        if not self.is_down:
            return "yes"
        self.starts.append(self.loop.time())
        await asyncio.sleep(0.1)
        if len(self.starts) <= IN_A_ROW:
            raise ServerError("down")
        if len(self.starts) == IN_A_ROW + 1 and self.probe is not None:
            raise self.probe
        return "yes"

    async def open(self) -> None:
        await self.model.complete(ASKED)  # so that one refused key is a stray one
        self.is_down = True
        async with asyncio.TaskGroup() as group:
            for _ in range(IN_A_ROW):
                group.create_task(outcome(self.model.complete(ASKED)))
        assert self.regulator.statistics().is_down


PROBES: list[CodecLMError] = [
    *OUTAGES,
    StaleConnection("closed"),
    ModelLoading("loading"),
    RateLimited("slower"),
    KeyRefused("401"),
    ParameterRefused("no", "seed"),
    EmptyAnswer("empty"),
    MalformedAnswer("cut"),
    ToolCallAnswer("tools"),
    ContextTooLong("long"),
    Filtered("filtered"),
    ModelError("odd"),
]


@pytest.mark.parametrize("probe", PROBES, ids=lambda error: type(error).__name__)
def test_no_end_of_a_probe_blocks_the_endpoint(probe: CodecLMError) -> None:
    """However the call that looks whether the endpoint is back ends, another one starts within 5 s."""

    async def main(loop: VirtualLoop) -> None:
        down = Down(loop, probe)
        await down.open()
        await outcome(down.model.complete(ASKED))
        async with asyncio.timeout(6):
            await down.model.complete(ASKED)
        assert not down.regulator.statistics().is_down
        told = [
            type(event) for event in down.events if isinstance(event, EndpointDown | EndpointBack)
        ]
        assert told == [EndpointDown, EndpointBack]

    run_virtual(main)


def test_a_sign_of_life_closes_it() -> None:
    """An answer that is of no use is one of an endpoint that works."""

    async def main(loop: VirtualLoop) -> bool:
        down = Down(loop, EmptyAnswer("nothing"))
        await down.open()
        assert isinstance(await outcome(down.model.complete(ASKED)), EmptyAnswer)
        return down.regulator.statistics().is_down

    assert not run_virtual(main)


def test_a_probe_that_is_cancelled_is_followed_by_another() -> None:
    """Through the whole regulator: nobody waits for ever because one gave up."""

    async def main(loop: VirtualLoop) -> list[float]:
        down = Down(loop, None)
        await down.open()
        opened_s = loop.time()
        async with asyncio.TaskGroup() as group:
            first, second = (group.create_task(down.model.complete(ASKED)) for _ in range(2))
            await asyncio.sleep(5.05)
            first.cancel()
            await second
        return [start - opened_s for start in down.starts[IN_A_ROW:]]

    assert run_virtual(main) == [pytest.approx(5), pytest.approx(10)]


def test_an_outage_without_end_stops_the_run() -> None:
    """After the patience that was given; until then a failed call is nobody's fault."""

    async def main(loop: VirtualLoop) -> tuple[float, list[object]]:
        regulator = Regulator(Allowance(8, adaptive=False), clock=loop.time, patience_s=60)

        def answer(request: ChatRequest) -> str:
            raise Overloaded("busy")

        model = RegulatedModel(ScriptedModel(answer), regulator)
        ends: list[object] = []
        began_s = loop.time()
        while not ends or not isinstance(ends[-1], RunStopped):
            ends.append(await outcome(model.complete(ASKED)))
        return loop.time() - began_s, ends

    took_s, ends = run_virtual(main)
    assert took_s == pytest.approx(65)
    kinds = [type(end) for end in ends]
    assert kinds == [*[Overloaded] * (IN_A_ROW - 1), *[OutOfService] * 13, RunStopped]
    assert "out of service for 65 s now: busy" in str(ends[-1])


def test_waiting_calls_start_when_it_closes() -> None:
    """A hundred calls wait; one tries; its answer lets the others start, sixteen at first."""

    async def main(loop: VirtualLoop) -> list[float]:
        down = Down(loop, None)
        down.regulator = Regulator(Allowance(64), clock=loop.time)
        down.model = RegulatedModel(ScriptedModel(down._answer), down.regulator)
        await down.open()
        opened_s = loop.time()
        async with asyncio.TaskGroup() as group:
            for _ in range(100):
                group.create_task(down.model.complete(ASKED))
            await settled()
            assert len(down.starts) == IN_A_ROW
        return [start - opened_s for start in down.starts[IN_A_ROW:]]

    starts = run_virtual(main)
    assert starts[0] == pytest.approx(5)
    assert starts.count(starts[1]) == 16
    assert len(starts) == 100
