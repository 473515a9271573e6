"""Plots of results, where matplotlib is installed (``pip install '.[bench]'``)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.result import Result, Row

__all__ = ["plot"]

MISSING = "no plot: matplotlib is not installed (pip install '.[bench]')"
MOST_PANELS = 12


def plot(result: Result, path: Path) -> list[Path] | str:
    """Bars of medians with the extremes of the repeats, a panel for each metric: ``path`` with .png and .svg.

    Returns one line where there is nothing to draw with.
    """
    try:
        import matplotlib  # noqa: PLC0415 - figures cost nothing where there is none
    except ImportError:
        return MISSING
    matplotlib.use("Agg")
    from matplotlib import pyplot  # noqa: PLC0415

    shown = _panels(result.rows)
    heights = [max(1.2, 0.32 * len(rows) + 0.9) for _, rows in shown]
    figure, axes = pyplot.subplots(
        len(shown),
        1,
        figsize=(9, sum(heights) + 0.6),
        squeeze=False,
        layout="constrained",
        gridspec_kw={"height_ratios": heights},
    )
    for (label, rows), axis in zip(shown, axes[:, 0], strict=True):
        _panel(axis, label, rows)
    figure.suptitle(f"{result.benchmark} at {result.commit}")
    files = [path.with_name(f"{path.name}{ending}") for ending in (".png", ".svg")]
    for file in files:
        figure.savefig(file, dpi=120)
    pyplot.close(figure)
    return files


def _panels(rows: Sequence[Row]) -> list[tuple[tuple[str, str], list[Row]]]:
    """Rows of one metric and unit together, in their order; not more than can be looked at."""
    panels: dict[tuple[str, str], list[Row]] = {}
    for row in rows:
        panels.setdefault((row.metric, row.unit), []).append(row)
    return [*panels.items()][:MOST_PANELS]


def _panel(axis: Any, label: tuple[str, str], rows: Sequence[Row]) -> None:
    metric, unit = label
    spreads = [row.spread for row in rows]
    medians = [one.median for one in spreads]
    reach = [
        [one.median - one.least for one in spreads],
        [one.most - one.median for one in spreads],
    ]
    places = range(len(rows))
    axis.barh(places, medians, xerr=reach, capsize=3, color="#4878a8", height=0.7)
    for place, row in zip(places, rows, strict=True):
        if row.target is not None:
            axis.plot([row.target] * 2, [place - 0.4, place + 0.4], color="#c03030")
    axis.set_yticks(places, [_named(row) for row in rows])
    axis.invert_yaxis()
    axis.set_xlabel(f"{metric.replace('_', ' ')} ({unit})")


def _named(row: Row) -> str:
    settings = ", ".join(f"{name} {value}" for name, value in row.settings.items())
    return f"{row.name} ({settings})" if settings else row.name
