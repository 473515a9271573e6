"""What all parts of one simulated run share: its time, its chance, its events, and its moment of death."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from random import Random
from zlib import crc32

from tests.simulation.weather import Kill, Mishap, Weather

__all__ = ["Dead", "Universe"]

MOST_EVENTS = 100_000
LONGEST_SILENCE_S = 5_000.0
"""More than the longest wait that an endpoint may ask a call for (an hour)."""


class Dead(BaseException):
    """What a dead process does from here on: nothing."""


class Universe:
    """The world of one seed, over all sessions of its run.

    Each event is a step in which a session may be killed. ``paid`` and ``owed`` count, by key, the answers that the
    endpoints gave and those that they may be asked for: once, and again for each that was lost.
    """

    def __init__(self, seed: object, weather: Weather) -> None:
        self.random = Random(f"{seed} happens")
        self.weather = weather
        self.now_s = 1000.0
        self.trace = 0
        self.sessions = 0
        self.stored: dict[str, bytes] = {}
        self.paid: Counter[str] = Counter()
        self.owed: Counter[str] = Counter()
        self.lost_at_kills: list[int] = []
        self.unit_failed = self.entry_failed = False
        self.events = 0
        self.dead = False
        self.disk_failed = False
        self.on_death: Callable[[], None] = _nothing
        self.on_stop: Callable[[], None] = _nothing
        self.clock: Callable[[], float] = lambda: self.now_s
        self._end: Kill | Mishap | None = None
        self._heard_s = self.now_s

    def begin_session(self, clock: Callable[[], float]) -> None:
        """A process starts."""
        ends = self.weather.ends
        self._end = ends[self.sessions] if self.sessions < len(ends) else None
        self.sessions += 1
        self.events = 0
        self.dead = self.disk_failed = False
        self.clock = clock
        self._heard_s = clock()

    def end_session(self) -> None:
        """The process is gone; what it had been told and had not kept may be asked for again."""
        self.now_s = self.clock()
        self.clock = lambda: self.now_s
        self.on_death = self.on_stop = _nothing
        if self.power_cut:  # the latest commits may not have reached the disk
            for key in [*self.stored][len(self.stored) - self.random.randint(0, 3) :]:
                del self.stored[key]
        lost = [key for key in self.paid if key not in self.stored]
        if self.dead:
            self.lost_at_kills.append(sum(self.paid[key] > self.owed[key] for key in lost))
            for key in lost:
                self.owe(key)

    def owe(self, key: str) -> None:
        """One more answer for ``key`` may be asked for: the last one is lost, or cannot be read."""
        self.owed[key] = self.paid[key]

    def happen(self, kind: str) -> None:
        """Something happens; raises Dead where the process has been or is now killed."""
        if self.dead:
            raise Dead
        now_s = self.clock()
        self.events += 1
        if kind in ("call", "answer", "commit"):
            self._heard_s = now_s
        self.trace = crc32(f"{kind} {now_s:.6f}".encode(), self.trace)
        assert self.events < MOST_EVENTS, "I9: the run goes on and on"
        end = self._end
        if end is not None and self.events >= end.at:
            self._meet(end)

    def check_alive(self) -> None:
        """I9: between two events there is never more than a while."""
        silent_s = self.clock() - self._heard_s
        assert silent_s < LONGEST_SILENCE_S, f"I9: nothing has happened for {silent_s:.0f} s"

    def disk_error(self) -> OSError | None:
        """The error that the next operation of the disk is to fail with."""
        end = self._end
        if isinstance(end, Mishap) and end.error is not None and self.events >= end.at:
            self._end, self.disk_failed = None, True
            return OSError(end.error, os.strerror(end.error))
        return None

    @property
    def power_cut(self) -> bool:
        """Whether the session that died took with it what was not synced."""
        return self.dead and isinstance(self._end, Kill) and self._end.power_cut

    def _meet(self, end: Kill | Mishap) -> None:
        if isinstance(end, Kill):
            self.dead = True
            self.on_death()
            raise Dead
        if end.error is None:
            self._end = None
            self.on_stop()


def _nothing() -> None:
    """Nobody is to be told."""
