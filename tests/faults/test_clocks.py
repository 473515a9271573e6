"""F21: a wall clock that jumps, and a process that is suspended in the middle of its calls."""

from __future__ import annotations

import ast
import asyncio
import signal
import sys
from pathlib import Path
from typing import Any

import pytest

import codeclm.public
from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.faults.bench import Measure, Scale
from tests.killing import answered, start, write_inputs
from tests.loops import ON_UVLOOP
from tests.running import check_books

pytestmark = [
    pytest.mark.anyio,
    pytest.mark.timeout(300),
    ON_UVLOOP,
]

LABELS = {
    "bench/command.py",
    "cache_cli.py",
    "live.py",
    "llm/hint.py",
    "llm/shelf.py",
    "llm/transfer.py",
    "progress/json_lines.py",
    "simulator/server.py",
    "status.py",
}
"""Where the wall clock is only written down, or compared with a date of the server's or a file's."""


def per_minute(scale: Scale) -> int:
    """What each model allows."""
    return scale(3_000, 1_200)


class Limited:
    """A server that counts what comes too fast: 2 % over the limit of each model are for the way there."""

    def __init__(self, scale: Scale) -> None:
        window_s = scale(3.0, 60.0)
        limit = int(2 * per_minute(scale) * 1.02) + scale(
            120, 0
        )  # a short window has more noise in it
        options = ServerOptions(
            latency_s=0.1, requests_per_minute=limit, rate_window_s=window_s, record_calls=True
        )
        self.server = SimulatorServer(World(), options)

    def measure(self, measure: Measure, kind: str, codes: set[int]) -> None:
        log = self.server.log
        violations, early = log.by_status[429], log.abandoned + log.paid_again
        measure("F21", f"{kind}: rate violations", violations, "0", met=violations == 0)
        measure("F21", f"{kind}: early expiries", early, "0", met=early == 0)
        stuck = sum(code not in {0, 3} for code in codes)
        measure("F21", f"{kind}: stuck waits", stuck, "0", met=stuck == 0)


def inputs(place: Path, server: SimulatorServer, scale: Scale) -> list[str]:
    model: dict[str, Any] = {"requests_per_minute": per_minute(scale), "timeout_s": 60}
    method = f"total: {scale(8, 160)}, augment_to: 0"
    return write_inputs(place, server.base_url, method=method, **model)


async def test_f21_jumps(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """An hour ahead and back at every look: no limit is broken, nothing in the cache expires, nobody waits for ever."""
    limited = Limited(scale)
    async with limited.server as server:
        command = inputs(tmp_path, server, scale)
        assert command[1:3] == ["-m", "codeclm"]
        jumping = [sys.executable, "-m", "tests.faults.jumping_clock", *command[3:]]
        codes = set()
        for draws in ("", "--retry-failed"):  # the second time from the cache
            child = await start([*jumping, *filter(None, [draws])], tmp_path / "run")
            codes.add(await child.wait())
    check_books(tmp_path / "run")
    limited.measure(measure, "clock jumps +-1 h", codes)


async def test_f21_suspended(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Stopped with calls under way and others waiting for the limit: all goes on as if time had not passed."""
    limited = Limited(scale)
    async with limited.server as server:
        child = await start(inputs(tmp_path, server, scale), tmp_path / "run")
        for calls in scale((20,), (20, 500, 1_500)):
            await answered(server, calls, child)
            child.send_signal(signal.SIGSTOP)
            await asyncio.sleep(scale(1, 10))
            child.send_signal(signal.SIGCONT)
        code = await child.wait()
    check_books(tmp_path / "run")
    limited.measure(measure, f"suspended for {scale(1, 10)} s", {code})


def wall_clock_uses(path: Path) -> list[str]:
    """Places in a module that look at the wall clock."""
    tree = ast.parse(path.read_text("utf-8"))
    names = {("time", "time"), ("time", "time_ns"), ("datetime", "now"), ("datetime", "utcnow")}
    return [
        f"{path.name}:{node.lineno}"
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and (node.value.id, node.attr) in names
    ]


async def test_f21_wall_clock(measure: Measure) -> None:
    """Nothing waits by the wall clock: it is used for labels only."""
    package = Path(codeclm.public.__file__).parent
    used = {str(path.relative_to(package)): wall_clock_uses(path) for path in package.rglob("*.py")}
    others = sum(len(places) for name, places in used.items() if name not in LABELS)
    measure("F21", "waits by the wall clock in the code", others, "0", met=others == 0)
