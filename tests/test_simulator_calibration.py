"""The method by hand on the simulated world: what is planted comes out, with the shares the paper saw."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from statistics import mean

import pytest
from jinja2 import Template

from codeclm.simulator import World
from codeclm.simulator.models import JUDGE, STRONG, TARGET
from codeclm.stages import decode, encode, improve, judge, rubrics

ENCODE, DECODE, RUBRICS, IMPROVE, SHOWN = (
    Template(stage.TEMPLATE) for stage in (encode, decode, rubrics, improve, judge)
)
SEEDS, ENTRIES, EACH, ITERATIONS, THETA = 60, 200, 10, 4, 3
WORLDS = (0, 1, 2)

Metadata = tuple[str, tuple[str, ...]]


@dataclass
class Outcome:
    """What became of the instructions: selections by iteration, and gaps with and without the swap."""

    world: World
    instructions: list[str]
    selected: list[tuple[str, int]] = field(default_factory=list)
    target_wins: int = 0
    gaps_strong_first: list[float] = field(default_factory=list)
    gaps_both: list[float] = field(default_factory=list)

    @property
    def by_iteration(self) -> list[int]:
        counts = Counter(iteration for _, iteration in self.selected)
        return [counts[i] for i in range(1, ITERATIONS + 1)]

    def weak_share(self, instructions: Sequence[str]) -> float:
        """Share of the instructions that need a weak skill of the target."""
        return mean(
            not self.world.weak_skills.isdisjoint(self.world.skills_of(i)) for i in instructions
        )

    @property
    def enrichment(self) -> float:
        """Weak skills in the selected instructions (as first decoded) against all of them."""
        selected = [instruction for instruction, _ in self.selected]
        return self.weak_share(selected) / self.weak_share(self.instructions)


def ask(world: World, model: str, prompt: str, seed: int | None = 0) -> tuple[str, ...]:
    """The content of the first readable answer; ``seed`` None asks at temperature 0 first."""
    messages = [{"role": "user", "content": prompt}]
    for draw in range(10):
        drawn = draw or seed if seed is None else seed + draw
        answer = world.answer(model, messages, temperature=0.7 if drawn else 0.0, seed=drawn)
        if answer.content:
            return answer.content
    raise AssertionError("ten unreadable answers in a row")


def metadata_of_seeds(world: World, rng: Random) -> list[Metadata]:
    """Metadata of the world's own seeds, extended by mix and match."""
    found = [ask(world, STRONG, ENCODE.render(instruction=i), 1) for i in world.seeds(SEEDS)]
    entries = [(use_case, skills) for use_case, *rest in found if (skills := tuple(rest))]
    use_cases = sorted({use_case for use_case, _ in entries})
    union = sorted({skill for _, skills in entries for skill in skills})
    while len(entries) < ENTRIES:
        entries.append((rng.choice(use_cases), tuple(rng.sample(union, rng.randint(1, 3)))))
    return entries


def gaps(world: World, instruction: str, judge_model: str) -> tuple[float, float]:
    """The gap with strong shown first, and with target shown first."""
    strong, target = (ask(world, model, instruction)[0] for model in (STRONG, TARGET))
    first, second = (
        [float(score) for score in ask(world, judge_model, prompt, None)]
        for prompt in (
            SHOWN.render(instruction=instruction, first_response=strong, second_response=target),
            SHOWN.render(instruction=instruction, first_response=target, second_response=strong),
        )
    )
    return first[0] - first[1], second[1] - second[0]


@cache
def run_method(world_seed: int, judge_model: str = STRONG) -> Outcome:
    """Encode, decode, and up to four iterations of rubrics, improve and filter."""
    world, rng = World(world_seed), Random(world_seed)
    drafts = [
        (metadata, instruction)
        for metadata in metadata_of_seeds(world, rng)
        for draw in range(EACH // 5)
        for instruction in ask(
            world,
            STRONG,
            DECODE.render(use_case=metadata[0], skills=metadata[1], count=5),
            10 + 10 * draw,
        )
    ]
    outcome = Outcome(world, [instruction for _, instruction in drafts])
    for metadata, instruction in drafts:
        follow(outcome, metadata, instruction, judge_model, rng)
    return outcome


def follow(
    outcome: Outcome, metadata: Metadata, instruction: str, judge_model: str, rng: Random
) -> None:
    """One instruction through the iterations."""
    text = instruction
    for iteration in range(1, ITERATIONS + 1):
        strong_first, target_first = gaps(outcome.world, text, judge_model)
        gap = (strong_first + target_first) / 2
        outcome.gaps_strong_first.append(strong_first)
        outcome.gaps_both.append(gap)
        if abs(gap) > THETA:
            outcome.selected.append((instruction, iteration))
            outcome.target_wins += gap < 0
            return
        asked = RUBRICS.render(use_case=metadata[0], skills=metadata[1], count=4)
        action = rng.choice(ask(outcome.world, STRONG, asked, 1)[4:])
        text = ask(outcome.world, STRONG, IMPROVE.render(action=action, instruction=text), 1)[0]


@pytest.mark.parametrize("seed", WORLDS)
def test_about_a_third_is_selected(seed: int) -> None:
    """The filter neither takes nearly everything nor nearly nothing."""
    outcome = run_method(seed)
    assert len(outcome.instructions) >= 1900
    assert 0.25 <= len(outcome.selected) / len(outcome.instructions) <= 0.45


@pytest.mark.parametrize("seed", WORLDS)
def test_most_selections_come_from_the_first_iteration_and_each_later_one_gives_fewer(
    seed: int,
) -> None:
    """More than half at once, then strictly fewer each time, but never none."""
    first, second, third, fourth = run_method(seed).by_iteration
    assert first > (first + second + third + fourth) / 2
    assert first > second > third > fourth > 0


@pytest.mark.parametrize("seed", WORLDS)
def test_the_selection_is_enriched_in_the_planted_weak_skills(seed: int) -> None:
    """Weak skills are at least twice as frequent in what is selected as in what was decoded."""
    assert run_method(seed).enrichment >= 2


@pytest.mark.parametrize("seed", WORLDS)
def test_few_instructions_are_won_by_the_target(seed: int) -> None:
    """The other end of the gap occurs, rarely."""
    outcome = run_method(seed)
    assert 0.002 <= outcome.target_wins / len(outcome.instructions) <= 0.04


@pytest.mark.parametrize("seed", WORLDS)
def test_without_the_swap_the_position_bias_shows_and_with_it_it_does_not(seed: int) -> None:
    """Strong shown first gains the bias in every gap; the mean of both orders is as with an unbiased judge."""
    outcome = run_method(seed)
    bias = outcome.world.position_bias
    assert mean(outcome.gaps_strong_first) - mean(outcome.gaps_both) == pytest.approx(bias, abs=0.1)
    fair = World(seed, position_bias=0.0)
    sample = outcome.instructions[:400]
    without_bias = [gaps(fair, instruction, STRONG) for instruction in sample]
    with_bias = [gaps(outcome.world, instruction, STRONG) for instruction in sample]
    assert mean(map(mean, with_bias)) == pytest.approx(mean(map(mean, without_bias)), abs=0.15)
    assert mean(a - b for a, b in with_bias) == pytest.approx(2 * bias, abs=0.25)
    assert mean(a - b for a, b in without_bias) == pytest.approx(0, abs=0.15)


def test_the_judge_model_errs_less() -> None:
    """Over the same responses the scores of the judging model scatter less than the strong model's."""
    world = World(0, position_bias=0.0)
    sample = run_method(0).instructions[:400]

    def scatter(judge_model: str) -> float:
        return mean(abs(a - b) for a, b in (gaps(world, i, judge_model) for i in sample))

    assert scatter(JUDGE) < scatter(STRONG)
