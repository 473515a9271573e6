"""``codeclm status``: how a run is doing, asked from another terminal."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line
from codeclm.status import Status, status_of
from codeclm.status_words import status_lines, status_record

__all__ = ["EPILOG", "status"]

WATCH_EVERY_S = 1.0
EPILOG = (
    "Exit codes: 0 complete, or going on; 2 no run there, or one that must be mended; 3 complete with failed items; "
    "4 stopped or killed, resumable; 5 stopped for quota or budget. "
    "Examples: codeclm status runs/first; codeclm status runs/first --watch; codeclm status runs/first --json"
)


def status(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's directory (its -o).")],
    as_json: Annotated[bool, typer.Option("--json", help="One JSON object a line.")] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Every second, until nobody works on it.")
    ] = False,
) -> int:
    """Say how a run is doing: while it goes on, or after. Reads its files only."""
    seen = status_of(run)
    if not watch:
        _print(seen, as_json=as_json)
        return seen.exit_code
    if as_json:
        while not seen.is_over:
            _print(seen, as_json=True)
            time.sleep(WATCH_EVERY_S)
            seen = status_of(run)
    else:
        seen = _watch(run, seen)
    _print(seen, as_json=as_json)
    return seen.exit_code


def _watch(run: Path, seen: Status) -> Status:
    # Only who watches needs what draws.
    from codeclm.live import LiveLines  # noqa: PLC0415

    with LiveLines() as screen:
        while not seen.is_over:
            screen.show(status_lines(seen))
            time.sleep(WATCH_EVERY_S)
            seen = status_of(run)
    return seen


def _print(seen: Status, *, as_json: bool) -> None:
    if as_json:
        print_line(json.dumps(status_record(seen), ensure_ascii=True))
        return
    for line in status_lines(seen):
        print_line(line)
