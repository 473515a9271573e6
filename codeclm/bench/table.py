"""The figures as a table on the screen."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table

from codeclm.bench.columns import COLUMNS, Column
from codeclm.bench.statistics import Figures

__all__ = ["print_table"]


def print_table(levels: Sequence[Figures], console: Console | None = None) -> None:
    """One table, or two halves where the screen is too narrow for it."""
    if not levels:
        return
    console = console or Console()
    ordered = sorted(levels, key=lambda level: level.in_flight)
    whole = _table(ordered, COLUMNS)
    if Measurement.get(console, console.options.update(max_width=1000), whole).maximum <= (
        console.width
    ):
        console.print(whole)
        return
    for part in (1, 2):
        console.print(_table(ordered, [one for one in COLUMNS if one.part in (0, part)]))


def _table(levels: Sequence[Figures], columns: Sequence[Column]) -> Table:
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 0, 0, 1))
    for column in columns:
        table.add_column(column.name, justify="right", no_wrap=True, vertical="top")
    for level in levels:
        table.add_row(*[column.read(level) for column in columns])
    return table
