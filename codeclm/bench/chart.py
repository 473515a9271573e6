"""The curves of a benchmark."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from codeclm.bench.statistics import Figures, Latency
from codeclm.page.drawing import Point, Series, XYSeries, curve, scatter

__all__ = ["latency_curve", "throughput_curve"]

SIZE = (860, 420)
PERCENTILES: Sequence[tuple[str, Callable[[Latency], float]]] = (
    ("p50", lambda latency: latency.p50_s),
    ("p95", lambda latency: latency.p95_s),
    ("p99", lambda latency: latency.p99_s),
)


def latency_curve(levels: Sequence[Figures]) -> str:
    """Latency over throughput, a point a level, named by its calls in flight."""
    series = [
        XYSeries(
            name,
            [
                Point(
                    level.calls_per_s,
                    read(level.latency),
                    f"{level.in_flight:,}" if name == PERCENTILES[0][0] else "",
                )
                for level in levels
                if level.latency
            ],
        )
        for name, read in PERCENTILES
    ]
    return scatter(series, size=SIZE, x_title="calls a second", y_title="seconds to the answer")


def throughput_curve(levels: Sequence[Figures]) -> str:
    """Throughput over calls in flight, which stand side by side however far they are apart."""
    return curve(
        [f"{level.in_flight:,}" for level in levels],
        [Series("calls a second", [level.calls_per_s for level in levels])],
        size=SIZE,
        x_title="calls in flight",
        y_title="calls a second",
    )
