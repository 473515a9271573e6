"""What keeps calls from starting, and for how long it has."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum

__all__ = ["Cause", "HeldUp"]


class Cause(StrEnum):
    """What the first in line waits for."""

    in_flight = "calls in flight"
    requests = "requests a minute"
    tokens = "tokens a minute"
    input_tokens = "input tokens a minute"
    output_tokens = "output tokens a minute"
    hidden_rate = "calls a second"
    pause = "pause"
    outage = "outage"


class HeldUp:
    """Seconds for which the first in line waited, by cause and by who waited. Nothing runs while nothing changes."""

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._seconds: dict[tuple[Cause, str], float] = {}
        self._now: tuple[Cause, str] | None = None
        self._since_s = 0.0

    def by(self, cause: Cause, stage: str) -> None:
        """Take in that a call of ``stage`` is first in line, and waits for this."""
        now = self._now
        if now is None or now[0] is not cause or now[1] != stage:
            self._turn((cause, stage))

    def over(self) -> None:
        """Take in that nobody waits."""
        if self._now is not None:
            self._turn(None)

    def seconds(self) -> Mapping[tuple[Cause, str], float]:
        """What there is up to this moment."""
        self._turn(self._now)
        return dict(self._seconds)

    def _turn(self, to: tuple[Cause, str] | None) -> None:
        now_s, now = self._clock(), self._now
        if now is not None:
            self._seconds[now] = self._seconds.get(now, 0.0) + now_s - self._since_s
        self._now, self._since_s = to, now_s
