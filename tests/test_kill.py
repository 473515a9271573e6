"""SIGKILL at any moment: nothing lost, nothing doubled, at most the calls in flight paid again."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import pytest

from codeclm.simulator import SimulatorServer, World
from tests.killing import (
    IN_FLIGHT,
    OPTIONS,
    answered,
    kill_and_resume,
    run_to_end,
    start,
    write_inputs,
)
from tests.loops import ON_UVLOOP
from tests.running import check_books, outcome_lines

pytestmark = pytest.mark.anyio


@pytest.mark.timeout(1000)
@pytest.mark.parametrize("kills", [10, pytest.param(100, marks=pytest.mark.soak)])
@ON_UVLOOP
async def test_kills_change_nothing(tmp_path: Path, kills: int) -> None:
    """Killed at random moments and resumed each time, once with a torn line: the dataset is byte for byte that of
    the undisturbed run, and what was paid twice is at most what was in flight at the kills."""
    ended = await kill_and_resume(tmp_path, kills)
    print(f"{ended.killed} kills, {sum(ended.paid_again)} paid twice, {ended.needed} needed")
    assert ended.killed >= 0.9 * kills
    assert ended.exit_code in {0, 3}
    whole, parts = ended.whole, ended.parts
    assert (parts / "dataset.jsonl").read_bytes() == (whole / "dataset.jsonl").read_bytes()
    assert outcome_lines(parts) == outcome_lines(whole)  # with the answers that went into them
    assert sum(ended.paid_again) <= ended.killed * 2 * IN_FLIGHT
    assert check_books(parts)["counts"] == check_books(whole)["counts"]
    assert ended.doubled == 0
    assert b"torn" in (parts / "selected.jsonl.torn").read_bytes()


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])
async def test_an_interrupt_drains_and_says_how_to_go_on(tmp_path: Path) -> None:
    """Ctrl-C: exit code 4, calls under way are kept, and the same command completes the run."""
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(tmp_path, server.base_url)
        child = await start(command, tmp_path / "run", stdout=asyncio.subprocess.PIPE)
        await answered(server, 60, child)
        child.send_signal(signal.SIGINT)
        output, _ = await child.communicate()
        assert child.returncode == 4
        assert b"run the same command to go on" in output
        assert server.log.abandoned == 0
        assert await run_to_end(command, tmp_path / "run") in {0, 3}
        assert server.log.paid_again == 0
    check_books(tmp_path / "run")
