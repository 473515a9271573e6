"""A limit that nobody tells: found by growing until the endpoint objects, kept just below that.

After an objection the limit falls to a share of the level that was accepted, comes back to that level as CUBIC
does in TCP (fast at first, flat near the level), and only then asks for more, each time a share of what it has.
Growth is paid for with answers: it takes so many of them between two objections that objections stay rare
(2 % of the calls) whether an answer takes a millisecond or a minute.
"""

from __future__ import annotations

import math

__all__ = ["AdaptiveLimit"]

CUT = 0.95
RECOVERY_S = 11.0  # until the accepted level is reached again; after twice that it asks for more
ANSWERS_UNTIL_RECOVERED = 50
FIRST_STEP = 2.0
LATER_STEP = 1.25


class AdaptiveLimit:
    """``value`` lies between ``lowest`` and ``highest``.

    All times are seconds of one clock. ``brisk_below``: above it a step is at most 1.5 a minute, for endpoints that
    object to a sharp ramp.
    """

    def __init__(
        self,
        start: float,
        *,
        lowest: float,
        highest: float = math.inf,
        brisk_below: float = math.inf,
    ) -> None:
        self._lowest, self._highest, self._brisk_below = lowest, highest, brisk_below
        self._exploring = start  # the value while it asks for more
        self._accepted: float | None = None
        self._step = FIRST_STEP
        self._credit_s = 0.0
        self._credited_at_s = -math.inf
        self._stepped_at_s = -math.inf
        self._hold_until_s = -math.inf

    @property
    def value(self) -> float:
        """What is allowed now."""
        value = self._exploring if self._accepted is None else self._recovering(self._accepted)
        return min(self._highest, max(self._lowest, value))

    @property
    def is_exploring(self) -> bool:
        """Whether it asks for more than was ever accepted since the last objection."""
        return self._accepted is None

    def object(
        self, accepted: float, now_s: float, *, cut: float = CUT, hold_s: float = 0.0
    ) -> None:
        """Take in that the endpoint refused what went beyond ``accepted``; stay there for ``hold_s``."""
        self.settle(accepted, now_s, cut=cut)
        self._hold_until_s = max(self._hold_until_s, now_s + hold_s)

    def settle(self, level: float, now_s: float, *, cut: float = 1.0) -> None:
        """Stay at ``level`` (from ``cut`` times it) until it is time to ask for more again."""
        self._accepted = max(self._lowest, level)
        self._cut = cut
        self._step = LATER_STEP
        self._credit_s = 0.0
        self._credited_at_s = now_s

    def restart(self, value: float) -> None:
        """Begin anew from ``value`` where more than that is allowed now, as after an outage."""
        if self.value > value:
            self._exploring, self._accepted, self._step = value, None, FIRST_STEP

    def explore(self) -> None:
        """Ask for more from here on, in large steps."""
        self._exploring, self._accepted, self._step = self.value, None, FIRST_STEP

    def credit(self, now_s: float) -> None:
        """Take in an answer to a call that the limit, as it is now, had let start and had kept waiting."""
        if self._accepted is None or now_s < self._hold_until_s:
            return
        most_s = RECOVERY_S / ANSWERS_UNTIL_RECOVERED
        self._credit_s += min(now_s - self._credited_at_s, most_s)
        self._credited_at_s = now_s
        if self._credit_s >= 2 * RECOVERY_S:
            self._exploring, self._accepted = self.value, None
            self.grow(now_s)

    def grow(self, now_s: float) -> bool:
        """Ask for a step more, while exploring; False where that is too early or there is no more."""
        if self._accepted is not None or self._exploring >= self._highest:
            return False
        step = self._step
        if self._exploring >= self._brisk_below:
            if now_s < self._stepped_at_s + 60:
                return False
            step = min(step, 1.5)
        self._stepped_at_s = now_s
        self._step = min(self._step * 1.2, FIRST_STEP)
        self._exploring = min(self._highest, max(self._exploring * step, self._exploring + 1))
        return True

    def _recovering(self, accepted: float) -> float:
        way = self._credit_s / RECOVERY_S - 1  # -1 at the cut, 0 at the accepted level, 1 beyond it
        return accepted * (1 + (1 - self._cut) * way**3)
