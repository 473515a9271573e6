"""Pairwise evaluation as a pipeline: both respond, a judge rates in both orders (section 5 of the paper)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Protocol

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.evaluation.records import Judged, Match, Responses, TestItem
from codeclm.llm.chat import Completion
from codeclm.methods.job import Job
from codeclm.stages.both import both
from codeclm.stages.evaluate import Evaluate
from codeclm.stages.prompt import CUT_OFF
from codeclm.stages.respond import Respondent

__all__ = ["JUDGE_PRIORITY", "RESPOND_PRIORITY", "Asked", "Players", "Responding", "pairwise"]

JUDGE_PRIORITY, RESPOND_PRIORITY = 0, 1
"""At the endpoint: what has its responses is finished first."""


class Responding(Protocol):
    """A model, or a file of answers."""

    async def respond(self, item: TestItem) -> Completion:
        """The response to ``item``."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A model that responds."""

    respondent: Respondent

    async def respond(self, item: TestItem) -> Completion:
        """Its response to ``item``."""
        return await self.respondent.respond(item)


@dataclass(frozen=True, slots=True)
class Players:
    """The candidates by name, the reference, and how many matches may be under way at once."""

    candidates: Mapping[str, Responding]
    reference: Responding
    at_once: int


def pairwise(
    items: Sequence[TestItem],
    players: Players,
    judge: Evaluate,
    done: Callable[[str], bool] = lambda _: False,
) -> Job:
    """Each candidate against the reference on each of ``items``. ``done`` knows the matches that are on record.

    Candidates share the reference's responses: equal calls are one call.
    """

    async def respond(match: Match) -> Sequence[Responses]:
        candidate, reference = await both(
            players.candidates[match.candidate].respond(match.item),
            players.reference.respond(match.item),
        )
        cut_off = (candidate.finish_reason in CUT_OFF, reference.finish_reason in CUT_OFF)
        return [Responses(match, candidate.text, reference.text, *cut_off)]

    async def rate(responses: Responses) -> Sequence[Judged]:
        instruction = responses.match.item.instruction
        judged = await judge(instruction, responses.candidate, responses.reference)
        return [Judged(responses, *judged)]

    async def matches() -> AsyncIterator[Match]:
        for item in items:
            for name in players.candidates:
                match = Match(item, name)
                if not done(match.id):
                    yield match

    stage = partial(Stage, workers=players.at_once, capacity=players.at_once)
    pipeline = Pipeline(
        [
            stage("respond", respond, Match, (Responses,)),
            stage("judge", rate, Responses, (Judged,)),
        ],
        (Judged,),
        tickets=players.at_once,
    )
    asked = len(items) * len(players.candidates)
    counts = {"items": len(items), "asked": asked, "missing": 0, "lost": 0}
    return Job(pipeline, matches(), lambda: counts)
