"""What a run costs whose answers are all kept: begun anew, resumed half-finished, and run again when it is finished."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from benchmarks.endpoint import Served, endpoint
from benchmarks.measured import pipeline_in
from benchmarks.repeats import Sample, interleaved
from benchmarks.result import Result, Row, Value, made, rows_of

__all__ = ["SIZES", "WHOLE_SIZES", "replay"]

SIZES, WHOLE_SIZES = (10_000, 100_000), (10_000, 100_000, 1_000_000)
IN_FLIGHT = 256
LOOK_S_A_CALL, MOST_SELDOM_S, FOR_A_START_S = 2e-6, 0.1, 0.02
RECORDS = 100_000
CALLS_TARGET, RESUME_TARGET_S = 15_000, 2.0
START = "first_outcome_s"
METRICS = {
    "new": {"calls_per_s": "calls/s", "wall_s": "s", "cpu_s": "s", START: "s"},
    "half-finished": {"wall_s": "s", "cpu_s": "s", START: "s"},
    "finished": {"wall_s": "s", "cpu_s": "s"},
}


def replay(
    repeats: int,
    say: Callable[[str], None],
    sizes: Sequence[int] = SIZES,
    *,
    starts: bool = True,
) -> Result:
    """For each size so many calls are made once, and then replayed; ``starts``: what a resumed run takes to start."""
    rows: list[Row] = []
    with endpoint() as served:
        for size in sizes:
            with tempfile.TemporaryDirectory() as place:
                rows += _replayed(_Kept(Path(place), served, size, say), repeats, say)
        if starts:
            with tempfile.TemporaryDirectory() as place:
                size = min(max(sizes), RECORDS)
                kept = _Kept(Path(place), served, size, say, filtering=False)
                rows += _start_rows(kept, repeats, say)
    settings: dict[str, Value] = {
        "repeats": repeats,
        "in_flight": IN_FLIGHT,
        "wall_s, cpu_s": "of the whole process, cold start included",
        "calls_per_s": "different calls, 20-80 % of the replay",
        "start": "until the first new outcome, beyond what a new run takes; without filtering",
    }
    return made("replay", rows, settings)


class _Kept:
    """A run that is finished, one that is half finished, and the cache that answers for both."""

    def __init__(
        self,
        place: Path,
        served: Served,
        size: int,
        say: Callable[[str], None],
        *,
        filtering: bool = True,
    ) -> None:
        self._place, self._served, self.size = place, served, size
        self._filtering = filtering
        self._look_s = min(MOST_SELDOM_S, size * LOOK_S_A_CALL)
        say(f"making {size:,} calls")
        first = self._run("finished")
        asked = first["made"] + first["kept"]  # an entry's rubrics are looked up again and again
        self._share = first["made"] / asked
        self._run("half", counted="kept", stop_at=asked // 2)
        self.records = sum(
            (place / "half" / f"{name}.jsonl").read_bytes().count(b"\n")
            for name in ("selected", "discarded")
        )

    def new(self) -> Sample:
        """A new run that finds all its answers."""
        with self._scratch() as output:
            found = self._run(output.name, counted="kept")
        rate = found["calls_per_s"] * self._share
        return {**_whole(found), "calls_per_s": rate, START: found[START]}

    def half_finished(self) -> Sample:
        """The half-finished run, resumed to its end."""
        with self._scratch() as output:
            shutil.copytree(self._place / "half", output, dirs_exist_ok=True)
            found = self._run(output.name, counted="kept")
        return {**_whole(found), START: found[START]}

    def new_start(self) -> Sample:
        """A new run up to its first outcome."""
        with self._scratch() as output:
            return self._start(output)

    def resumed_start(self) -> Sample:
        """The half-finished run, resumed up to its first new outcome."""
        with self._scratch() as output:
            shutil.copytree(self._place / "half", output, dirs_exist_ok=True)
            return self._start(output)

    def _start(self, output: Path) -> Sample:
        looked = {"look_every_s": FOR_A_START_S, "stop_at_outcome": True}
        found = self._run(output.name, counted="kept", **looked)
        return {"wall_s": found[START], "cpu_s": found["first_outcome_cpu_s"]}

    def finished(self) -> Sample:
        """The finished run, run again."""
        return _whole(self._run("finished"))

    def _run(self, output: str, **more: Any) -> dict[str, Any]:
        where = {"output": str(self._place / output), "cache": str(self._place / "cache")}
        looked: dict[str, Any] = {"look_every_s": self._look_s, **where, **more}
        looked["filtering"] = self._filtering
        url = self._served.base_url
        return pipeline_in(self._place, url, self.size, IN_FLIGHT, **looked)

    def _scratch(self) -> _Scratch:
        return _Scratch(dir=self._place)


class _Scratch(tempfile.TemporaryDirectory[str]):
    """A directory that goes again, as a path."""

    def __enter__(self) -> Path:  # type: ignore[override]
        return Path(super().__enter__())


def _whole(found: dict[str, Any]) -> dict[str, float]:
    return {"wall_s": found["process_s"], "cpu_s": found["process_cpu_s"]}


def _replayed(kept: _Kept, repeats: int, say: Callable[[str], None]) -> list[Row]:
    runs: dict[str, Callable[[], Sample]] = {
        "new": kept.new,
        "half-finished": kept.half_finished,
        "finished": kept.finished,
    }
    found = interleaved(runs, repeats, say)
    settings = {"calls": kept.size}
    rows: list[Row] = []
    for name, samples in found.items():
        for row in rows_of(name, settings, samples, METRICS[name]):
            is_rate = row.metric == "calls_per_s"
            rows.append(row.with_target(CALLS_TARGET) if is_rate else row)
    return rows


def _start_rows(kept: _Kept, repeats: int, say: Callable[[str], None]) -> list[Row]:
    """What a resumed run takes to its first new outcome beyond what a new one does, for each record on file."""
    runs = {"resumed": kept.resumed_start, "new": kept.new_start}
    found = interleaved(runs, repeats, say)
    settings = {"records": kept.records}
    rows: list[Row] = []
    for metric, name in (("wall_s", "start"), ("cpu_s", "start_cpu")):
        pairs = zip(found["resumed"], found["new"], strict=True)
        each = [(one[metric] - other[metric]) * RECORDS / kept.records for one, other in pairs]
        unit = f"s per {RECORDS:,} records"
        rows.append(Row("resumed", settings, name, unit, tuple(each), target=RESUME_TARGET_S))
    return rows
