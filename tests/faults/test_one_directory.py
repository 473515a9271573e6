"""F19: two runs on one directory at once, and the lock that a killed run leaves behind."""

from __future__ import annotations

import asyncio
import json
import time
from pathlib import Path

import pytest

from tests.faults.bench import Measure, Scale
from tests.faults.world_server import Asked, world_server
from tests.killing import run_to_end, start, write_inputs
from tests.loops import ON_UVLOOP

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

METHOD = "total: 20, augment_to: 0"


class Gate:
    """Lets 30 calls through, then none until it is opened."""

    def __init__(self) -> None:
        self.close()

    def close(self) -> None:
        self.full, self.open = asyncio.Event(), asyncio.Event()
        self._through = 0

    async def __call__(self, asked: Asked) -> None:
        self._through += 1
        if self._through > 30:
            self.full.set()
            await self.open.wait()


async def test_f19(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """The second run leaves at once with a clear line, the first does not notice; a dead one blocks nobody."""
    gate = Gate()
    async with world_server(gate) as server:
        command = write_inputs(tmp_path, server.base_url, method=METHOD)
        first = await start(command, tmp_path / "run")
        await gate.full.wait()
        began_s = time.monotonic()
        second = await start(command, tmp_path / "run", stderr=asyncio.subprocess.PIPE)
        _, said = await second.communicate()
        took_s = time.monotonic() - began_s
        assert first.returncode is None
        gate.open.set()
        assert await first.wait() in {0, 3}
        paid_again = server.paid_again
        gate.close()
        dead = await start(command, tmp_path / "dead")
        await gate.full.wait()
        dead.kill()
        await dead.wait()
        assert (tmp_path / "dead" / "run.lock").read_text().startswith(f"pid {dead.pid} ")
        gate.open.set()
        blocked = await run_to_end(command, tmp_path / "dead") not in {0, 3}
    bar = "2, with one clear line"
    clear = (
        said.decode().count("\n") == 1
        and f"another run is using it (pid {first.pid}" in said.decode()
    )
    code = second.returncode
    measure("F19", "exit code of the second run", code, bar, met=code == 2 and clear)
    measure("F19", "it leaves after (s)", took_s, "<= 1", met=took_s <= 1 or not scale.whole)
    made, undisturbed = (
        (tmp_path / name / "dataset.jsonl").read_bytes() for name in ("run", "dead")
    )
    sessions = json.loads((tmp_path / "run" / "summary.json").read_bytes())["sessions"]
    changed = int(made != undisturbed) + paid_again + sessions - 1
    measure("F19", "changes in the first run's output", changed, "0", met=changed == 0)
    measure("F19", "runs that a stale lock blocks", int(blocked), "0", met=not blocked)
