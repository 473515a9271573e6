"""What travels through an evaluation: TestItem -> Match -> Responses -> Judged."""

from __future__ import annotations

from dataclasses import dataclass

from codeclm.evaluation.crr import Outcome, outcome_of
from codeclm.parsing.explained_scores import ExplainedScores
from codeclm.records import digest

__all__ = ["Judged", "Match", "Responses", "TestItem"]


@dataclass(frozen=True, slots=True)
class TestItem:
    """An instruction of a test set; ``number`` is its place there, from 0. ``category`` may be its class of length."""

    __test__ = False  # no test, whatever its name begins with

    number: int
    id: str
    instruction: str
    category: str = ""

    @property
    def iteration(self) -> int:
        """It is of none: nothing has improved it."""
        return 0


@dataclass(frozen=True, slots=True)
class Match:
    """One candidate against the reference on one instruction."""

    item: TestItem
    candidate: str

    @property
    def id(self) -> str:
        """The same in every run on the same test set."""
        item = self.item
        return digest("match", item.number, item.id, item.instruction, self.candidate)


@dataclass(frozen=True, slots=True)
class Responses:
    """Both responses; one that was cut off at its token limit is judged as it is."""

    match: Match
    candidate: str
    reference: str
    candidate_cut_off: bool = False
    reference_cut_off: bool = False


@dataclass(frozen=True, slots=True)
class Judged:
    """What the judge said with the candidate shown first, and with the reference shown first."""

    responses: Responses
    candidate_first: ExplainedScores
    reference_first: ExplainedScores

    @property
    def scores(self) -> tuple[tuple[float, float], tuple[float, float]]:
        """(candidate, reference) in either order."""
        one, other = self.candidate_first, self.reference_first
        return (one.first, one.second), (other.second, other.first)

    @property
    def outcome(self) -> Outcome:
        """What that comes to for the candidate."""
        return outcome_of(*self.scores)
