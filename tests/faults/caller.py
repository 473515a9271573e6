"""Many calls through the whole client, in a process of its own, set up like the command, that measures itself."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import sys
import time
from asyncio.subprocess import PIPE
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import linear_regression
from typing import Any

import uvloop

from benchmarks.gauge import Pulse
from codeclm.collector import calm_collector
from codeclm.errors import CodecLMError
from codeclm.llm.chat import ChatModel, ChatRequest, Message
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import AnswerStore
from tests.faults.lean_server import TOGETHER

SAMPLES = 100


def memory_bytes(field: str = "VmRSS") -> int:
    """Resident memory of this process: now, or its peak (``VmHWM``)."""
    status = Path("/proc/self/status").read_text()
    return int(status.partition(f"{field}:")[2].split()[0]) * 1024


def open_files() -> int:
    return len(os.listdir("/proc/self/fd"))


class Caller:
    """Makes ``calls`` calls, ``in_flight`` at a time, ``pace`` more a second; looks at memory and files as it goes."""

    def __init__(self, model: ChatModel, calls: int, in_flight: int, pace: float) -> None:
        self._model, self._calls, self._in_flight, self._pace = model, calls, in_flight, pace
        self._numbers = iter(range(calls))
        self.errors: list[str] = []
        self.memory: list[tuple[int, int]] = []
        self.files = 0

    async def run(self) -> None:
        async with asyncio.TaskGroup() as group:
            for number in range(self._in_flight):
                group.create_task(self._work(self._numbers))
                if number % TOGETHER == TOGETHER - 1:
                    await asyncio.sleep(TOGETHER / self._pace)

    async def _work(self, numbers: Iterator[int]) -> None:
        for number in numbers:
            try:
                await self._model.complete(ChatRequest((Message("user", f"Call {number}"),)))
            except CodecLMError as error:
                self.errors.append(f"{type(error).__name__}: {error}")
            if number % max(1, self._calls // SAMPLES) == 0:
                self.memory.append((number, memory_bytes()))
                self.files = max(self.files, open_files())

    def slope_bytes(self) -> float:
        """Growth of resident memory a call over the second half."""
        late = [point for point in self.memory if point[0] >= self._calls // 2]
        return linear_regression(*zip(*late, strict=True)).slope if len(late) > 2 else 0.0


def cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


async def rounds(
    base_url: str, directory: str, calls: int, in_flight: int, pace: float, warm_up: int
) -> dict[str, Any]:
    """The figures of a round of calls, after one of ``warm_up`` calls: what opens once may stay open."""
    if warm_up:
        await measured(base_url, directory, warm_up, in_flight, pace)
    files, tasks = open_files(), len(asyncio.all_tasks())
    found = await measured(base_url, directory, calls, in_flight, pace)
    patience_s = time.monotonic() + (5 if warm_up else 0)
    while open_files() > files and time.monotonic() < patience_s:  # sockets close a moment later
        await asyncio.sleep(0.01)
    leaked = {"files": open_files() - files, "tasks": len(asyncio.all_tasks()) - tasks}
    return {**found, "leaked": leaked}


async def measured(
    base_url: str, directory: str, calls: int, in_flight: int, pace: float
) -> dict[str, Any]:
    spec = ModelSpec(
        f"openai:m@{base_url}", max_in_flight=in_flight, timeout_s=300, attempts=1, adaptive=False
    )
    async with AnswerStore(Path(directory)) as store, Models(environ={}) as models:
        caller = Caller(models.open(spec, store), calls, in_flight, pace)
        memory, cpu, pulse, began_s = memory_bytes(), cpu_s(), Pulse(), time.monotonic()
        await caller.run()
        lag_s = pulse.stop()["lag_p99_ms"] / 1000
        wall_s, used_s = time.monotonic() - began_s, cpu_s() - cpu
        peak = memory_bytes("VmHWM") - memory
    return {
        "errors": caller.errors[:3],
        "failed": len(caller.errors),
        "memory_kib_a_call": peak / calls / 1024,
        "cpu_ms_a_call": used_s * 1000 / calls,
        "calls_per_s": calls / wall_s,
        "lag_p99_ms": lag_s * 1000,
        "files": caller.files,
        "slope_mb": caller.slope_bytes() * 100_000 / 1e6,
    }


async def make_calls(
    base_url: str,
    directory: Path,
    calls: int,
    in_flight: int,
    *,
    pace: float = 1_000,
    warm_up: int = 0,
    environ: Mapping[str, str] = os.environ,
) -> dict[str, Any]:
    """What a process of its own measured."""
    options = json.dumps([base_url, str(directory), calls, in_flight, pace, warm_up])
    command = [sys.executable, "-m", "tests.faults.caller", options]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=PIPE, env={**os.environ, **environ}
    )
    output, _ = await child.communicate()
    result: dict[str, Any] = json.loads(output)
    return result


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    calm_collector()
    print(json.dumps(uvloop.run(rounds(*json.loads(sys.argv[1])))))
