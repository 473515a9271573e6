"""SIGKILL at any moment: nothing lost, nothing doubled, at most the calls in flight paid again."""

from __future__ import annotations

import asyncio
import json
import random
import signal
import sys
from pathlib import Path

import pytest

from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.running import TOPICS, check_books, rows

pytestmark = pytest.mark.anyio

IN_FLIGHT = 8
OPTIONS = ServerOptions(latency_s=0.004, latency_jitter=1, record_calls=True)


def write_inputs(place: Path, base_url: str) -> list[str]:
    """Seeds, settings, and the command that runs them into ``place / NAME``."""
    lines = [json.dumps({"instruction": f"{topic}, at length."}) for topic in TOPICS * 2]
    (place / "seeds.jsonl").write_text("\n".join(lines) + "\n")
    spec = f"max_in_flight: {IN_FLIGHT}, send_seed: true"
    (place / "settings.yaml").write_text(
        "models:\n"
        f"  strong: {{model: 'openai:sim-strong@{base_url}', {spec}}}\n"
        f"  target: {{model: 'openai:sim-target@{base_url}', {spec}}}\n"
        "method: {total: 200, augment_to: 40}\n"
    )
    command = [sys.executable, "-m", "codeclm", "run", str(place / "seeds.jsonl")]
    return [*command, "--config", str(place / "settings.yaml"), "--progress", "none"]


async def run_to_end(command: list[str], output: Path) -> int:
    child = await asyncio.create_subprocess_exec(*command, "-o", str(output), stdout=-3)
    return await child.wait()


async def run_until_killed(
    command: list[str], output: Path, server: SimulatorServer, at: int
) -> bool:
    """Kill the run when the server has given ``at`` answers; False if it ended before."""
    child = await asyncio.create_subprocess_exec(*command, "-o", str(output), stdout=-3)
    async with asyncio.TaskGroup() as group:
        ended = group.create_task(child.wait())
        while server.log.answered < at and not ended.done():
            await asyncio.sleep(0.001)
        if not ended.done():
            child.send_signal(signal.SIGKILL)
    return ended.result() == -signal.SIGKILL


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("kills", [20, pytest.param(100, marks=pytest.mark.soak)])
@pytest.mark.parametrize("anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"])
async def test_kills_change_nothing(tmp_path: Path, kills: int) -> None:
    """Killed at random moments and resumed each time, once with a torn line: the dataset is byte for byte that of
    the undisturbed run, and what was paid twice is at most what was in flight at the kills."""
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(tmp_path, server.base_url)
        await run_to_end(command, tmp_path / "whole")
        needed = server.log.answered
    moments = sorted(random.Random(kills).sample(range(1, needed), kills))
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(tmp_path, server.base_url)
        killed = 0
        for moment in moments:
            killed += await run_until_killed(command, tmp_path / "parts", server, moment)
            if moment == moments[kills // 2]:
                with (tmp_path / "parts" / "selected.jsonl").open("ab") as file:
                    file.write(b'{"id": "torn')
        code = await run_to_end(command, tmp_path / "parts")
        paid_again = server.log.paid_again
    assert killed >= 0.9 * kills
    assert code in {0, 3}
    summary = check_books(tmp_path / "parts")
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert (parts / "dataset.jsonl").read_bytes() == (whole / "dataset.jsonl").read_bytes()
    print(f"{killed} kills, {paid_again} answers paid twice, {needed} needed")
    assert paid_again <= killed * 2 * IN_FLIGHT
    assert summary["counts"] == check_books(whole)["counts"]
    for name in ("selected", "discarded", "failed"):
        ids = [row["id"] for row in rows(parts / f"{name}.jsonl")]
        assert len(ids) == len(set(ids))
    assert b"torn" in (parts / "selected.jsonl.torn").read_bytes()


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])
async def test_an_interrupt_drains_and_says_how_to_go_on(tmp_path: Path) -> None:
    """Ctrl-C: exit code 4, calls under way are kept, and the same command completes the run."""
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(tmp_path, server.base_url)
        child = await asyncio.create_subprocess_exec(
            *command, "-o", str(tmp_path / "run"), stdout=asyncio.subprocess.PIPE
        )
        while server.log.answered < 60:
            await asyncio.sleep(0.001)
        child.send_signal(signal.SIGINT)
        output, _ = await child.communicate()
        assert child.returncode == 4
        assert b"run the same command to go on" in output
        assert server.log.abandoned == 0
        assert await run_to_end(command, tmp_path / "run") in {0, 3}
        assert server.log.paid_again == 0
    check_books(tmp_path / "run")
