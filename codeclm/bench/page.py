"""The report as one HTML page that needs nothing else and runs no script."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined

from codeclm.bench.chart import latency_curve, throughput_curve
from codeclm.bench.columns import COLUMNS
from codeclm.bench.statistics import Figures
from codeclm.printable import printable

__all__ = ["page"]

TEMPLATE = "report.html.jinja"


def _shown(value: object) -> object:
    """Controls and marks that turn the direction of text show as their escapes."""
    if type(value) is not str:
        return value
    return "\n".join(map(printable, value.split("\n")))


# Names of models and messages of endpoints are values here, and escaped; only the drawings are markup.
_JINJA = Environment(undefined=StrictUndefined, autoescape=True, finalize=_shown)


def page(report: Mapping[str, Any], levels: Sequence[Figures]) -> str:
    """The page of ``report`` (as in bench.json) with the curves of ``levels``."""
    ordered = sorted(levels, key=lambda level: level.in_flight)
    template = files("codeclm.bench").joinpath(TEMPLATE).read_text("utf-8")
    return _JINJA.from_string(template).render(
        report=report, levels=ordered, columns=COLUMNS, drawings=_drawings(ordered)
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
