"""F16: a limit of 256 open files, and a thousand calls in flight asked for."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest

from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.faults.bench import Measure, Scale
from tests.killing import start, write_inputs
from tests.loops import ON_UVLOOP
from tests.running import rows

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

FILES = 256


def few_files() -> None:
    """Neither this process nor any of its children may open more."""
    resource.setrlimit(resource.RLIMIT_NOFILE, (FILES, FILES))


async def test_f16(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """The run says that it lowers its calls in flight, and no item fails for want of files."""
    total = scale(60, 600)
    async with SimulatorServer(World(), ServerOptions(latency_s=0.05)) as server:
        method = f"total: {total}, augment_to: 0"
        command = write_inputs(tmp_path, server.base_url, method=method, max_in_flight=500)
        command[-1] = "plain"
        pipe = asyncio.subprocess.PIPE
        child = await start(command, tmp_path / "run", stdout=pipe, preexec_fn=few_files)
        output, _ = await child.communicate()
        most = server.log.max_in_flight
    told = [line for line in output.decode().splitlines() if line.startswith("warning: ")]
    failed = [
        row for row in rows(tmp_path / "run" / "failed.jsonl") if "Parse" not in row["reason"]
    ]
    says = told[0].removeprefix("warning: ") if told else f"exit code {child.returncode}"
    measure("F16", "at the start", says, "refuses or lowers", met=bool(told))
    measure("F16", "calls in flight at most", most, f"<= {FILES - 200}", met=most <= FILES - 200)
    measure("F16", "item failures", len(failed), "0", met=not failed)
    assert child.returncode in {0, 3}
