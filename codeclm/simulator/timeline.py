"""What a server did second by second, kept for an hour of seconds in which anything happened."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from math import inf
from typing import Any

__all__ = ["Second", "Span", "Timeline"]

KEPT_SECONDS = 3_600
KEPT_STARTS = 100_000


@dataclass(slots=True)
class Second:
    """One second. ``in_flight_s`` is the time that all its calls together were in flight for."""

    second: int
    admitted: int = 0
    refused: int = 0
    peak_in_flight: int = 0
    in_flight_s: float = 0.0
    by_status: Counter[int] = field(default_factory=Counter)

    def as_dict(self) -> dict[str, Any]:
        """All fields for JSON."""
        return {
            "second": self.second,
            "admitted": self.admitted,
            "refused": self.refused,
            "peak_in_flight": self.peak_in_flight,
            "in_flight_s": self.in_flight_s,
            "by_status": {str(status): count for status, count in self.by_status.items()},
        }


@dataclass(frozen=True, slots=True)
class Span:
    """Sums over whole seconds. ``by_status`` counts the answers that went out in them."""

    admitted: int
    refused: int
    peak_in_flight: int
    in_flight_s: float
    by_status: Counter[int]

    @property
    def refused_share(self) -> float:
        """The share of 429s among all answers; 0 where there is none."""
        return self.by_status[429] / (self.by_status.total() or 1)


class Timeline:
    """Seconds count from the server's first request.

    A call is admitted once all limits let it in, and refused when one does not. ``starts`` are the exact
    times of the latest admitted calls, so that any window can be looked at.
    """

    def __init__(self) -> None:
        self.starts: deque[float] = deque(maxlen=KEPT_STARTS)
        self._seconds: dict[int, Second] = {}
        self._last = Second(0)
        self._in_flight = 0
        self._as_of_s = 0.0

    def __iter__(self) -> Iterator[Second]:
        """The seconds that are kept, in order."""
        return iter(self._seconds.values())

    def admit(self, second: float) -> None:
        """A call is let in."""
        self.starts.append(second)
        self._at(second).admitted += 1

    def refuse(self, second: float) -> None:
        """A limit keeps a call out."""
        self._at(second).refused += 1

    def answer(self, status: int, second: float) -> None:
        """An answer of ``status`` goes out."""
        self._at(second).by_status[status] += 1

    def flight(self, in_flight: int, second: float) -> None:
        """From ``second`` on ``in_flight`` calls are in flight."""
        self._fly_until(second)
        self._in_flight = in_flight
        row = self._at(second)
        if in_flight > row.peak_in_flight:
            row.peak_in_flight = in_flight

    def between(self, start_s: float, end_s: float = inf) -> Span:
        """The sums over the seconds that begin in [start_s, end_s)."""
        rows = [row for row in self if start_s <= row.second < end_s]
        by_status: Counter[int] = Counter()
        for row in rows:
            by_status.update(row.by_status)
        return Span(
            sum(row.admitted for row in rows),
            sum(row.refused for row in rows),
            max((row.peak_in_flight for row in rows), default=0),
            sum(row.in_flight_s for row in rows),
            by_status,
        )

    def _fly_until(self, second: float) -> None:
        if self._in_flight and int(second) == self._last.second == int(self._as_of_s):
            self._last.in_flight_s += (second - self._as_of_s) * self._in_flight
        elif self._in_flight:
            # Longer than what is kept need not be written down only to be dropped.
            start_s = max(self._as_of_s, second - KEPT_SECONDS)
            while start_s < second:
                end_s = min(second, float(int(start_s) + 1))
                row = self._at(start_s)
                row.in_flight_s += (end_s - start_s) * self._in_flight
                row.peak_in_flight = max(row.peak_in_flight, self._in_flight)
                start_s = end_s
        self._as_of_s = second

    def _at(self, second: float) -> Second:
        number = int(second)
        if number == self._last.second and self._seconds:
            return self._last
        row = self._seconds.get(number)
        if row is None:
            row = self._seconds[number] = Second(number)
            if len(self._seconds) > KEPT_SECONDS:
                del self._seconds[next(iter(self._seconds))]
        self._last = row
        return row
