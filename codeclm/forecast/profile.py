"""How a run goes on average: who reaches which iteration, how many calls that takes, how many tokens a call."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import inf, isinf

__all__ = ["NOTHING", "Key", "Profile", "Use", "Variety"]

Key = tuple[str, str, int]
"""Stage, role (strong, target, judge) and iteration."""


@dataclass(frozen=True, slots=True)
class Use:
    """``calls`` for each thing that needs one, and tokens of each call."""

    calls: float
    input: float
    output: float


NOTHING = Use(0.0, 0.0, 0.0)


@dataclass(frozen=True, slots=True)
class Variety:
    """How much the metadata of seeds differ: as if there were ``kinds``, each as frequent (infinite where no two were
    equal). ``distinct`` were seen in so many ``seeds``.
    """

    kinds: float = inf
    seeds: int = 0
    distinct: int = 0

    def among(self, seeds: int) -> float:
        """How many kinds there are among so many seeds: those seen, and what the others add to them."""
        return self.distinct + self._expected(max(seeds, self.seeds)) - self._expected(self.seeds)

    def _expected(self, seeds: int) -> float:
        if isinf(self.kinds):
            return float(seeds)
        return float(self.kinds * (1 - (1 - 1 / self.kinds) ** seeds))


@dataclass(frozen=True, slots=True)
class Profile:
    """``reach`` is the share of instructions that get to iteration 1, 2, ...; ``selected`` those selected there.

    ``kept`` of the instructions that are wanted are made. ``uses`` are by stage before there are instructions (encode,
    pairs, decode, rubrics): calls for each seed, pair, unit and distinct entry; ``output`` of decode is for each
    instruction listed. ``steps`` are calls for each instruction that gets to an iteration (of judge: for each judgement
    that is wanted), ``seconds`` what one takes. ``improved`` are by kind of metadata the instructions that needed
    improvement, and all; an entry had ``each``. ``prompt_bytes`` is the mean length of prompts that encoded. ``asking``
    is the share of entries that ask for rubrics, where that is not to follow from ``improved``.
    """

    reach: Sequence[float]
    selected: Sequence[float]
    uses: Mapping[str, Use]
    steps: Mapping[Key, Use]
    kept: float = 1.0
    improved: Sequence[tuple[float, float]] = ()
    each: float = 0.0
    variety: Variety = Variety()
    prompt_bytes: float = 0.0
    asking: float | None = None
    seconds: Mapping[Key, float] = field(default_factory=dict)

    def reaching(self, iteration: int) -> float:
        """The share of instructions that get to ``iteration`` (from 1)."""
        return self.reach[iteration - 1] if iteration <= len(self.reach) else 0.0

    def selected_until(self, iteration: int) -> float:
        """The share of instructions that are selected at ``iteration`` or before."""
        return float(sum(self.selected[:iteration]))

    def asking_for_rubrics(self, instructions: float) -> float:
        """The share of entries of so many instructions each of which one at least is improved."""
        if self.asking is not None:
            return self.asking
        overall = self.reaching(2)
        if not self.improved:
            return float(1 - (1 - overall) ** instructions)
        if instructions <= 1.05 * self.each:
            return sum(some > 0 for some, _ in self.improved) / len(self.improved)
        weight = 2.0  # as if two more had been seen, of the average: an entry of five says little of itself
        rates = [(some + weight * overall) / (of + weight) for some, of in self.improved]
        return float(sum(1 - (1 - rate) ** instructions for rate in rates) / len(rates))
