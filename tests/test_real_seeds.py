"""The four real seed sets, to the end."""

from __future__ import annotations

from pathlib import Path

import pytest

from codeclm.seeds import SeedFile
from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, settings_for

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]


async def test_730_seeds_to_2000_instructions(tmp_path: Path, benchmark_seeds: Path) -> None:
    """All four sets over HTTP, 50 ms an answer: counts add up, and every seed and instruction is accounted for."""
    everything = tmp_path / "seeds.jsonl"
    files = sorted(benchmark_seeds.glob("*.jsonl"))
    everything.write_bytes(b"".join(path.read_bytes() for path in files))
    async with SimulatorServer(World(), ServerOptions(latency_s=0.05)) as server:
        settings = settings_for(server.base_url, max_in_flight=128, method={"total": 2000})
        finished = await complete(tmp_path / "run", settings, SeedFile(everything))
    assert finished.exit_code in {0, 3}
    summary = check_books(tmp_path / "run")
    assert summary["counts"]["input"] == 730
    assert summary["wanted"] == 2000
    assert sum(row["calls"] for row in summary["calls"]) == server.log.answered
