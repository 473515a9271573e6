"""Whether more calls in flight still bring more answers: by how much each kind of call became slower."""

from __future__ import annotations

__all__ = ["Rounds"]

SMALLEST_ROUND = 32


class Rounds:
    """Collects calls into rounds of one level of calls in flight, and compares each round with the one before.

    A server that queues without limit never objects: beyond what it can do at once, twice the calls take twice as
    long. Durations are compared within a stage and by output token, so that a change in what is asked does not
    look like a change of speed.
    """

    def __init__(self) -> None:
        self._now: dict[str, tuple[float, int]] = {}  # by stage: seconds and tokens of all calls
        self._before: dict[str, tuple[float, int]] = {}
        self._level_before = 0.0
        self._calls = 0

    def add(self, stage: str, duration_s: float, output_tokens: int | None) -> None:
        """Take in a call that was under way at the present level only."""
        seconds, tokens = self._now.get(stage, (0.0, 0))
        self._now[stage] = (seconds + duration_s, tokens + (output_tokens or 1))
        self._calls += 1

    def is_full(self, level: float) -> bool:
        """Whether there are calls enough to tell what the step to ``level`` has brought; a small one needs many."""
        share = abs(level / self._level_before - 1) if self._level_before else 1.0
        return self._calls >= max(level, SMALLEST_ROUND / min(1.0, max(share, 0.2)) ** 2)

    def restart(self) -> None:
        """Drop what was collected: it belongs to another level."""
        self._now, self._calls = {}, 0

    def close(self, level: float) -> float | None:
        """By what factor throughput differs from the round before; None where nothing can be compared."""
        slower = self._slowdown()
        gain = level / self._level_before / slower if slower else None
        self._before, self._level_before = self._now, level
        self.restart()
        return gain

    @property
    def level_before(self) -> float:
        """The level of the last closed round."""
        return self._level_before

    def _slowdown(self) -> float | None:
        """How many times longer calls take than in the round before, weighted by the time they take."""
        now_s = expected_s = 0.0
        for stage, (seconds, tokens) in self._now.items():
            seconds_before, tokens_before = self._before.get(stage, (0.0, 0))
            if seconds_before and seconds:
                now_s += seconds
                expected_s += seconds_before / tokens_before * tokens
        return now_s / expected_s if expected_s else None
