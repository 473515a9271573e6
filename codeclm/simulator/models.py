"""The models of the simulated world: who is good at what, and how well they judge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from codeclm.simulator.seeded import seeded
from codeclm.simulator.skills import SKILLS, STRONG_SUITS, WEAK_SKILLS

__all__ = [
    "GOOD_SLOPE",
    "JUDGE",
    "RESPONSE_NOISE",
    "STRONG",
    "TARGET",
    "ModelProfile",
    "evenly_weak",
    "profiles",
]

STRONG = "sim-strong"
TARGET = "sim-target"
JUDGE = "sim-judge"

RESPONSE_NOISE = 0.3
"""Standard deviation of a response's quality around what the model is able to, in points of 10."""

MIDDLING_SKILLS = 7
"""So many skills, drawn by the seed, lie between the target's weak ones and its solid ones."""

GOOD_SLOPE, POOR_SLOPE = 0.12, 0.20
EVEN_LAG = 4.0
"""Points by which an evenly weak target is behind the strong model, whatever is asked."""

# Bands of strength, in points of 10.
_STRONG_SOLID = (8.1, 8.7)
_STRONG_IN_STRONG_SUIT = (5.9, 6.3)
_TARGET_SOLID = (7.5, 8.3)
_TARGET_MIDDLING = (5.1, 5.6)
_TARGET_WEAK = (2.0, 3.2)
_TARGET_STRONG_SUIT = (8.6, 9.0)


@dataclass(frozen=True, slots=True)
class ModelProfile:
    """One model. Strengths and qualities are points from 1 to 10; ``slope`` is lost per level of difficulty.

    ``judge_noise_factor`` scales the world's judge noise.
    """

    name: str
    strengths: Mapping[str, float]
    slope: float
    judge_noise_factor: float = 1.0

    def quality(self, skills: Sequence[str], difficulty: float) -> float:
        """What this model's response is worth on average: as good as its weakest skill allows."""
        return min(self.strengths[skill] for skill in skills) - self.slope * difficulty


def profiles(world_seed: int) -> dict[str, ModelProfile]:
    """The models by name; strengths within their bands are drawn with ``world_seed``."""
    rng = seeded(world_seed, "strengths")
    ordinary = [name for name in SKILLS if name not in WEAK_SKILLS | STRONG_SUITS]
    target_bands = (
        dict.fromkeys(SKILLS, _TARGET_SOLID)
        | dict.fromkeys(WEAK_SKILLS, _TARGET_WEAK)
        | dict.fromkeys(STRONG_SUITS, _TARGET_STRONG_SUIT)
        | dict.fromkeys(rng.sample(ordinary, MIDDLING_SKILLS), _TARGET_MIDDLING)
    )
    strong_bands = dict.fromkeys(SKILLS, _STRONG_SOLID) | dict.fromkeys(
        STRONG_SUITS, _STRONG_IN_STRONG_SUIT
    )
    strong = {name: rng.uniform(*strong_bands[name]) for name in SKILLS}
    target = {name: rng.uniform(*target_bands[name]) for name in SKILLS}
    return {
        STRONG: ModelProfile(STRONG, strong, slope=GOOD_SLOPE),
        TARGET: ModelProfile(TARGET, target, slope=POOR_SLOPE),
        JUDGE: ModelProfile(JUDGE, strong, slope=GOOD_SLOPE, judge_noise_factor=0.6),
    }


def evenly_weak(world_seed: int) -> dict[str, ModelProfile]:
    """The same models, but the target is as far behind in everything: there is nothing to tailor data to."""
    models = profiles(world_seed)
    strong = models[STRONG]
    level = sum(strong.strengths.values()) / len(strong.strengths)
    even = dict.fromkeys(SKILLS, level)
    for name in (STRONG, JUDGE):
        models[name] = replace(models[name], strengths=even)
    lagging = dict.fromkeys(SKILLS, level - EVEN_LAG)
    models[TARGET] = ModelProfile(TARGET, lagging, slope=GOOD_SLOPE)
    return models
