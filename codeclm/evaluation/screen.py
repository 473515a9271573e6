"""Tables of an evaluation on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table as RichTable
from rich.text import Text

from codeclm.evaluation.table import Table
from codeclm.printable import printable

__all__ = ["print_tables"]

WIDEST_LABEL = 24
"""What a name of a row may take before it is folded."""


def print_tables(tables: Sequence[Table], console: Console | None = None) -> None:
    """One after the other. A file or a pipe takes them as wide as they are; on a screen they fold, and lose nothing."""
    console = console or _console(tables)
    for table in tables:
        console.print(Text(printable(table.title)), style="bold")
        console.print(_fitted(table, console))


def _console(tables: Sequence[Table]) -> Console:
    console = Console()
    if not console.is_terminal:
        widest = (_width(_drawn(table), console) for table in tables)
        console.width = max(console.width, *widest, 0)
    return console


def _fitted(table: Table, console: Console) -> RichTable:
    """With labels that fold as well where there is no room: rich cuts off what least widths push over the edge."""
    whole = _drawn(table)
    return whole if _width(whole, console) <= console.width else _drawn(table, may_fold=True)


def _width(table: RichTable, console: Console) -> int:
    return Measurement.get(console, console.options.update(max_width=1000), table).maximum


def _drawn(table: Table, *, may_fold: bool = False) -> RichTable:
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(table.header):
        is_label = place < table.labels
        widest = max((len(row[place]) for row in table.rows), default=0)
        drawn.add_column(
            Text(printable(name)),
            justify="left" if is_label else "right",
            overflow="fold",
            min_width=min(widest, WIDEST_LABEL) if is_label and not may_fold else None,
        )
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn
