"""``python -m benchmarks NAME``: one command a benchmark; each ends in a table, a JSON file and a plot."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.compare import compared, differences
from benchmarks.plot import plot
from benchmarks.result import Result, read, show, shown, write

__all__ = ["app", "publish"]

app = typer.Typer(add_completion=False, no_args_is_help=True, rich_markup_mode=None, help=__doc__)
console = Console()

Repeats = Annotated[int, typer.Option(min=1, help="Interleaved repeats.")]
Output = Annotated[Path, typer.Option(help="Where JSON and plots go.")]


def publish(result: Result, output: Path) -> None:
    """Show ``result``, and keep it with its plot."""
    show(result, console)
    path = write(result, output)
    console.print(f"kept: {path}")
    drawn = plot(result, path.with_suffix(""))
    console.print(drawn if isinstance(drawn, str) else f"drawn: {', '.join(map(str, drawn))}")


def say(line: str) -> None:
    """One line while it goes on."""
    console.print(line, style="dim", highlight=False)


@app.command()
def compare(before: Path, after: Path) -> None:
    """Tell a real difference between two results of one benchmark from noise."""
    try:
        old, new = read(before), read(after)
        changes = compared(old, new)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    for line in differences(old, new):
        console.print(f"[yellow]mind:[/] {line}")
    table = Table("what", "settings", "figure", old.commit, new.commit, "ratio", "95 %", "p", "")
    for one in changes:
        row = one.row
        settings = ", ".join(f"{name} {value}" for name, value in row.settings.items())
        table.add_row(
            row.name,
            settings,
            f"{row.metric.replace('_', ' ')} ({row.unit})",
            shown(one.before),
            shown(one.after),
            f"{one.ratio:.3f}",
            f"{one.low:.3f} - {one.high:.3f}",
            f"{one.p:.3f}",
            one.verdict,
        )
    console.print(table)


if __name__ == "__main__":
    app()
