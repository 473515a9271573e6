"""F24: Ctrl-C once, twice, SIGTERM while a run drains, and Ctrl-C while the command still loads."""

from __future__ import annotations

import asyncio
import random
import signal
import sys
import time
from asyncio.subprocess import PIPE, Process
from pathlib import Path

import pytest
from aiohttp import web

from codeclm.llm.preflight import PROMPT
from codeclm.simulator import ServerOptions
from tests.faults.bench import Measure, Scale
from tests.faults.world_server import Asked, WorldServer, never, world_server
from tests.killing import run_to_end, start, write_inputs
from tests.loops import ON_UVLOOP
from tests.running import check_books, rows

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    ON_UVLOOP,
]

METHOD = "total: 40, augment_to: 0"


class Hanging:
    """While ``on``, each tenth call is never answered, those of the preflight apart: a session begins after them."""

    def __init__(self) -> None:
        self.on = False
        self._number = 0

    async def __call__(self, asked: Asked) -> web.StreamResponse | None:
        self._number += asked.text != PROMPT
        if self.on and asked.text != PROMPT and self._number % 10 == 0:
            await never(asked)
        return None


class Stops:
    """One run, stopped in several ways and resumed."""

    def __init__(self, place: Path, server: WorldServer) -> None:
        command = write_inputs(place, server.base_url, method=METHOD)
        self.command = [*command[:-1], "plain"]
        self.output, self._server = place / "run", server
        self.lost = 0

    async def stop(self, *signals: signal.Signals) -> tuple[float, int]:
        """Run for 25 calls, send ``signals``; seconds from the last one to the exit, and the exit code."""
        child = await start(self.command, self.output, stdout=PIPE)
        begun = len(self._server.asked)
        async with asyncio.timeout(60):
            while len(self._server.asked) < begun + 25:
                await asyncio.sleep(0.001)
        before = self._finished()
        for number in signals[:-1]:
            child.send_signal(number)
            await _says_that_it_stops(child)
        sent_s = time.monotonic()
        child.send_signal(signals[-1])
        code = await child.wait()
        took_s = time.monotonic() - sent_s
        self.lost += len(before - self._finished())
        return took_s, code

    def _finished(self) -> set[str]:
        files = [self.output / f"{name}.jsonl" for name in ("selected", "discarded", "failed")]
        return {row["id"] for file in files if file.exists() for row in rows(file)}


async def _says_that_it_stops(child: Process) -> None:
    assert child.stdout is not None
    while line := await child.stdout.readline():
        if line.startswith(b"stopping"):
            return


async def test_f24_signals(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """What is finished stays, what is under way is kept, and a run leaves when it is told to twice."""
    hanging = Hanging()
    async with world_server(hanging, ServerOptions(latency_s=0.02)) as server:
        stops = Stops(tmp_path, server)
        once_s, code = await stops.stop(signal.SIGINT)
        codes, repeated = [code], server.paid_again
        hanging.on = True
        twice_s, code = await stops.stop(signal.SIGINT, signal.SIGINT)
        codes.append(code)
        term_s, code = await stops.stop(signal.SIGINT, signal.SIGTERM)
        codes.append(code)
        if scale.whole:
            hung_s, code = await stops.stop(signal.SIGINT)
            codes.append(code)
            measure("F24", "Ctrl-C once, calls hang: exit (s)", hung_s, "<= 30", met=hung_s <= 30)
        hanging.on = False
        assert await run_to_end(stops.command, stops.output) in {0, 3}
    check_books(stops.output)
    noisy = 10 * (not scale.whole)
    measure("F24", "finished samples lost", stops.lost, "0", met=stops.lost == 0)
    measure("F24", "Ctrl-C once: exit (s)", once_s, "<= 30", met=once_s <= 30)
    measure("F24", "Ctrl-C once: calls repeated", repeated, "0", met=repeated == 0)
    measure("F24", "Ctrl-C twice: exit (s)", twice_s, "<= 2", met=twice_s <= 2 + noisy)
    measure("F24", "SIGTERM while draining: exit (s)", term_s, "<= 2", met=term_s <= 2 + noisy)
    measure("F24", "exit codes", codes, "all 4", met=set(codes) == {4})


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="reads signal masks from /proc")
async def test_f24_early(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """From the moment our own code is reached, Ctrl-C shows no traceback, whatever is being imported."""
    draw = random.Random(24)
    (tmp_path / "seeds.jsonl").write_text('{"instruction": "Sing"}\n')
    model = "openai:m@http://127.0.0.1:9/v1"
    tries = scale(3, 20)
    told, codes = [], set()
    for _ in range(tries):
        child = await asyncio.create_subprocess_exec(
            *[sys.executable, "-m", "codeclm", "run", str(tmp_path / "seeds.jsonl")],
            *["-o", str(tmp_path / "run"), "--strong", model, "--target", model],
            stdout=PIPE,
            stderr=PIPE,
        )
        await _guarded(child)
        await asyncio.sleep(draw.uniform(0, 0.7))
        if child.returncode is None:
            child.send_signal(signal.SIGINT)
        _, errors = await child.communicate()
        codes.add(child.returncode)
        told += [errors] if b"Traceback" in errors or b"Interrupt" in errors else []
    measure("F24", "Ctrl-C during the imports: tracebacks", len(told), "0", met=not told)
    assert codes <= {-signal.SIGINT, 130, 2}, codes
    assert not (tmp_path / "run").exists()


async def _guarded(child: Process) -> None:
    """Wait for the interpreter to catch SIGINT, and for our code to give it its default action back."""
    caught = False
    while child.returncode is None:
        status = Path(f"/proc/{child.pid}/status").read_text()
        mask = int(status.partition("SigCgt:")[2].split()[0], 16)
        now = bool(mask >> (signal.SIGINT - 1) & 1)
        if caught and not now:
            return
        caught = now
        await asyncio.sleep(0.0005)
