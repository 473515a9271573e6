"""The project's own parsers read what the simulated models write, whatever its layout."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from random import Random

import pytest
from jinja2 import Template

from codeclm.errors import ParseError
from codeclm.parsing.explained_scores import parse_explained_scores
from codeclm.parsing.scores import parse_scores
from codeclm.simulator import Answer, World
from codeclm.simulator.difficulty import ASPECTS
from codeclm.simulator.models import STRONG
from codeclm.simulator.sentences import FILLER, SUBSTANCE
from codeclm.simulator.use_cases import USE_CASES
from codeclm.stages import augment, decode, encode, evaluate, improve, judge, rubrics
from codeclm.stages.augment import parse_yes_no
from codeclm.stages.decode import parse_instructions
from codeclm.stages.encode import parse_metadata
from codeclm.stages.improve import parse_instruction
from codeclm.stages.rubrics import parse_rubrics

ANSWERS = 2_000
ENCODE, DECODE, RUBRICS, IMPROVE, JUDGE, CHECK, EVALUATE = (
    Template(stage.TEMPLATE)
    for stage in (encode, decode, rubrics, improve, judge, augment, evaluate)
)
WORLD = World(0, unreadable_share=0.0)
SEEDS = WORLD.seeds(ANSWERS)


def entry(number: int) -> dict[str, object]:
    """A use case and some of its skills."""
    case = list(USE_CASES.values())[number % len(USE_CASES)]
    return {"use_case": case.name, "skills": Random(number).sample(case.skills, 1 + number % 3)}


def improve_prompt(number: int) -> str:
    action = ASPECTS[number % len(ASPECTS)].actions[number % 2]
    return str(IMPROVE.render(action=action, instruction=SEEDS[number]))


def judge_prompt(number: int, template: Template = JUDGE) -> str:
    first, second = " ".join(SUBSTANCE[: number % 30]), " ".join(FILLER[: number % 7])
    shown = {"first_response": first, "second_response": second}
    return str(template.render(instruction=SEEDS[number], **shown))


def read_evaluation(text: str) -> Sequence[str]:
    read = parse_explained_scores(text)
    return (f"{read.first:g}", f"{read.second:g}", read.explanation)


def read_metadata(text: str) -> Sequence[str]:
    metadata = parse_metadata(text)
    return (metadata.use_case.lower(), *metadata.skills)


def read_rubrics(text: str) -> Sequence[str]:
    found, actions = parse_rubrics(text)
    return (*found, *actions)


KINDS: dict[str, tuple[Callable[[int], str], Callable[[str], Sequence[str]]]] = {
    "encode": (lambda i: ENCODE.render(instruction=SEEDS[i]), read_metadata),
    "check": (
        lambda i: CHECK.render(**entry(i)),
        lambda text: ["yes" if parse_yes_no(text) else "no"],
    ),
    "decode": (lambda i: DECODE.render(**entry(i), count=5), parse_instructions),
    "rubrics": (lambda i: RUBRICS.render(**entry(i), count=4), read_rubrics),
    "improve": (improve_prompt, lambda text: [parse_instruction(text)]),
    "judge": (judge_prompt, lambda text: [f"{score:g}" for score in parse_scores(text)]),
    "evaluate": (lambda i: judge_prompt(i, EVALUATE), read_evaluation),
}


def asked(world: World, prompt: str, seed: int) -> Answer:
    return world.answer(STRONG, [{"role": "user", "content": prompt}], seed=seed)


@pytest.mark.parametrize("kind", KINDS)
def test_readable_answers_are_read_without_loss(kind: str) -> None:
    """Two thousand answers of each kind say to the parser exactly what the world meant."""
    prompt, parse = KINDS[kind]
    for number in range(ANSWERS):
        answer = asked(WORLD, prompt(number), number)
        assert answer.kind == kind
        assert tuple(parse(answer.text)) == answer.content, answer.text


@pytest.mark.parametrize("kind", KINDS)
def test_unreadable_answers_are_errors(kind: str) -> None:
    """A refusal or garbage is never taken for an answer."""
    prompt, parse = KINDS[kind]
    world = World(0, unreadable_share=1.0)
    for number in range(50):
        text = asked(world, prompt(number), number).text
        with pytest.raises(ParseError):
            pytest.fail(f"read {parse(text)} from {text!r}")
