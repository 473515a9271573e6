"""Starts the measured processes, each with new directories of its own."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.child import Ran, run_child
from benchmarks.pipeline import CALLS_A_SEED, CALLS_UNFILTERED, PER_CALL, Task, write_seeds
from benchmarks.repeats import Sample

__all__ = ["bare", "client", "pipeline", "pipeline_in", "python", "sample"]

TIMEOUT_S = 3_600
MOST_WARM_UP = 2_000


def python(
    module: str, options: Mapping[str, Any], *, under: Sequence[str] = (), core: int = 0
) -> Ran:
    """A module of this folder as a measured process, told ``options``; ``under`` is a command that starts it."""
    command = [*under, sys.executable, "-m", f"benchmarks.{module}", json.dumps(options)]
    return run_child(command, timeout_s=TIMEOUT_S, core=core)


def bare(base_url: str, calls: int, in_flight: int, *, calm: bool = False) -> dict[str, Any]:
    """The bare loop: its figures. With ``calm`` its garbage is collected as seldom as this project's."""
    return python("bare", {**_driven(base_url, calls, in_flight), "calm": calm}).figures()


def client(base_url: str, calls: int, in_flight: int) -> dict[str, Any]:
    """The client with an empty cache: its figures."""
    with tempfile.TemporaryDirectory() as place:
        options = {**_driven(base_url, calls, in_flight), "directory": f"{place}/cache"}
        return python("client", options).figures()


def pipeline(base_url: str, calls: int, in_flight: int, **more: Any) -> dict[str, Any]:
    """The whole pipeline with about so many ``calls``, from nothing: its figures. ``more`` of a Task."""
    with tempfile.TemporaryDirectory() as place:
        return pipeline_in(Path(place), base_url, calls, in_flight, **more)


def pipeline_in(
    place: Path,
    base_url: str,
    calls: int,
    in_flight: int,
    *,
    under: Sequence[str] = (),
    core: int = 0,
    **more: Any,
) -> dict[str, Any]:
    """The same in a directory that stays. Its seeds are made where they are not there."""
    seeds = place / "seeds.jsonl"
    a_seed = CALLS_A_SEED if more.get("filtering", True) else CALLS_UNFILTERED
    number = max(1, calls // a_seed)
    if not seeds.exists():
        write_seeds(seeds, number)
    asked: dict[str, Any] = {"output": str(place / "out"), **more}
    task = Task(
        base_url=base_url,
        seeds=str(seeds),
        total=number * PER_CALL,
        in_flight=in_flight,
        began_s=time.time(),
        **asked,
    )
    ran = python("pipeline_process", asdict(task), under=under, core=core)
    return {**ran.figures(), "process_s": ran.wall_s, "process_cpu_s": ran.cpu_s}


def sample(figures: Mapping[str, Any], metrics: Iterable[str]) -> Sample:
    """Those of ``figures`` that are asked for."""
    return {metric: float(figures[metric]) for metric in metrics}


def _driven(base_url: str, calls: int, in_flight: int) -> dict[str, Any]:
    warm_up = min(2 * in_flight, MOST_WARM_UP, calls)
    return {"base_url": base_url, "calls": calls, "in_flight": in_flight, "warm_up": warm_up}
