"""Where the CPU time of a call goes, part by part: a sampler looks at the stacks from another core."""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from benchmarks.attribution import LOOP, PARTS, Attribution, attribute, read_stacks
from benchmarks.endpoint import endpoint
from benchmarks.measured import pipeline_in
from benchmarks.pinned import cores
from benchmarks.result import Result, Row, Value, made

__all__ = ["CALLS", "IN_FLIGHT", "profile"]

CALLS, IN_FLIGHT = 20_000, 256
SAMPLES_A_SECOND = 400
MOST_FUNCTIONS = 25
NO_SAMPLER = "the profile needs py-spy (pip install '.[bench]')"

Shares = Mapping[str, float]


def profile(
    repeats: int,
    say: Callable[[str], None],
    calls: int = CALLS,
    in_flight: int = IN_FLIGHT,
    *,
    replayed: bool = False,
) -> Result:
    """Plain runs tell how much there is, sampled ones how it is spread. ``replayed``: all answers are there already.

    Raises RuntimeError without the sampler.
    """
    sampler = _sampler()
    whole_us: list[float] = []
    spread: list[Attribution] = []
    with endpoint() as served, tempfile.TemporaryDirectory() as place:
        runs = _Runs(Path(place), served.base_url, calls, in_flight, replayed)
        for repeat in range(repeats):
            plain = runs.plain()
            whole_us.append(plain["cpu_ms"] * 1000)
            spread.append(runs.sampled(sampler, plain["main_cpu_ms"] / plain["cpu_ms"]))
            say(f"{repeat + 1}/{repeats}: {whole_us[-1]:.0f} us a call")
    settings: dict[str, Value] = {"calls": calls, "in_flight": in_flight, "latency_ms": 0}
    name = "profile-replay" if replayed else "profile"
    return made(name, _all_rows(spread, whole_us), {"repeats": repeats, **settings})


class _Runs:
    """Runs of one kind, each with a new output; with a new cache too, unless its answers are to be ``replayed``."""

    def __init__(
        self, place: Path, base_url: str, calls: int, in_flight: int, replayed: bool
    ) -> None:
        self._place, self._arguments = place, (base_url, calls, in_flight)
        self._more: dict[str, Any] = {}
        if replayed:
            self._more["cache"] = str(place / "cache")
            self.plain()
            self._more["counted"] = "kept"

    def plain(self, **more: Any) -> dict[str, Any]:
        with tempfile.TemporaryDirectory(dir=self._place) as output:
            asked = {"output": output, **self._more, **more}
            return pipeline_in(self._place, *self._arguments, **asked)

    def sampled(self, sampler: str, main_share: float) -> Attribution:
        stacks = self._place / "stacks"
        under = [sampler, "record", "--rate", str(SAMPLES_A_SECOND), "--format", "raw", "--threads"]
        under += ["--function", "--full-filenames", "--output", str(stacks), "--"]
        self.plain(under=under, core=1, cores=cores(0))
        return attribute(read_stacks(stacks.read_text()), main_share)


def _sampler() -> str:
    found = shutil.which("py-spy") or shutil.which("py-spy", path=Path(sys.executable).parent)
    if found is None:
        raise RuntimeError(NO_SAMPLER)
    return found


def _all_rows(spread: Sequence[Attribution], whole_us: Sequence[float]) -> list[Row]:
    rows = [Row("whole", {}, "cpu_us", "us a call", tuple(whole_us))]
    parts, names = [one.parts for one in spread], [*PARTS, LOOP]
    rows += _rows("part_us", names, parts, whole_us)
    rows += _rows("part_share", names, parts, [100.0] * len(parts), "%")
    for metric in ("own", "with_callees"):
        functions: list[Shares] = [getattr(one, metric) for one in spread]
        rows += _rows(f"{metric}_us", _dearest(functions), functions, whole_us)
    return rows


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
