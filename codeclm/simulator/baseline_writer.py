"""What the simulated models say to the prompts of the baselines."""

from __future__ import annotations

from random import Random

from codeclm.simulator import layouts, writer
from codeclm.simulator.baseline_reader import (
    BaselineRequest,
    Breadth,
    Complicate,
    Evolve,
    Generate,
    Rate,
    Same,
)
from codeclm.simulator.difficulty import difficulty_of
from codeclm.simulator.metadata import GENERAL, metadata_of
from codeclm.simulator.responder import BEST, WORST, quality_of
from codeclm.simulator.use_cases import USE_CASES

__all__ = ["answer_baseline"]

NODES_A_CLAUSE = 3
SHARE_UNCHANGED = 0.04
"""Of the evolutions, how many add nothing."""

RATE_NOISE = 0.4

DRIFT = 0.5
"""Planted: of the instructions that are to be like a given one, so many are what models write for everybody: for a
general use case, with its usual skills. Those that are written for stated metadata do not drift."""


def answer_baseline(request: BaselineRequest, rng: Random) -> tuple[str, tuple[str, ...]]:
    """The text of the answer, and what it says."""
    match request:
        case Generate(examples, count):
            items = tuple(_like(rng.choice(examples), rng) for _ in range(count))
            return layouts.lay_out_list(items, rng), items
        case Rate(_, response):
            score = _rating(response, rng)
            return rng.choice(("{:g}", "{:g}", "Score: {:g}", "{:g}/5")).format(score), (
                f"{score:g}",
            )
        case Same(first, second):
            harder = abs(difficulty_of(second) - difficulty_of(first)) > 0.1
            word = "yes" if first == second or (not harder and rng.random() < 0.5) else "no"
            return layouts.lay_out_word(word, rng), (word,)
    text = _rewritten(request, rng)
    return layouts.lay_out_instruction(text, rng), (text,)


def _rewritten(request: Complicate | Evolve | Breadth, rng: Random) -> str:
    match request:
        case Complicate(instruction, nodes):
            for _ in range(max(1, nodes // NODES_A_CLAUSE)):
                instruction = writer.improve(instruction, "", rng)
            return instruction
        case Evolve(instruction, how):
            unchanged = rng.random() < SHARE_UNCHANGED
            return instruction if unchanged else writer.improve(instruction, how, rng)
        case Breadth(instruction):
            return _like(instruction, rng)


def _like(instruction: str, rng: Random) -> str:
    use_case, skills = metadata_of(instruction, rng)
    if rng.random() < DRIFT:
        use_case = rng.choice(GENERAL)
        skills = tuple(rng.sample(USE_CASES[use_case].skills, rng.randint(1, 2)))
    return writer.write_instruction(use_case, skills, rng)


def _rating(response: str, rng: Random) -> float:
    """From 0 to 5, in halves."""
    share = (quality_of(response) - WORST) / (BEST - WORST)
    points = 5 * share + rng.gauss(0, RATE_NOISE)
    return round(2 * min(5.0, max(0.0, points))) / 2
