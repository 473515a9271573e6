"""Progress as plain lines: for logs and dumb terminals."""

from __future__ import annotations

from collections.abc import Callable

from codeclm.progress.recent import Recent
from codeclm.progress.snapshot import Snapshot
from codeclm.progress.view import NoView
from codeclm.progress.words import clock_time, headline

__all__ = ["PlainView"]


class PlainView(NoView):
    """A line every few seconds of the run."""

    def __init__(self, print_line: Callable[[str], None], every_s: float = 10.0) -> None:
        self._print = print_line
        self._every_s = every_s
        self._next_s = every_s
        self._recent: Recent | None = None

    def show(self, snapshot: Snapshot) -> None:
        if self._recent is None:
            self._recent = Recent(snapshot)
        self._recent.add(snapshot)
        if snapshot.elapsed_s >= self._next_s:
            self._next_s = snapshot.elapsed_s + self._every_s
            self._print(f"{clock_time(snapshot.elapsed_s)}  {headline(self._recent)}")

    def say(self, line: str) -> None:
        self._print(line)
