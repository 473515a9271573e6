"""A limit on a rate that may step up and down: a bucket that fills as time goes by."""

from __future__ import annotations

from math import inf

from codeclm.simulator.schedule import Schedule

__all__ = ["TokenBucket"]


class TokenBucket:
    """Fills with ``rate`` (a second) up to ``burst``, or to what ``burst_s`` seconds of the rate bring.

    It starts full. What is taken may exceed what is there; then nothing more is to be had until the debt
    is paid. Seconds given to its methods must not fall.
    """

    def __init__(self, rate: Schedule, *, burst: float | None = None, burst_s: float = 1.0) -> None:
        self._rate = rate
        self._burst = burst
        self._burst_s = burst_s
        self._as_of_s = 0.0
        self._level = self.size(0.0)

    def size(self, second: float) -> float:
        """The most that is in the bucket at ``second``; 1 at least."""
        return max(1.0, self._burst or self._rate.at(second) * self._burst_s)

    def level(self, second: float) -> float:
        """What is in the bucket at ``second``; less than 0 is debt."""
        if second > self._as_of_s:
            for lasts_s, rate in self._rate.spans(self._as_of_s, second):
                self._level += lasts_s * rate
            self._as_of_s = second
        self._level = min(self._level, self.size(second))
        return self._level

    def wait_s(self, amount: float, second: float) -> float:
        """Seconds until ``amount`` (at most a full bucket) is there; 0 where it is there now."""
        missing = min(amount, self.size(second)) - self.level(second)
        # What is left of the last second's arithmetic is no reason to refuse.
        return self._time_for(missing, second) if missing > 1e-9 else 0.0

    def take(self, amount: float, second: float) -> None:
        """Take ``amount``, there or not."""
        self.level(second)
        self._level -= amount

    def _time_for(self, missing: float, second: float) -> float:
        waited_s = 0.0
        for lasts_s, rate in self._rate.spans(second, inf):
            if missing <= lasts_s * rate:
                return waited_s + missing / rate
            missing -= lasts_s * rate
            waited_s += lasts_s
        return waited_s
