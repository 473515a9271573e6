"""The columns of the table of figures, on the screen and on the page."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from codeclm.bench.statistics import Figures, Latency

__all__ = ["COLUMNS", "Column"]

Read = Callable[[Figures], str]
UNKNOWN = "-"


@dataclass(frozen=True, slots=True)
class Column:
    """``part`` is the half of the table that it belongs to where there is no room for the whole; 0: both."""

    name: str
    part: int
    read: Read


def _number(value: float | None) -> str:
    if value is None:
        return UNKNOWN
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _latency(read: Callable[[Latency], float]) -> Read:
    return lambda level: UNKNOWN if level.latency is None else f"{read(level.latency):.3g}"


def _errors(level: Figures) -> str:
    return "\n".join(f"{count:,} {kind}" for kind, count in level.errors.items()) or "0"


def _percent(value: float | None) -> str:
    return UNKNOWN if value is None else f"{value:.0%}"


COLUMNS = (
    Column("in\nflight", 0, lambda level: f"{level.in_flight:,}"),
    Column("answers", 1, lambda level: f"{level.answers:,}"),
    Column("calls\n/s", 1, lambda level: _number(level.calls_per_s)),
    Column("tokens/s\nin", 1, lambda level: _number(level.input_tokens_per_s)),
    Column("tokens/s\nout", 1, lambda level: _number(level.output_tokens_per_s)),
    Column("p50\ns", 1, _latency(lambda latency: latency.p50_s)),
    Column("p95\ns", 1, _latency(lambda latency: latency.p95_s)),
    Column("p99\ns", 1, _latency(lambda latency: latency.p99_s)),
    Column("429s", 2, lambda level: f"{level.rate_limited:,}"),
    Column("other\nerrors", 2, _errors),
    Column("retried", 2, lambda level: f"{level.retried:,}"),
    Column(
        "reached\nmean/max",
        2,
        lambda level: f"{_number(level.in_flight_mean)}/{level.in_flight_peak:,}",
    ),
    Column("effi-\nciency", 2, lambda level: _percent(level.efficiency)),
    Column("client\nCPU", 2, lambda level: _percent(level.cpu)),
    Column("lag p99\nms", 2, lambda level: _number(level.lag_p99_s * 1000)),
)
