"""The figures that have a target, and the ratios beside them, as the README shows them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from benchmarks.result import Result, Row, shown

__all__ = ["markdown"]

HEAD = ("benchmark", "what", "settings", "figure", "median", "95 % interval", "target", "")


def markdown(results: Sequence[Result]) -> str:
    """A table with a line for each figure that has a target or is a ratio."""
    lines = [HEAD, ["---"] * len(HEAD)]
    lines += [cells for result in results for cells in _lines(result)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


def _lines(result: Result) -> Iterator[list[str]]:
    for row in result.rows:
        if row.target is not None or row.unit == "ratio":
            yield [result.benchmark, *_cells(row)]


def _cells(row: Row) -> list[str]:
    found = row.spread
    settings = ", ".join(
        f"{name.replace('_', ' ')} {value:,}" if isinstance(value, int) else f"{name} {value}"
        for name, value in row.settings.items()
    )
    target = met = ""
    if row.target is not None:
        target = f"{'>=' if row.more_is_better else '<='} {shown(row.target)}"
        met = "met" if row.met else "**not met**"
    figure = f"{row.metric.replace('_', ' ')} ({row.unit})"
    interval = f"{shown(found.low)} - {shown(found.high)}"
    return [row.name, settings, figure, shown(found.median), interval, target, met]
