"""What a person sees while a run goes on, where that is plain lines or nothing."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Protocol

from codeclm.engine.events import PipelineStatistics

__all__ = ["NoView", "PlainView", "Rate", "Snapshot", "View", "clock_time", "headline"]


@dataclass(frozen=True, slots=True)
class Snapshot:
    """A run at one moment. ``wanted`` is 0 where it is not known; ``outcomes`` as in summary.json.

    With ``counts_selected`` so many selected examples are wanted, else instructions.
    """

    wanted: int
    elapsed_s: float
    outcomes: Mapping[str, Any]
    calls: Mapping[str, int]
    pipeline: PipelineStatistics
    counts_selected: bool = False

    @property
    def finished(self) -> int:
        """Of what is wanted: instructions with an outcome, or examples that are selected."""
        if self.counts_selected:
            return min(self.wanted, int(self.outcomes["selected"]))
        return self.ended

    @property
    def ended(self) -> int:
        """Instructions with an outcome."""
        return sum(self.outcomes[fate] for fate in ("selected", "discarded", "failed"))


class View(Protocol):
    """Shows snapshots while its block lasts."""

    interval_s: float

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


class NoView:
    """Shows nothing."""

    interval_s = 1.0

    def __enter__(self) -> NoView:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def show(self, snapshot: Snapshot) -> None:
        pass

    def say(self, line: str) -> None:
        pass


class PlainView(NoView):
    """A line every few seconds: for logs and dumb terminals."""

    interval_s = 1.0

    def __init__(
        self,
        print_line: Callable[[str], None],
        every_s: float = 10.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._print = print_line
        self._every_s = every_s
        self._clock = clock
        self._rate = Rate(clock)
        self._next_s = clock() + every_s

    def show(self, snapshot: Snapshot) -> None:
        self._rate.add(snapshot)
        if self._clock() >= self._next_s:
            self._next_s = self._clock() + self._every_s
            self._print(f"{clock_time(snapshot.elapsed_s)}  {headline(snapshot, self._rate)}")

    def say(self, line: str) -> None:
        self._print(line)


def headline(snapshot: Snapshot, rate: Rate) -> str:
    """The run in one line."""
    outcomes, calls = snapshot.outcomes, snapshot.calls
    of_wanted = f" of {snapshot.wanted:,}" if snapshot.wanted else ""
    parts = [f"{snapshot.finished:,}{of_wanted} instructions", f"{outcomes['selected']:,} selected"]
    if snapshot.counts_selected:
        parts = [
            f"{outcomes['selected']:,}{of_wanted} selected",
            f"{snapshot.ended:,} instructions",
        ]
    parts += [
        f"{outcomes['failed']:,} failed",
        f"{calls.get('calls', 0):,} calls ({rate.calls_per_s:,.0f}/s)",
        f"{calls.get('cache_hits', 0):,} cache hits",
    ]
    if pauses := calls.get("pauses", 0):
        parts.append(f"{pauses:,} pauses for rate limits")
    left_s = rate.left_s(snapshot)
    if left_s is not None:
        parts.append(f"{clock_time(left_s)} left")
    return ", ".join(parts)


class Rate:
    """Speed over the last half minute."""

    WINDOW_S = 30.0

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._points: list[tuple[float, int, int]] = []

    def add(self, snapshot: Snapshot) -> None:
        now = self._clock()
        self._points.append((now, snapshot.calls.get("calls", 0), snapshot.finished))
        while self._points[0][0] < now - self.WINDOW_S:
            del self._points[0]

    @property
    def calls_per_s(self) -> float:
        return self._slope(1)

    def left_s(self, snapshot: Snapshot) -> float | None:
        speed = self._slope(2)
        if not snapshot.wanted or not speed:
            return None
        return max(0.0, (snapshot.wanted - snapshot.finished) / speed)

    def _slope(self, column: int) -> float:
        if len(self._points) < 2:
            return 0.0
        first, last = self._points[0], self._points[-1]
        return (last[column] - first[column]) / max(last[0] - first[0], 1e-9)


def clock_time(duration_s: float) -> str:
    """Like 1:02:03."""
    minutes, seconds = divmod(round(duration_s), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{seconds:02}"
