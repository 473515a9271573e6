"""``codeclm view``: the report of a run in the browser, live while the run goes on."""

from __future__ import annotations

import asyncio
import secrets
import webbrowser
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from codeclm.console import on_signals, print_line, run_loop

if TYPE_CHECKING:
    from codeclm.report.server import ViewServer

__all__ = ["EPILOG", "view"]

EPILOG = (
    "Examples: codeclm view runs/first --open; codeclm view runs/first --port 8500. "
    "Only this machine can reach it, and only with the address that is printed."
)


def view(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's directory.")],
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 0,
    show: Annotated[bool, typer.Option("--open", help="Open it in the browser.")] = False,
) -> int:
    """Show a run in the browser while it goes on, or afterwards; Ctrl-C ends the view, never the run."""
    # What follows loads much that no other command needs.
    from codeclm.report.reading import Reading  # noqa: PLC0415
    from codeclm.report.server import ViewServer  # noqa: PLC0415

    reading = Reading(run)
    reading.update()
    return run_loop(_serve(ViewServer(reading, secrets.token_urlsafe(16), port), show))


async def _serve(server: ViewServer, show: bool) -> int:
    async with server:
        print_line(f"{server.reading.path} is shown at {server.url} ; Ctrl-C ends that")
        if show:
            await asyncio.to_thread(webbrowser.open, server.url)
        stopped = asyncio.Event()
        with on_signals(stopped.set):
            await stopped.wait()
    return 0
