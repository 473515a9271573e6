"""The report as one HTML page that needs nothing else and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from codeclm.bench.chart import latency_curve, throughput_curve
from codeclm.bench.columns import COLUMNS
from codeclm.bench.statistics import Figures
from codeclm.page.rendering import house_style, render, source_hash

__all__ = ["page"]


def page(report: Mapping[str, Any], levels: Sequence[Figures]) -> str:
    """The page of ``report`` (as in bench.json) with the curves of ``levels``."""
    ordered = sorted(levels, key=lambda level: level.in_flight)
    style = house_style()
    return render(
        "codeclm.bench",
        "report.html.jinja",
        report=report,
        levels=ordered,
        columns=COLUMNS,
        drawings=_drawings(ordered),
        style=style,
        policy=f"default-src 'none'; style-src {source_hash(style)}",
    )


def _drawings(levels: Sequence[Figures]) -> Sequence[tuple[str, str]]:
    if not levels:
        return []
    return [
        (
            "The throughput-latency curve; the points are named by their calls in flight",
            latency_curve(levels),
        ),
        ("Throughput by calls in flight", throughput_curve(levels)),
    ]
