"""Writes what the simulated models are asked to invent: instructions, rubrics, actions, harder instructions."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

from codeclm.simulator.difficulty import ASPECTS, aspect_of_action, harder_clause
from codeclm.simulator.metadata import use_case_of
from codeclm.simulator.skills import SKILLS
from codeclm.simulator.use_cases import AUDIENCES, DETAILS, FORMS, USE_CASES

__all__ = ["improve", "write_instruction", "write_instructions", "write_rubrics"]

SHARE_WITH_DUPLICATE = 0.01
"""Of the lists, how many repeat one of their own items."""

SHARE_MISCOUNTED = 0.01
"""Of the lists, how many hold one item more or less than asked for."""

_CLAUSES = (0, 0, 0, 1, 1, 2)
_MONTHS = ("January", "March", "April", "June", "July", "September", "October", "December")


def write_instructions(
    use_case: str, skills: Sequence[str], count: int, rng: Random
) -> tuple[str, ...]:
    """About ``count`` instructions for ``use_case`` whose answers need ``skills``.

    One list in a hundred holds a duplicate, another one in a hundred one item too many or too few.
    """
    fate = rng.random()
    if fate < SHARE_MISCOUNTED:
        count = max(1, count + rng.choice((-1, 1)))
    items = [write_instruction(use_case, skills, rng) for _ in range(count)]
    if SHARE_MISCOUNTED <= fate < SHARE_MISCOUNTED + SHARE_WITH_DUPLICATE and count > 1:
        items[-1] = items[0]
    return tuple(items)


def write_instruction(use_case: str, skills: Sequence[str], rng: Random) -> str:
    """One instruction, with a text, table or code where it speaks of one."""
    case = USE_CASES.get(use_case) or USE_CASES[use_case_of(use_case)]
    topic, audience = rng.choice(case.topics), rng.choice(AUDIENCES)
    frame = rng.choice(case.frames)
    ask = frame.format(t=topic, a=audience, a_cap=audience[0].upper() + audience[1:])
    middle = [_cue(skill, rng) for skill in skills]
    if rng.random() < 0.6:
        middle.append(rng.choice(DETAILS))
    if rng.random() < 0.5:
        middle.append(rng.choice(FORMS))
    rng.shuffle(middle)
    text = " ".join([ask, *middle])
    for _ in range(rng.choice(_CLAUSES)):
        text = f"{text} {harder_clause(text, rng.choice(ASPECTS), rng)}"
    return text + _attachment(case.name, frame, topic, rng)


def improve(instruction: str, action: str, rng: Random) -> str:
    """``instruction`` with a clause that does what ``action`` says, before any text or code it carries."""
    clause = harder_clause(instruction, aspect_of_action(action, rng), rng)
    head, line_end, rest = instruction.partition("\n")
    return f"{head.rstrip()} {clause}{line_end}{rest}"


def write_rubrics(
    use_case: str, skills: Sequence[str], count: int, rng: Random
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """``count`` rubrics and the actions that belong to them, in the same order."""
    aspects = [*rng.sample(ASPECTS, min(count, len(ASPECTS)))]
    aspects += rng.choices(ASPECTS, k=count - len(aspects))
    rubrics = [rng.choice(aspect.rubrics) for aspect in aspects]
    actions = [rng.choice(aspect.actions) for aspect in aspects]
    if skills:
        named = f", in particular where {rng.choice(list(skills))} is needed"
        rubrics[0] = rubrics[0].rstrip(".") + named + "."
    return tuple(rubrics), tuple(actions)


def _cue(skill: str, rng: Random) -> str:
    known = SKILLS.get(skill.casefold())
    return rng.choice(known.cues) if known else f"It takes {skill} to do this well."


def _attachment(use_case: str, frame: str, topic: str, rng: Random) -> str:
    if "below" in frame:
        return "\n" + (_values(rng) if use_case == "data analysis" else _passage(topic, rng))
    if use_case == "code debugging" and rng.random() < 0.4:
        return "\n\n" + _code(topic, rng)
    return ""


def _values(rng: Random) -> str:
    start = rng.randrange(len(_MONTHS) - 4)
    months = _MONTHS[start : start + 4]
    return "\n".join(f"{month}: {rng.randrange(40, 990)}" for month in months)


def _passage(topic: str, rng: Random) -> str:
    year, share = rng.randrange(1990, 2024), rng.randrange(11, 89)
    return (
        f'"Few expected much of {topic} in {year}. Since then about {share} in a hundred residents have '
        f'come across it, and {rng.randrange(3, 40)} towns have asked for advice. Not all are pleased."'
    )


def _code(topic: str, rng: Random) -> str:
    limit = rng.randrange(10, 5000)
    word = max(topic.split(), key=len).removesuffix("'s").replace("-", "_").lower()
    return (
        f"```\nitems = []\nwhile len(items) != {limit}:\n    items += fetch_{word}(items)\n"
        f"print(items[{limit}])\n```"
    )
