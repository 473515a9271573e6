"""Long runs, out of the quick suite: ``make soak``."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from pathlib import Path

import pytest

from codeclm.simulator import SimulatorServer, World
from tests.loops import ON_UVLOOP
from tests.running import check_books

pytestmark = [
    pytest.mark.soak,
    pytest.mark.anyio,
    ON_UVLOOP,
]


async def peak_memory_bytes(place: Path, base_url: str, seeds: int) -> int:
    """Run ``seeds`` seeds to five instructions each in a process of its own; its peak resident memory."""
    lines = (
        json.dumps({"instruction": f"Explain topic {n} with {n * 7} examples."})
        for n in range(seeds)
    )
    (place / f"{seeds}.jsonl").write_text("\n".join(lines) + "\n")
    child = await asyncio.create_subprocess_exec(
        *[sys.executable, "-m", "codeclm", "run", str(place / f"{seeds}.jsonl")],
        *["-o", str(place / f"run-{seeds}"), "--total", str(5 * seeds), "--progress", "none"],
        *["--strong", f"openai:sim-strong@{base_url}", "--target", f"openai:sim-target@{base_url}"],
    )
    peak = 0
    while child.returncode is None:
        try:
            status = Path(f"/proc/{child.pid}/status").read_text()
        except OSError:
            break
        fields = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
        peak = max(peak, int(fields.get("VmHWM", "0 kB").split()[0]) * 1024)
        await asyncio.sleep(0.1)
    assert await child.wait() in {0, 3}
    check_books(place / f"run-{seeds}")
    return peak


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="reads memory from /proc")
async def test_memory_does_not_grow_with_the_seeds(tmp_path: Path) -> None:
    """10,000 seeds and 50,000 instructions need at most 1.3 times the memory of 1,000 seeds."""
    async with SimulatorServer(World()) as server:
        few = await peak_memory_bytes(tmp_path, server.base_url, 1_000)
        many = await peak_memory_bytes(tmp_path, server.base_url, 10_000)
    print(f"peak resident memory: {few >> 20} MB for 1,000 seeds, {many >> 20} MB for 10,000")
    assert many <= 1.3 * few
