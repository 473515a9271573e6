"""What an export holds, in numbers."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from codeclm.export.choice import Example, Preference

__all__ = ["Figures"]

MOST_USE_CASES = 10_000
"""Different ones that are told apart, so that memory has a bound."""


@dataclass(slots=True)
class Figures:
    """Counts over all that was taken; ``first`` is the first record of each split."""

    records: Counter[str] = field(default_factory=Counter)
    by_winner: Counter[str] = field(default_factory=Counter)
    by_iteration: Counter[int] = field(default_factory=Counter)
    use_cases: Counter[str] = field(default_factory=Counter)
    first: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    taken: int = 0
    gaps: int = 0
    gap_sum: float = 0.0

    def take(self, one: Example | Preference) -> None:
        """Count what is exported."""
        self.taken += 1
        if isinstance(one, Preference):
            self._count(one.winner, one.iteration, one.gap)
            return
        row = one.row
        self._count(row["responder"], row["iteration"], row.get("gap"))
        use_case = str(row.get("use_case") or "")
        if use_case and (use_case in self.use_cases or len(self.use_cases) < MOST_USE_CASES):
            self.use_cases[use_case] += 1

    def write(self, split: str, record: Mapping[str, Any]) -> None:
        """Count a record of ``split``."""
        self.records[split] += 1
        self.first.setdefault(split, record)

    @property
    def mean_gap(self) -> float | None:
        """The mean of the gaps without their sign; None where nothing was judged."""
        return self.gap_sum / self.gaps if self.gaps else None

    def _count(self, winner: str, iteration: int, gap: float | None) -> None:
        self.by_winner[winner] += 1
        self.by_iteration[iteration] += 1
        if gap is not None:
            self.gaps += 1
            self.gap_sum += abs(gap)
