"""Figures over every row of a run, in one pass and bounded memory."""

from __future__ import annotations

from collections import Counter

from codeclm.report.gaps import Gaps
from codeclm.report.judge import JudgeFigures
from codeclm.report.lineage import Lineage
from codeclm.report.reasons import Reasons
from codeclm.report.texts import Lengths, Sample
from codeclm.report.topics import Topics

__all__ = ["Figures"]


class Figures:
    """What a report counts; ``theta`` and ``scale`` are those of the run."""

    def __init__(self, theta: float, scale: int) -> None:
        self.theta, self.scale = theta, scale
        self.fates: Counter[str] = Counter()  # instructions
        self.others_failed = 0  # seeds, pairs and units
        self.iterations: Counter[tuple[str, int]] = Counter()
        self.judged = 0
        self.gaps = Gaps(theta, scale)
        self.judge = JudgeFigures()
        self.use_cases, self.skills = Topics(), Topics()
        self.reasons = Reasons()
        self.lengths = {name: Lengths() for name in ("instruction", "chosen", "strong", "target")}
        self.sample = Sample()

    @property
    def rows(self) -> int:
        """Everything that was counted."""
        return self.fates.total() + self.others_failed

    @property
    def last_iteration(self) -> int:
        """The last that any instruction came to; 0 where there is none."""
        return max((number for _, number in self.iterations), default=0)

    def add(self, lineage: Lineage) -> None:
        """Count one row."""
        if lineage.fate != "selected":
            self.reasons.add(lineage)
        if not lineage.rounds:
            self.others_failed += 1
            return
        self.fates[lineage.fate] += 1
        self.iterations[lineage.fate, lineage.iteration] += 1
        self._add_topics(lineage)
        self._add_rounds(lineage)
        if lineage.fate == "selected":
            self._add_selected(lineage)

    def _add_topics(self, lineage: Lineage) -> None:
        selected = lineage.fate == "selected"
        if lineage.use_case:
            self.use_cases.add(lineage.use_case, selected=selected)
        for skill in dict.fromkeys(lineage.skills):
            self.skills.add(skill, selected=selected)

    def _add_rounds(self, lineage: Lineage) -> None:
        self.judged += any(one.gap is not None for one in lineage.rounds)
        for one in lineage.rounds:
            self.judge.add(one)
            if one.gap is not None:
                self.gaps.add(one.gap)
            if one.strong is not None:
                self.lengths["strong"].add(one.strong)
            if one.target is not None:
                self.lengths["target"].add(one.target)

    def _add_selected(self, lineage: Lineage) -> None:
        response = lineage.response or ""
        self.lengths["instruction"].add(lineage.instruction)
        self.lengths["chosen"].add(response)
        self.sample.add(lineage.id, lineage.instruction, response)
