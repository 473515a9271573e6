"""Where the CPU time of a call goes, part by part: a sampler looks at the stacks from another core."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from benchmarks.attribution import LOOP, PARTS, Attribution, attribute, read_stacks
from benchmarks.endpoint import endpoint
from benchmarks.measured import pipeline, pipeline_in
from benchmarks.pinned import cores
from benchmarks.result import Result, Row, Value, made

__all__ = ["CALLS", "IN_FLIGHT", "profile"]

CALLS, IN_FLIGHT = 20_000, 256
SAMPLES_A_SECOND = 400
MOST_FUNCTIONS = 25
NO_SAMPLER = "the profile needs py-spy (pip install '.[bench]')"

Shares = Mapping[str, float]


def profile(
    repeats: int, say: Callable[[str], None], calls: int = CALLS, in_flight: int = IN_FLIGHT
) -> Result:
    """Plain runs tell how much there is, sampled ones how it is spread. Raises RuntimeError without the sampler."""
    whole_us: list[float] = []
    spread: list[Attribution] = []
    with endpoint() as served:
        for repeat in range(repeats):
            plain = pipeline(served.base_url, calls, in_flight)
            whole_us.append(plain["cpu_ms"] * 1000)
            main_share = plain["main_cpu_ms"] / plain["cpu_ms"]
            spread.append(_sampled(served.base_url, calls, in_flight, main_share))
            say(f"{repeat + 1}/{repeats}: {whole_us[-1]:.0f} us a call")
    rows = [Row("whole", {}, "cpu_us", "us a call", tuple(whole_us))]
    parts = [one.parts for one in spread]
    rows += _rows("part_us", [*PARTS, LOOP], parts, whole_us)
    rows += _rows("part_share", [*PARTS, LOOP], parts, [100.0] * repeats, "%")
    for metric in ("own", "with_callees"):
        functions: list[Shares] = [getattr(one, metric) for one in spread]
        rows += _rows(f"{metric}_us", _dearest(functions), functions, whole_us)
    settings: dict[str, Value] = {"calls": calls, "in_flight": in_flight, "latency_ms": 0}
    return made("profile", rows, {"repeats": repeats, **settings})


def _sampled(base_url: str, calls: int, in_flight: int, main_share: float) -> Attribution:
    sampler = shutil.which("py-spy") or shutil.which("py-spy", path=Path(sys.executable).parent)
    if sampler is None:
        raise RuntimeError(NO_SAMPLER)
    with tempfile.TemporaryDirectory() as place:
        stacks = Path(place, "stacks")
        under = [sampler, "record", "--rate", str(SAMPLES_A_SECOND), "--format", "raw", "--threads"]
        under += ["--function", "--full-filenames", "--output", str(stacks), "--"]
        pipeline_in(Path(place), base_url, calls, in_flight, under=under, core=1, cores=cores(0))
        return attribute(read_stacks(stacks.read_text()), main_share)


def _rows(
    metric: str,
    names: Sequence[str],
    shares: Sequence[Shares],
    whole: Sequence[float],
    unit: str = "us a call",
) -> list[Row]:
    rows = [
        Row(
            name,
            {},
            metric,
            unit,
            tuple(one.get(name, 0.0) * all_ for one, all_ in zip(shares, whole, strict=True)),
        )
        for name in names
    ]
    return sorted(rows, key=lambda row: row.spread.median, reverse=True)


def _dearest(functions: Sequence[Shares]) -> list[str]:
    names = {name for one in functions for name in one}
    means = {name: sum(one.get(name, 0.0) for one in functions) for name in names}
    return sorted(means, key=means.__getitem__, reverse=True)[:MOST_FUNCTIONS]
