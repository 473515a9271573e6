"""What may be spent, what is spent, and what calls under way may come to. Plain arithmetic, no waiting."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple, dataclass

__all__ = ["NOTHING", "Caps", "Purse", "Spending"]

STEP_CALLS = 2
STEP_SHARE = 100
"""What is authorised at once: so many calls at their worst, or this part of the cap where that is more. A kill loses
sight of no more than that and the calls under way."""
FREE_STEP_CALLS = 256
"""The same for what has no cap."""


@dataclass(frozen=True, slots=True)
class Spending:
    """Money, calls and tokens of input and output together."""

    picodollars: int = 0
    calls: int = 0
    tokens: int = 0

    def __add__(self, other: Spending) -> Spending:
        return Spending(
            self.picodollars + other.picodollars,
            self.calls + other.calls,
            self.tokens + other.tokens,
        )

    def __sub__(self, other: Spending) -> Spending:
        return Spending(
            self.picodollars - other.picodollars,
            self.calls - other.calls,
            self.tokens - other.tokens,
        )

    def most(self, other: Spending) -> Spending:
        """The larger one of each."""
        return Spending(*map(max, astuple(self), astuple(other)))

    def exceeds(self, other: Spending) -> bool:
        """Whether any of it is more than there."""
        return (
            self.picodollars > other.picodollars
            or self.calls > other.calls
            or self.tokens > other.tokens
        )


NOTHING = Spending()


@dataclass(frozen=True, slots=True)
class Caps:
    """The most that may be spent; None for what is not limited."""

    picodollars: int | None = None
    calls: int | None = None
    tokens: int | None = None

    def allow(self, amount: Spending) -> bool:
        """Whether ``amount`` is within all of them."""
        return (
            (self.picodollars is None or amount.picodollars <= self.picodollars)
            and (self.calls is None or amount.calls <= self.calls)
            and (self.tokens is None or amount.tokens <= self.tokens)
        )

    def each(self, choose: Callable[[int, int | None], int], amount: Spending) -> Spending:
        """What ``choose`` makes of each amount and its cap."""
        return Spending(*map(choose, astuple(amount), astuple(self)))


class Purse:
    """``spent`` is settled, ``reserved`` the worst case of calls under way.

    ``authorised`` is what is on record as perhaps spent: nothing may be sent that is beyond it, for a kill would lose
    sight of it.
    """

    def __init__(self, caps: Caps, spent: Spending = NOTHING) -> None:
        self.caps = caps
        self.spent = self.authorised = spent
        self.reserved = NOTHING

    @property
    def lacks(self) -> bool:
        """Whether more must be authorised before what is reserved may be sent."""
        return (self.spent + self.reserved).exceeds(self.authorised)

    def has_room(self, worst: Spending) -> bool:
        """Whether a call that may come to ``worst`` fits beside those under way."""
        return self.caps.allow(self.spent + self.reserved + worst)

    def is_hopeless(self, worst: Spending) -> bool:
        """Whether it does not fit, whatever those under way come to."""
        return not self.caps.allow(self.spent + worst)

    def reserve(self, worst: Spending) -> None:
        """Set ``worst`` aside."""
        self.reserved += worst

    def settle(self, worst: Spending, used: Spending) -> None:
        """A call came to ``used`` in the place of ``worst``."""
        self.reserved -= worst
        self.spent += used

    def step(self, worst: Spending) -> Spending:
        """What to authorise next: all that is needed, and some more that is within the caps."""
        needed = self.spent + self.reserved
        more = self.caps.each(_step, worst)
        within = self.caps.each(
            lambda amount, cap: amount if cap is None else min(amount, cap), needed + more
        )
        return within.most(needed).most(self.authorised)


def _step(amount: int, cap: int | None) -> int:
    if cap is None:
        return amount * FREE_STEP_CALLS
    return max(amount * STEP_CALLS, cap // STEP_SHARE)
