"""How many examples each theta yields."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from codeclm.records import Responder
from codeclm.rethreshold.decision import BOTH, FATES, Decision, Rule, Subject

__all__ = ["Counts", "Curve", "thetas_for"]

STEP = 0.5
"""Means of two scores differ by halves at the least."""


@dataclass(slots=True)
class Counts:
    """Instructions by fate; the selected ones by winner and by iteration, the others by reason."""

    fates: Counter[str] = field(default_factory=Counter)
    by_responder: Counter[str] = field(default_factory=Counter)
    by_iteration: Counter[int] = field(default_factory=Counter)
    reasons: Counter[str] = field(default_factory=Counter)

    def add(self, decision: Decision) -> None:
        """Count one instruction."""
        self.fates[decision.fate] += 1
        if decision.taken is not None:
            self.by_responder[decision.taken.winner] += 1
            self.by_iteration[decision.taken.iteration] += 1
        elif decision.fate == "undetermined":
            self.reasons[decision.reason] += 1

    def as_json(self) -> dict[str, object]:
        """Plain data."""
        return {
            **{fate: self.fates[fate] for fate in FATES},
            "selected_by_responder": dict(sorted(self.by_responder.items())),
            "selected_by_iteration": {
                str(key): self.by_iteration[key] for key in sorted(self.by_iteration)
            },
            "undetermined_because": dict(sorted(self.reasons.items())),
        }


class Curve:
    """Counts for each of ``thetas``, over all instructions added."""

    def __init__(
        self, thetas: Iterable[float], iterations: int, winners: Collection[Responder] = BOTH
    ) -> None:
        self.counts: Mapping[float, Counts] = {theta: Counts() for theta in sorted({*thetas})}
        self._rules = [Rule(theta, iterations, winners) for theta in self.counts]

    def add(self, subject: Subject) -> None:
        """Count one instruction at each theta."""
        for rule in self._rules:
            self.counts[rule.theta].add(rule.decide(subject))

    def as_json(self) -> list[dict[str, object]]:
        """A row a theta, rising."""
        return [{"theta": theta, **counts.as_json()} for theta, counts in self.counts.items()]


def thetas_for(scale: int, *more: float) -> list[float]:
    """From 0 in steps of a half to the largest that a gap can exceed, and ``more``."""
    steps = int((scale - 1) / STEP)
    return sorted({*(number * STEP for number in range(steps)), *more})
