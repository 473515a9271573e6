"""Whether a call costs the same, and memory stays, from the thousandth call to the millionth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from statistics import median
from typing import Any

from benchmarks.endpoint import endpoint
from benchmarks.gauge import Moment, cpu_ms_a_call, least_squares
from benchmarks.measured import pipeline
from benchmarks.repeats import Sample, interleaved
from benchmarks.result import Result, Row, made, rows_of

__all__ = ["CALLS", "WHOLE_CALLS", "sample_of", "scale"]

CALLS, WHOLE_CALLS = 100_000, 1_000_000
IN_FLIGHT = 256
LOOK_EVERY_S, LOOKS = 0.5, 1_000_000  # so that looking costs neither memory nor time
DECADES = (1_000, 10_000, 100_000, 1_000_000)
FIRST = (10_000, 100_000)  # in the first thousands the items go from stage to stage together
LAST = 0.9
SETTLED = 0.5  # memory is what is looked at after this share of the calls
AMONG = 100_000
TARGETS = {"lag_p99_ms": 50.0, "last_to_first": 1.1, "own_slope_mb": 1.0, "peak_mb": 300.0}
UNITS = {
    "lag_p99_ms": "ms",
    "lag_max_ms": "ms",
    "last_to_first": "ratio of CPU a call, last tenth of the calls to the decade from 10,000, by the machine's speed",
    "raw_last_to_first": "the same ratio, whatever the machine's speed was",
    "slope_mb": f"MB per {AMONG:,} calls",
    "own_slope_mb": f"MB without mapped files per {AMONG:,} calls",
    "peak_mb": "MB",
    "calls_per_s": "calls/s",
}


def scale(repeats: int, say: Callable[[str], None], calls: int = CALLS) -> Result:
    """The whole pipeline with so many ``calls``, from nothing, against a fast endpoint."""
    edges = [edge for edge in DECADES if edge < calls] + [calls]
    with endpoint() as served:
        look_s = min(LOOK_EVERY_S, calls / LOOKS)

        def run() -> Sample:
            more = {"look_every_s": look_s, "yardstick": True}
            return sample_of(pipeline(served.base_url, calls, IN_FLIGHT, **more), edges)

        samples = interleaved({"pipeline": run}, repeats, say)["pipeline"]
    settings = {"calls": calls}
    rows = [
        row.with_target(TARGETS[row.metric]) if row.metric in TARGETS else row
        for row in rows_of("pipeline", settings, samples, UNITS)
    ]
    for low, high in pairwise(edges):
        values = tuple(sample[_name(high)] for sample in samples)
        span = {**settings, "from": low, "to": high}
        rows.append(Row("pipeline", span, "cpu_ms", "ms a call", values))
    told = {"repeats": repeats, "in_flight": IN_FLIGHT, "latency_ms": 0, "adaptive": False}
    return made("scale", rows, told)


def sample_of(figures: dict[str, Any], edges: Sequence[int]) -> Sample:
    """What ``figures`` of a run amount to; ``edges`` are those of its decades of calls."""
    moments = [Moment(**one) for one in figures["moments"]]
    costs = [_cost(moments, low, high) for low, high in pairwise(edges)]
    end = moments[-1].calls
    first = FIRST if FIRST[1] < end else (edges[0], edges[1])
    last = (LAST * end, end)
    raw = _cost(moments, *last) / _cost(moments, *first)
    late = [one for one in moments if one.calls >= SETTLED * end]
    slope = least_squares([(one.calls, one.memory_mb) for one in late])
    own = least_squares([(one.calls, one.own_mb) for one in late])
    return {
        **{name: figures[name] for name in ("lag_p99_ms", "lag_max_ms", "calls_per_s")},
        **{_name(high): cost for cost, high in zip(costs, edges[1:], strict=True)},
        "last_to_first": raw * _yard_s(moments, *first) / _yard_s(moments, *last),
        "raw_last_to_first": raw,
        "slope_mb": slope * AMONG,
        "own_slope_mb": own * AMONG,
        "peak_mb": max(one.memory_mb for one in moments),
    }


def _cost(moments: Sequence[Moment], low: float, high: float) -> float:
    """CPU ms a call between two numbers of calls, as near as was looked."""
    one = min(moments, key=lambda moment: abs(moment.calls - low))
    other = min(moments, key=lambda moment: abs(moment.calls - high))
    return cpu_ms_a_call(one, other)


def _yard_s(moments: Sequence[Moment], low: float, high: float) -> float:
    """What the piece of work that is always the same took meanwhile."""
    meanwhile = [one.yard_s for one in moments if low <= one.calls <= high]
    return median(meanwhile or [one.yard_s for one in moments])


def _name(edge: int) -> str:
    return f"to_{edge}"
