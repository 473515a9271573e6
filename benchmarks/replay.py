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
LOOK_EVERY_S = 0.02
RECORDS = 100_000
CALLS_TARGET, RESUME_TARGET_S = 15_000, 2.0
START = "first_outcome_s"
LEAST_RECORDS = 1_000
METRICS = {
    "new": {"calls_per_s": "calls/s", "wall_s": "s", "cpu_s": "s", START: "s"},
    "half-finished": {"wall_s": "s", "cpu_s": "s", START: "s"},
    "finished": {"wall_s": "s", "cpu_s": "s"},
}


def replay(repeats: int, say: Callable[[str], None], sizes: Sequence[int] = SIZES) -> Result:
    """For each size so many calls are made once, and then replayed."""
    rows: list[Row] = []
    with endpoint() as served:
        for size in sizes:
            with tempfile.TemporaryDirectory() as place:
                rows += _replayed(_Kept(Path(place), served, size, say), repeats, say)
    settings: dict[str, Value] = {
        "repeats": repeats,
        "in_flight": IN_FLIGHT,
        "wall_s, cpu_s": "of the whole process, cold start included",
        "calls_per_s": "different calls, 20-80 % of the replay",
        "start": "of a half-finished run until its first new outcome, beyond what a new run takes",
    }
    return made("replay", rows, settings)


class _Kept:
    """A run that is finished, one that is half finished, and the cache that answers for both."""

    def __init__(self, place: Path, served: Served, size: int, say: Callable[[str], None]) -> None:
        self._place, self._served, self.size = place, served, size
        say(f"making {size:,} calls")
        made_now = self._run("finished")
        self.calls = int(made_now["calls"])
        hits = int(self._run("again", counted="cache_hits")["calls"])
        self._share = min(
            1.0, self.calls / hits
        )  # an entry's rubrics are looked up again and again
        self._run("half", counted="cache_hits", stop_at=hits // 2)
        self.records = sum(
            (place / "half" / f"{name}.jsonl").read_bytes().count(b"\n")
            for name in ("selected", "discarded")
        )

    def new(self) -> Sample:
        """A new run that finds all its answers."""
        with self._scratch() as output:
            found = self._run(output.name, counted="cache_hits")
        rate = found["calls_per_s"] * self._share
        return {**_whole(found), "calls_per_s": rate, START: found[START]}

    def half_finished(self) -> Sample:
        """The half-finished run, resumed to its end."""
        with self._scratch() as output:
            shutil.copytree(self._place / "half", output, dirs_exist_ok=True)
            found = self._run(output.name, counted="cache_hits")
        return {**_whole(found), START: found[START]}

    def finished(self) -> Sample:
        """The finished run, run again."""
        return _whole(self._run("finished"))

    def _run(self, output: str, **more: Any) -> dict[str, Any]:
        where = {"output": str(self._place / output), "cache": str(self._place / "cache")}
        looked: dict[str, Any] = {"look_every_s": LOOK_EVERY_S, **where, **more}
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
    if kept.records >= LEAST_RECORDS:
        longer = zip(found["half-finished"], found["new"], strict=True)
        each = [(one[START] - other[START]) * RECORDS / kept.records for one, other in longer]
        more = {**settings, "records": kept.records}
        per = f"s per {RECORDS:,} records"
        rows.append(Row("half-finished", more, "start", per, tuple(each), target=RESUME_TARGET_S))
    return rows
