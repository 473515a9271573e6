"""F7 to F10 and the last of F25: resets, no money, refused keys, outages, requests that are all refused."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from codeclm.errors import (
    CodecLMError,
    ModelLoading,
    Overloaded,
    ServerError,
    StaleConnection,
    Unreachable,
)
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.llm.limits import Allowance
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.run import Finished
from codeclm.simulator import Faults, ServerOptions, SimulatorServer, World
from tests.faults.bench import Measure, Scale
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, rows, seeds, settings_for
from tests.virtual_time import VirtualLoop, run_virtual

pytestmark = [pytest.mark.anyio, pytest.mark.timeout(300)]

IN_FLIGHT = 16
ASKED = ChatRequest((Message("user", "x"),), stage="respond")


@asynccontextmanager
async def simulator(faults: str, **options: Any) -> AsyncIterator[SimulatorServer]:
    """A server with these faults, near enough to answer in 5 ms."""
    given = ServerOptions(faults=Faults.parse(faults), **{"latency_s": 0.005, **options})
    async with SimulatorServer(World(), given) as server:
        yield server


async def made(
    directory: Path, server: SimulatorServer, total: int, number: int = 8, **spec: Any
) -> Finished:
    """A run of so many instructions; both models are behind one server, with 16 calls in flight each."""
    method = {"total": total, "augment_to": 0}
    settings = settings_for(server.base_url, max_in_flight=IN_FLIGHT, method=method, **spec)
    return await complete(directory, settings, seeds(number))


def unanswered(directory: Path) -> int:
    """Items that failed because a call did: what the world's own answers do not explain."""
    failed = rows(directory / "failed.jsonl")
    return sum(not row["reason"].startswith("ParseError") for row in failed)


@ON_UVLOOP
async def test_f7(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Resets of new connections cost an attempt, races with a closing kept one cost none."""
    async with simulator("reset=0.025,reset-reused=0.025") as server:
        await made(tmp_path, server, scale(60, 2_000), attempts=5)
        log = server.log
        summary = check_books(tmp_path)
    failures = unanswered(tmp_path)
    measure("F7", "item failures", failures, "0", met=failures == 0)
    extra = log.requests / log.answered - 1
    measure("F7", "extra calls", f"{extra:.1%}", "<= 6 %", met=extra <= scale(0.1, 0.06))
    assert log.by_fault["reset-reused"]
    assert sum(sum(kinds.values()) for kinds in summary["failed_attempts"].values()) >= 1


def test_f7_races(measure: Measure) -> None:
    """With one attempt only, calls that meet a closing connection are answered all the same."""

    async def main(loop: VirtualLoop) -> int:
        numbers = iter(range(10_000))

        class Racing:
            async def complete(self, request: ChatRequest) -> Completion:
                await asyncio.sleep(0.01)
                if next(numbers) % 20 == 0:
                    raise StaleConnection("closed")
                return Completion("yes")

        model = client(Racing(), loop, attempts=1)
        failed = 0
        for _ in range(1_000):
            try:
                await model.complete(ASKED)
            except CodecLMError:
                failed += 1
        return failed

    failed = run_virtual(main)
    figure = "attempts consumed by keep-alive races"
    measure("F7", figure, failed, "0", met=failed == 0)


def client(inner: ChatModel, loop: VirtualLoop, **policy: Any) -> ChatModel:
    regulator = Regulator(Allowance(64), clock=loop.time, patience_s=3_600)
    return RetryingModel(
        RegulatedModel(inner, regulator),
        RetryPolicy(**policy),
        model="m",
        on_event=lambda event: None,
        clock=loop.time,
    )


@pytest.mark.parametrize("shape", ["openai", "anthropic", "gemini", "openrouter"])
@ON_UVLOOP
async def test_f8(tmp_path: Path, shape: str, scale: Scale, measure: Measure) -> None:
    """No money left: nothing more is started, the exit code says so, and a later run completes."""
    at = scale(100, 1_000)
    async with simulator(f"quota:{shape}@{at}") as server:
        stopped = await made(tmp_path, server, scale(60, 400))
        after = server.log.by_fault[f"quota:{shape}"]
    bar = f"<= {2 * IN_FLIGHT} in flight"
    figure = f"{shape}: calls after the first that says there is no money"
    measure("F8", figure, after - 1, bar, met=after - 1 <= 2 * IN_FLIGHT)
    measure("F8", f"{shape}: exit code", stopped.exit_code, "5", met=stopped.exit_code == 5)
    async with simulator("") as server:
        ended = await resumed(tmp_path, server, scale(60, 400))
    measure("F8", f"{shape}: resume", ended, "completes", met=ended == "completes")


async def resumed(directory: Path, server: SimulatorServer, total: int) -> str:
    """How the run ends in a directory that was copied to where the server now is."""
    port = server.base_url
    stored = (directory / "settings.json").read_text()
    before = stored.split("@http://")[1].split("/v1")[0]
    now = port.removeprefix("http://").removesuffix("/v1")
    (directory / "settings.json").write_text(stored.replace(before, now))
    finished = await made(directory, server, total)
    return "completes" if finished.exit_code in {0, 3} else finished.reason


@ON_UVLOOP
async def test_f9(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """A key refused at the start, half-way, and once by mistake."""
    total = scale(60, 1_000)
    async with simulator("401@1") as server:
        refused = await asyncio.gather(made(tmp_path / "a", server, total), return_exceptions=True)
        wasted = server.log.requests - 1
    met = wasted <= 1 and isinstance(refused[0], CodecLMError) and refused[0].exit_code == 2
    measure("F9", "401 at the start: calls wasted", wasted, "<= 1", met=met)
    half = scale(150, 4_000)
    async with simulator(f"401@{half}") as server:
        ended = await made(tmp_path / "b", server, total)
        wasted = server.log.by_fault["401"]
    bar, most = f"<= {2 * IN_FLIGHT} in flight + 3", 2 * IN_FLIGHT + 3
    met = wasted <= most and ended.exit_code == 2
    measure("F9", "401 at 50 %: calls wasted", wasted, bar, met=met)
    async with simulator(f"401@{half}+1") as server:
        ended = await made(tmp_path / "c", server, total)
        assert server.log.by_fault["401"] == 1
    stops = int(ended.exit_code not in {0, 3})
    measure("F9", "one stray 401: runs stopped", stops, "0", met=not stops)


OUTAGES: dict[str, CodecLMError] = {
    "503": Overloaded("503"),
    "529": Overloaded("529"),
    "HTML 502": ServerError("502"),
    "nobody listening": Unreachable("refused"),
    "model loading": ModelLoading("loading"),
}


@pytest.mark.parametrize("name", OUTAGES)
def test_f10_virtual(name: str, measure: Measure) -> None:
    """Ten minutes of it: one call every 5 s tries, and afterwards all is as before at once."""
    began_s, ends_s, lasts_s = 60.0, 660.0, 760.0

    async def main(loop: VirtualLoop) -> tuple[list[float], list[float], int]:
        start_s = loop.time()
        starts: list[float] = []
        answers: list[float] = []
        failed = 0

        class Server:
            async def complete(self, request: ChatRequest) -> Completion:
                second = loop.time() - start_s
                starts.append(second)
                await asyncio.sleep(0.5)
                if began_s <= second < ends_s:
                    raise OUTAGES[name]
                answers.append(second)
                return Completion("yes")

        model = client(Server(), loop)

        async def call_on() -> None:
            nonlocal failed
            while loop.time() < start_s + lasts_s:
                try:
                    await model.complete(ASKED)
                except CodecLMError:
                    failed += 1

        async with asyncio.TaskGroup() as group:
            for _ in range(64):
                group.create_task(call_on())
        return starts, answers, failed

    starts, answers, failed = run_virtual(main)
    measure("F10", f"{name}: item failures", failed, "0", met=failed == 0)
    probes = sum(began_s + 10 <= second < ends_s for second in starts) / (
        (ends_s - began_s - 10) / 5
    )
    measure("F10", f"{name}: calls every 5 s of it", probes, "<= 2", met=probes <= 2)
    before = sum(40 <= second < 60 for second in answers) / 20
    back = [
        s
        for s in range(100)
        if sum(ends_s + s <= at < ends_s + s + 5 for at in answers) / 5 >= 0.9 * before
    ]
    recovery_s = back[0] if back else 1_000
    measure("F10", f"{name}: recovery", f"{recovery_s} s", "<= 30 s", met=recovery_s <= 30)


@pytest.mark.parametrize("kind", ["503", "529", "html502", "refuse", "loading"])
@ON_UVLOOP
async def test_f10_run(tmp_path: Path, kind: str, scale: Scale, measure: Measure) -> None:
    """A whole run over HTTP that goes through an outage fails nothing for it."""
    if kind not in {"refuse", "html502"} and not scale.whole:
        pytest.skip("at the whole scale only")
    lasts_s = scale(1.0, 30.0)
    fault = "loading" if kind == "loading" else f"outage:{kind}"
    async with simulator(f"{fault}@0.3s-{0.3 + lasts_s}s") as server:
        finished = await made(tmp_path, server, scale(40, 400))
    failures = unanswered(tmp_path)
    met = failures == 0 and finished.exit_code in {0, 3}
    measure("F10", f"{kind} of {lasts_s:g} s over HTTP: item failures", failures, "0", met=met)


@ON_UVLOOP
async def test_f25_all_refused(tmp_path: Path, measure: Measure) -> None:
    """Twenty equal 400s before any answer stop the run, which can go on when that is mended."""
    async with simulator("400@3") as server:  # the preflight of both models is answered
        ended = await asyncio.gather(made(tmp_path, server, 40, number=40), return_exceptions=True)
        asked = server.log.requests
    code = getattr(ended[0], "exit_code", None)
    figure = "20 equal 400s at the start: exit code"
    measure("F25", figure, str(code), "2", met=code == 2)
    assert asked > 20
    measure(
        "F25",
        "20 equal 400s at the start: calls",
        asked,
        "<= 22 + in flight",
        met=asked <= 22 + IN_FLIGHT,
    )
