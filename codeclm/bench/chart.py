"""Curves as SVG that stands in a page by itself: no script, nothing from elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import pygal
from pygal.style import Style

from codeclm.bench.statistics import Figures, Latency

__all__ = ["latency_curve", "throughput_curve"]

FONT = "system-ui, sans-serif"
STYLE = Style(
    background="transparent",
    plot_background="transparent",
    font_family=FONT,
    label_font_size=12,
    value_label_font_size=11,
    legend_font_size=12,
    title_font_size=13,
    guide_stroke_color="#ddd",
    major_guide_stroke_color="#ccc",
    stroke_width="2",
    colors=("#2f6fb7", "#c8741a", "#a8323e"),
)
PERCENTILES: Sequence[tuple[str, Callable[[Latency], float]]] = (
    ("p50", lambda latency: latency.p50_s),
    ("p95", lambda latency: latency.p95_s),
    ("p99", lambda latency: latency.p99_s),
)


def latency_curve(levels: Sequence[Figures]) -> str:
    """Latency over throughput, a point a level, named by its calls in flight."""
    chart = _prepared(pygal.XY, x_title="calls a second", y_title="seconds to the answer")
    for name, read in PERCENTILES:
        points = [
            {
                "value": (level.calls_per_s, read(level.latency)),
                "label": f"{level.in_flight:,}" if name == PERCENTILES[0][0] else "",
            }
            for level in levels
            if level.latency
        ]
        chart.add(name, points)
    return _drawn(chart)


def throughput_curve(levels: Sequence[Figures]) -> str:
    """Throughput over calls in flight, which stand side by side however far they are apart."""
    chart = _prepared(pygal.Line, x_title="calls in flight", y_title="calls a second")
    chart.show_legend = False
    chart.x_labels = [f"{level.in_flight:,}" for level in levels]
    chart.add("calls a second", [level.calls_per_s for level in levels])
    return _drawn(chart)


def _prepared(kind: Callable[..., Any], **titles: str) -> Any:
    chart = kind(
        style=STYLE,
        width=860,
        height=420,
        js=(),
        disable_xml_declaration=True,
        print_labels=True,
        legend_at_bottom=True,
        legend_at_bottom_columns=len(PERCENTILES),
        include_x_axis=True,
        **titles,
    )
    chart.add_xml_filter(_without_scripts)
    return chart


def _drawn(chart: Any) -> str:
    return str(chart.render())


def _without_scripts(root: Any) -> Any:
    """The library writes its settings for a script that is not there."""
    for parent in list(root.iter()):
        for child in [one for one in parent if one.tag == "script"]:
            parent.remove(child)
    return root
