"""Runs in processes of their own, and their deaths: what tests of kills and interrupts share."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from asyncio.subprocess import DEVNULL, Process
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.accounts import SIM_PRICES
from tests.running import TOPICS, check_books, rows

IN_FLIGHT = 8
METHOD = "total: 200, augment_to: 40"
OPTIONS = ServerOptions(latency_s=0.004, latency_jitter=1, record_calls=True)


def write_inputs(place: Path, base_url: str, *, method: str = METHOD, **model: object) -> list[str]:
    """Seeds, settings, and the command that runs them into ``place / NAME``. ``model``: more of both models."""
    lines = [json.dumps({"instruction": f"{topic}, at length."}) for topic in TOPICS * 2]
    (place / "seeds.jsonl").write_text("\n".join(lines) + "\n")
    spec = {"max_in_flight": IN_FLIGHT, "send_seed": True, **model}
    models = {
        party: {"model": f"openai:sim-{party}@{base_url}", **spec} for party in ("strong", "target")
    }
    prices = json.dumps(SIM_PRICES)
    settings = f"models: {json.dumps(models)}\nmethod: {{{method}}}\nprices: {prices}\n"
    (place / "settings.yaml").write_text(settings)
    command = [sys.executable, "-m", "codeclm", "run", str(place / "seeds.jsonl")]
    return [*command, "--config", str(place / "settings.yaml"), "--progress", "none"]


async def start(command: list[str], output: Path, **how: Any) -> Process:
    """The command, under way."""
    return await asyncio.create_subprocess_exec(
        *command, "-o", str(output), **{"stdout": DEVNULL, **how}
    )


async def run_to_end(command: list[str], output: Path) -> int:
    return await (await start(command, output)).wait()


async def answered(server: SimulatorServer, number: int, child: Process) -> None:
    """Wait until the server has given so many answers, or the child has ended."""
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(child.wait())
        while server.log.answered < number and not ended.done():
            await asyncio.sleep(0.001)
        ended.cancel()


async def run_until_killed(
    command: list[str], output: Path, server: SimulatorServer, at: int
) -> bool:
    """Kill the run when the server has given ``at`` answers; False if it ended before."""
    child = await start(command, output)
    await answered(server, at, child)
    if child.returncode is None:
        child.send_signal(signal.SIGKILL)
    return await child.wait() == -signal.SIGKILL


@dataclass(frozen=True, slots=True)
class Kills:
    """What a run that was killed again and again amounts to, beside the undisturbed one in ``whole``.

    ``paid_again`` counts, for each kill, the answers before it that had to be asked for again.
    """

    whole: Path
    parts: Path
    killed: int
    needed: int
    paid_again: tuple[int, ...]
    exit_code: int

    @property
    def lost(self) -> int:
        """Rows of the undisturbed dataset that the other one has not."""
        return len(self._dataset(self.whole) - self._dataset(self.parts))

    @property
    def doubled(self) -> int:
        """Rows beyond the first of an id, in any file."""
        ids = [
            [row["id"] for row in rows(self.parts / f"{name}.jsonl")]
            for name in ("selected", "discarded", "failed", "dataset")
        ]
        return sum(len(each) - len(set(each)) for each in ids)

    @staticmethod
    def _dataset(directory: Path) -> set[bytes]:
        return set((directory / "dataset.jsonl").read_bytes().splitlines())


async def kill_and_resume(place: Path, kills: int, method: str = METHOD) -> Kills:
    """A run undisturbed, and one killed at random moments and resumed each time, once with a torn line."""
    whole, parts = place / "whole", place / "parts"
    async with SimulatorServer(World(), OPTIONS) as server:
        await run_to_end(write_inputs(place, server.base_url, method=method), whole)
        needed = server.log.answered
    moments = sorted(random.Random(kills).sample(range(1, needed), kills))
    answers = []
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(place, server.base_url, method=method)
        killed = 0
        for moment in moments:
            killed += await run_until_killed(command, parts, server, moment)
            answers.append(server.log.paid.copy())
            if moment == moments[kills // 2]:
                with (parts / "selected.jsonl").open("ab") as file:
                    file.write(b'{"id": "torn')
        code = await run_to_end(command, parts)
        answers.append(server.log.paid.copy())
    check_books(parts)
    return Kills(whole, parts, killed, needed, _wasted(answers), code)


def _wasted(answers: list[Counter[str]]) -> tuple[int, ...]:
    """Answers of each session that a later one had to ask for again; ``answers`` are the counts at the ends."""
    wasted = []
    before: Counter[str] = Counter()
    for after in answers:
        given = after - before
        kept = sum(1 for digest in given if after[digest] == answers[-1][digest])
        wasted.append(given.total() - kept)
        before = after
    return tuple(wasted)
