"""``codeclm report``: a run as one HTML page."""

from __future__ import annotations

import webbrowser
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line

__all__ = ["EPILOG", "report"]

EPILOG = (
    "Examples: codeclm report runs/first --open; "
    "codeclm report runs/first -o first.html. It works while the run goes on, too."
)


def report(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's directory.")],
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", help="The file [RUN/report.html].", show_default=False),
    ] = None,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> int:
    """Write a run as one self-contained HTML page: figures, judge health, cost, every example's lineage."""
    # What follows loads much that no other command needs.
    from codeclm.report.command import write_report  # noqa: PLC0415

    path = write_report(run, output or run / "report.html", print_line)
    if show:
        webbrowser.open(path.resolve().as_uri())
    return 0
