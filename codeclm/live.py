"""What a person sees on a terminal while a run goes on: a live table."""

from __future__ import annotations

import time
from collections.abc import Callable
from types import TracebackType

from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from codeclm.printable import printable
from codeclm.progress import PlainView, Rate, Snapshot, View, headline

__all__ = ["LiveView", "choose_view"]


class LiveView:
    """A table that stays in place: a row a stage, then calls, cache hits, selections and the time left."""

    interval_s = 0.25

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic) -> None:
        self._console = console
        self._live = Live(console=console, refresh_per_second=4, transient=True)
        self._rate = Rate(clock)

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, snapshot: Snapshot) -> None:
        self._rate.add(snapshot)
        self._live.update(self._render(snapshot))

    def say(self, line: str) -> None:
        self._console.print(printable(line), markup=False, highlight=False)

    def _render(self, snapshot: Snapshot) -> Group:
        table = Table(box=None, padding=(0, 2, 0, 0))
        table.add_column("stage")
        for name in ("waiting", "working", "done", "failed"):
            table.add_column(name, justify="right")
        for stage in snapshot.pipeline.stages:
            counts = (stage.waiting, stage.working, stage.done, stage.failed)
            table.add_row(stage.name, *(f"{count:,}" for count in counts))
        lines: list[ConsoleRenderable] = [table, Text(headline(snapshot, self._rate))]
        if snapshot.wanted:
            lines.append(ProgressBar(snapshot.wanted, min(snapshot.finished, snapshot.wanted)))
        return Group(*lines)


def choose_view(console: Console) -> View:
    """The live table on a terminal that can show it, else plain lines."""
    if console.is_terminal and not console.is_dumb_terminal:
        return LiveView(console)
    return PlainView(
        lambda line: console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    )
