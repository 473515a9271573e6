"""Fine-tuning in the simulated world: a stated, simple law of what a model learns from examples.

1. An example teaches its skills by as much as its response is better than what the model itself would have said, in
   points: what it can do already teaches nothing. With ``g`` points in all for a skill, the model's strength in it
   goes ``1 - exp(-g / POINTS_A_SKILL)`` of the way from where it is to the level that the responses show.
2. Practice on hard instructions makes difficulty cost less. With ``d`` levels of difficulty in all, the slope goes
   ``1 - exp(-d / LEVELS)`` of the way down to that of a good model.

The law knows nothing of where the examples come from. It is the simulation's own: no claim about any real model.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import replace

from codeclm.simulator.difficulty import difficulty_of
from codeclm.simulator.metadata import skills_of
from codeclm.simulator.models import GOOD_SLOPE, ModelProfile
from codeclm.simulator.responder import quality_of

__all__ = ["LEVELS", "POINTS_A_SKILL", "tuned"]

POINTS_A_SKILL = 25.0
LEVELS = 1_000.0


def tuned(profile: ModelProfile, name: str, examples: Iterable[tuple[str, str]]) -> ModelProfile:
    """What becomes of ``profile`` under the ``name``, trained on pairs of instruction and response."""
    points: defaultdict[str, float] = defaultdict(float)
    levels_shown: defaultdict[str, float] = defaultdict(float)
    difficulty_seen = 0.0
    for instruction, response in examples:
        skills, difficulty = skills_of(instruction), difficulty_of(instruction)
        difficulty_seen += difficulty
        shown = quality_of(response) + profile.slope * difficulty
        for skill in skills:
            lesson = shown - profile.strengths[skill]
            if lesson > 0:
                points[skill] += lesson / len(skills)
                levels_shown[skill] += shown * lesson / len(skills)
    strengths = dict(profile.strengths)
    for skill, gained in points.items():
        level = levels_shown[skill] / gained
        strengths[skill] += (level - strengths[skill]) * _way(gained, POINTS_A_SKILL)
    slope = profile.slope - max(0.0, profile.slope - GOOD_SLOPE) * _way(difficulty_seen, LEVELS)
    return replace(profile, name=name, strengths=strengths, slope=slope)


def _way(amount: float, scale: float) -> float:
    return 1 - math.exp(-amount / scale)
