"""Who looks at a run."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from types import TracebackType
from typing import Protocol

from codeclm.progress.snapshot import Snapshot

__all__ = ["NoView", "View", "Views"]


class View(Protocol):
    """Shows snapshots while its block lasts.

    It is asked for ``interval_s`` again after each snapshot. ``is_for_machines``: nothing that is meant for a person
    may come where it writes.
    """

    is_for_machines: bool

    @property
    def interval_s(self) -> float:
        """Seconds until the next snapshot."""
        ...

    def __enter__(self) -> View: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def show(self, snapshot: Snapshot) -> None:
        """Show the run as it is now."""
        ...

    def say(self, line: str) -> None:
        """Tell the person something."""
        ...

    def notice(self, event: object) -> None:
        """Take in what happened: facts of the run, and events of the engine and of the LLM layers, but for those
        that each item or each call has."""
        ...


class NoView:
    """Shows nothing."""

    interval_s: float = 1.0
    is_for_machines = False

    def __enter__(self) -> NoView:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        pass

    def say(self, line: str) -> None:
        pass

    def notice(self, event: object) -> None:
        pass


class Views:
    """Several as one. The first is the person's; each is shown as much as the one that wants most."""

    def __init__(self, views: Sequence[View]) -> None:
        self._views = views
        self._exits = ExitStack()
        self.is_for_machines = any(view.is_for_machines for view in views)

    @property
    def interval_s(self) -> float:
        return min(view.interval_s for view in self._views)

    def __enter__(self) -> Views:
        with ExitStack() as exits:
            for view in reversed(self._views):
                exits.enter_context(view)
            self._exits = exits.pop_all()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._exits.__exit__(kind, error, trace)

    def show(self, snapshot: Snapshot) -> None:
        for view in self._views:
            view.show(snapshot)

    def say(self, line: str) -> None:
        for view in self._views:
            view.say(line)

    def notice(self, event: object) -> None:
        for view in self._views:
            view.notice(event)
