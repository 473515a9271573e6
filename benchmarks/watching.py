"""What it costs to look at a run: each view, with the snapshots that are made for it, as a share of the run's CPU.

A look costs a millisecond or two in a run of minutes: to compare runs with and without would show the noise of the
machine. So a run adds up the CPU time of its main thread that looks take, which no other process disturbs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial

from benchmarks.endpoint import endpoint
from benchmarks.measured import pipeline, sample
from benchmarks.repeats import Sample, interleaved
from benchmarks.result import Result, made, rows_of

__all__ = ["CALLS", "IN_FLIGHT", "watching"]

CALLS, IN_FLIGHT = 50_000, 256
VIEWS = ("none", "plain", "json", "rich")
METRICS = {
    "looking_share": "% of the run's CPU",
    "look_ms": "ms of CPU a look",
    "looks_per_s": "looks/s",
    "cpu_ms": "ms a call",
}
TARGET = 1.0


def watching(
    repeats: int,
    say: Callable[[str], None],
    calls: int = CALLS,
    views: Sequence[str] = VIEWS,
    at_least_every_s: float = 60.0,
) -> Result:
    """The whole pipeline at full speed, from nothing, shown by each view as often as that asks for it."""
    with endpoint() as served:
        runs: dict[str, Callable[[], Sample]] = {
            view: partial(_run, served.base_url, calls, view, at_least_every_s) for view in views
        }
        found = interleaved(runs, repeats, say)
    rows = [row for view in views for row in rows_of(view, {"calls": calls}, found[view], METRICS)]
    aimed = [row.with_target(TARGET) if row.metric == "looking_share" else row for row in rows]
    return made("watching", aimed, {"repeats": repeats, "in_flight": IN_FLIGHT, "latency_ms": 0})


def _run(base_url: str, calls: int, view: str, look_every_s: float) -> Sample:
    found = pipeline(base_url, calls, IN_FLIGHT, view=view, look_every_s=look_every_s)
    return sample(found, METRICS)
