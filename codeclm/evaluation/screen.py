"""Tables of an evaluation on a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich import box
from rich.console import Console
from rich.table import Table as RichTable
from rich.text import Text

from codeclm.evaluation.table import Table
from codeclm.printable import printable

__all__ = ["print_tables"]

WIDEST_LABEL = 24
"""What a name of a row may take before it is folded."""


def print_tables(tables: Sequence[Table], console: Console | None = None) -> None:
    """One after the other."""
    console = console or Console()
    for table in tables:
        console.print(Text(printable(table.title)), style="bold")
        console.print(_drawn(table))


def _drawn(table: Table) -> RichTable:
    drawn = RichTable(box=box.SIMPLE_HEAD, pad_edge=False)
    for place, name in enumerate(table.header):
        is_label = place < table.labels
        widest = max((len(row[place]) for row in table.rows), default=0)
        drawn.add_column(
            Text(printable(name)),
            justify="left" if is_label else "right",
            overflow="fold",
            min_width=min(widest, WIDEST_LABEL) if is_label else None,
        )
    for row in table.rows:
        drawn.add_row(*(Text(printable(cell)) for cell in row))
    return drawn
