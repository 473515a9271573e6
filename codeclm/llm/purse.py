"""What may be spent, what is spent, and what calls under way may come to. Plain arithmetic, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

__all__ = ["NOTHING", "Caps", "Purse", "Spending"]

STEP_CALLS = 2
STEP_SHARE = 100
"""What is authorised at once: so many calls at their worst, or this part of the cap where that is more. A kill loses
sight of no more than that and the calls under way."""
FREE_STEP_CALLS = 256
"""The same for what has no cap."""


class Spending(NamedTuple):
    """Money, calls and tokens of input and output together."""

    picodollars: int = 0
    calls: int = 0
    tokens: int = 0

    def plus(self, other: Spending) -> Spending:
        """Both together."""
        return Spending(self[0] + other[0], self[1] + other[1], self[2] + other[2])

    def minus(self, other: Spending) -> Spending:
        """What is left without ``other``."""
        return Spending(self[0] - other[0], self[1] - other[1], self[2] - other[2])

    def most(self, other: Spending) -> Spending:
        """The larger one of each."""
        return Spending(*map(max, self, other))

    def exceeds(self, other: Spending) -> bool:
        """Whether any of it is more than there."""
        return self[0] > other[0] or self[1] > other[1] or self[2] > other[2]


NOTHING = Spending()


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be spent; None for what is not limited."""

    picodollars: int | None = None
    calls: int | None = None
    tokens: int | None = None

    def allow(self, amount: Spending) -> bool:
        """Whether ``amount`` is within all of them."""
        money, calls, tokens = amount
        return (
            (self.picodollars is None or money <= self.picodollars)
            and (self.calls is None or calls <= self.calls)
            and (self.tokens is None or tokens <= self.tokens)
        )

    def each(self, choose: Callable[[int, int | None], int], amount: Spending) -> Spending:
        """What ``choose`` makes of each amount and its cap."""
        return Spending(*map(choose, amount, (self.picodollars, self.calls, self.tokens)))


class Purse:
    """``spent`` is settled; ``committed`` is that and the worst case of calls under way.

    ``authorised`` is what is on record as perhaps spent: nothing may be sent that is beyond it, for a kill would lose
    sight of it.
    """

    def __init__(self, caps: Caps, spent: Spending = NOTHING) -> None:
        self.caps = caps
        self.spent = self.committed = self.authorised = spent

    @property
    def lacks(self) -> bool:
        """Whether more must be authorised before what is reserved may be sent."""
        return self.committed.exceeds(self.authorised)

    def reserve(self, worst: Spending) -> bool:
        """Set ``worst`` aside, if a call that may come to it fits beside those under way."""
        with_it = self.committed.plus(worst)
        if not self.caps.allow(with_it):
            return False
        self.committed = with_it
        return True

    def is_hopeless(self, worst: Spending) -> bool:
        """Whether it does not fit, whatever those under way come to."""
        return not self.caps.allow(self.spent.plus(worst))

    def settle(self, worst: Spending, used: Spending) -> None:
        """A call came to ``used`` in the place of ``worst``."""
        self.committed = self.committed.minus(worst).plus(used)
        self.spent = self.spent.plus(used)

    def step(self, worst: Spending) -> Spending:
        """What to authorise next: all that is needed, and some more that is within the caps."""
        more = self.caps.each(_step, worst)
        within = self.caps.each(
            lambda amount, cap: amount if cap is None else min(amount, cap),
            self.committed.plus(more),
        )
        return within.most(self.committed).most(self.authorised)


def _step(amount: int, cap: int | None) -> int:
    if cap is None:
        return amount * FREE_STEP_CALLS
    return max(amount * STEP_CALLS, cap // STEP_SHARE)
