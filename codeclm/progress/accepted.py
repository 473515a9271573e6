"""Which share of the instructions is selected at each iteration: figure 3 of the paper, while it comes about."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from codeclm.engine.events import StepFinished
from codeclm.records import Again

__all__ = ["Accepted", "Rounds"]

Tally = Mapping[tuple[str, str, int], int]
"""Rows on file by (file, kind, iteration), as the sink counts them."""


@dataclass(frozen=True, slots=True)
class Accepted:
    """So many instructions were selected at this ``iteration``, of so many that were judged there."""

    iteration: int
    selected: int
    judged: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.selected / self.judged if self.judged else 0.0


class Rounds:
    """An observer that sees which instructions go round again; ``tally`` is what was on file when it began.

    An instruction on file was judged at all iterations before its own, whatever became of it. One that is under way
    is known only by its having gone on: without those, what is selected early would look like all there is.
    """

    wants = (StepFinished,)

    def __init__(self, tally: Tally) -> None:
        self._beyond_before = _beyond(tally)
        self._gone_on: Counter[int] = Counter()

    def __call__(self, event: object) -> None:
        if type(event) is StepFinished and event.stage == "filter":
            for made in event.made:
                if isinstance(made, Again):
                    self._gone_on[made.draft.iteration] += 1

    def accepted(self, tally: Tally) -> tuple[Accepted, ...]:
        """What became of all that were judged so far; ``tally`` is what is on file now."""
        selected, ended, beyond = Counter[int](), Counter[int](), _beyond(tally)
        for (name, kind, iteration), number in tally.items():
            selected[iteration] += number if name == "selected" else 0
            ended[iteration] += number if _was_judged(name, kind) else 0
        found = []
        for iteration in range(1, max((*ended, *beyond, *self._gone_on), default=0) + 1):
            left = beyond[iteration] - self._beyond_before[iteration]
            under_way = max(0, self._gone_on[iteration] - left)
            judged = ended[iteration] + beyond[iteration] + under_way
            found.append(Accepted(iteration, selected[iteration], judged))
        return tuple(found)


def _was_judged(name: str, kind: str) -> bool:
    """What failed or was declined (it has a stage) was not judged at its own iteration."""
    return name == "selected" or (name == "discarded" and not kind)


def _beyond(tally: Tally) -> Counter[int]:
    """By iteration: how many on file went beyond it."""
    found: Counter[int] = Counter()
    for (_, _, iteration), number in tally.items():
        for earlier in range(1, iteration):
            found[earlier] += number
    return found
