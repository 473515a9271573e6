"""The last moments of a run, and its course: what speeds and what is left are told from."""

from __future__ import annotations

from bisect import bisect_left
from collections import deque
from typing import NamedTuple

from codeclm.engine.events import StageStatistics
from codeclm.llm.latency import LatencyCounts
from codeclm.progress.held_up import HeldUpBy, held_up_by
from codeclm.progress.snapshot import EndpointRow, Snapshot

__all__ = ["EndpointSpeed", "Recent"]

WINDOW_S, NOW_S = 10.0, 5.0
LOOK_BACK_S = 30.0
LOOK_BACK_SHARE = 1 / 3
MOST_POINTS = 200


class _Point(NamedTuple):
    elapsed_s: float
    finished: int
    cost: float | None


class EndpointSpeed(NamedTuple):
    """An endpoint over the last moments: ``latencies`` are those of its latest calls, of all where it had none."""

    calls_per_s: float
    tokens_per_s: float
    latencies: LatencyCounts


class Recent:
    """The ``latest`` snapshot, and one from up to ten seconds ``earlier``; at the beginning both are the first.

    Memory is the same for any length of the run. Nothing here asks for the time: a snapshot knows its own.
    """

    def __init__(self, first: Snapshot) -> None:
        self._snapshots = deque([first])
        self._course = [_point(first)]

    @property
    def latest(self) -> Snapshot:
        return self._snapshots[-1]

    @property
    def earlier(self) -> Snapshot:
        return self._snapshots[0]

    def add(self, snapshot: Snapshot) -> None:
        """Take in the next one."""
        snapshots, course = self._snapshots, self._course
        snapshots.append(snapshot)
        while len(snapshots) > 2 and snapshots[1].elapsed_s <= snapshot.elapsed_s - WINDOW_S:
            snapshots.popleft()
        course.append(_point(snapshot))
        if len(course) > MOST_POINTS:
            del course[1:-1:2]  # half of them still show the course

    @property
    def between_s(self) -> float:
        """Seconds from ``earlier`` to ``latest``; never 0."""
        return max(1e-9, self.latest.elapsed_s - self.earlier.elapsed_s)

    def held_up_by(self) -> HeldUpBy:
        """What holds the run back now: told from the last five seconds, as far as there are so many."""
        since_s = self.latest.elapsed_s - NOW_S
        old = (one for one in reversed(self._snapshots) if one.elapsed_s <= since_s)
        return held_up_by(next(old, self.earlier), self.latest)

    def per_s(self, count: str) -> float:
        """How fast this count of the session's calls grows."""
        later, earlier = self.latest.calls.get(count, 0), self.earlier.calls.get(count, 0)
        return (later - earlier) / self.between_s

    def stage_per_s(self, stage: StageStatistics) -> float:
        """How many items a second the stage ends well."""
        before = (one.done for one in self.earlier.pipeline.stages if one.name == stage.name)
        return (stage.done - next(before, 0)) / self.between_s

    def endpoint_speed(self, row: EndpointRow) -> EndpointSpeed:
        """How fast the endpoint answers; one that was not there ``earlier`` began at 0."""
        now = row.statistics
        before = (one.statistics for one in self.earlier.endpoints if one.name == row.name)
        old = next(before, None)
        answers = now.answers - (old.answers if old else 0)
        tokens = now.input_tokens + now.output_tokens
        tokens -= old.input_tokens + old.output_tokens if old else 0
        latest = now.latencies - old.latencies if old else now.latencies
        latencies = latest if latest.calls else now.latencies
        return EndpointSpeed(answers / self.between_s, tokens / self.between_s, latencies)

    def left_s(self) -> float | None:
        """Seconds until all that is wanted is finished, at the speed of the last third of the time; None: unknown."""
        begun, now = self._stretch()
        speed = (now.finished - begun.finished) / max(1e-9, now.elapsed_s - begun.elapsed_s)
        if not self.latest.wanted or speed <= 0:
            return None
        return max(0, self.latest.wanted - now.finished) / speed

    def projected_cost(self) -> float | None:
        """What it will have cost in the end, if the rest costs what the last third did; None: unknown."""
        begun, now = self._stretch()
        if now.cost is None or begun.cost is None or not self.latest.wanted:
            return None
        made = now.finished - begun.finished
        if made <= 0:
            return None
        left = max(0, self.latest.wanted - now.finished)
        return now.cost + left * (now.cost - begun.cost) / made

    def _stretch(self) -> tuple[_Point, _Point]:
        """From when to when speed is measured."""
        now = self._course[-1]
        since_s = now.elapsed_s - max(LOOK_BACK_S, now.elapsed_s * LOOK_BACK_SHARE)
        place = bisect_left(self._course, since_s, key=lambda point: point.elapsed_s)
        return self._course[min(place, len(self._course) - 1)], now


def _point(snapshot: Snapshot) -> _Point:
    return _Point(snapshot.elapsed_s, snapshot.finished, snapshot.cost)
