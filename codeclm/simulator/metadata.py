"""Reads use case and skills out of an instruction's words, as an encoding model would."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence, Set
from random import Random

from codeclm.simulator.seeded import seeded
from codeclm.simulator.skills import SKILL_OF_KEYWORD
from codeclm.simulator.use_cases import USE_CASES, UseCase
from codeclm.simulator.words import words

__all__ = ["GENERAL", "choose_from", "metadata_of", "skills_of", "use_case_of"]

MAX_SKILLS = 3
GENERAL = ("question answering", "personal advice", "creative writing", "science explanation")
_KEYWORDS = frozenset(SKILL_OF_KEYWORD)
_USE_CASES_OF_KEYWORD: dict[str, list[str]] = {}
_USE_CASES_OF_SKILL: dict[str, list[str]] = {}
for _case in USE_CASES.values():
    for _keyword in _case.keywords:
        _USE_CASES_OF_KEYWORD.setdefault(_keyword, []).append(_case.name)
    for _skill in _case.skills:
        _USE_CASES_OF_SKILL.setdefault(_skill, []).append(_case.name)


def skills_of(instruction: str, its_words: Set[str] | None = None) -> tuple[str, ...]:
    """The 1 to 3 skills that ``instruction`` needs, clearest first; by hash where no word tells."""
    known = _KEYWORDS.intersection(words(instruction) if its_words is None else its_words)
    if not known:
        rng = seeded("skills", instruction)
        return tuple(rng.sample(_typical(use_case_of(instruction)), rng.randint(1, 2)))
    hits = Counter(SKILL_OF_KEYWORD[keyword] for keyword in known)
    return tuple(sorted(hits, key=lambda skill: (-hits[skill], skill))[:MAX_SKILLS])


def use_case_of(instruction: str) -> str:
    """The use case that the words of ``instruction`` speak for; a general one by hash where none does."""
    votes: Counter[str] = Counter()
    for word in words(instruction):
        for name in _USE_CASES_OF_KEYWORD.get(word, ()):
            votes[name] += 2
        for name in _USE_CASES_OF_SKILL.get(SKILL_OF_KEYWORD.get(word, ""), ()):
            votes[name] += 1
    if not votes:
        return seeded("use case", instruction).choice(GENERAL)
    return min(votes, key=lambda name: (-votes[name], name))


def metadata_of(instruction: str, rng: Random) -> tuple[str, tuple[str, ...]]:
    """Use case and skills; a lone skill gets company from the use case's usual ones half of the time."""
    use_case, skills = use_case_of(instruction), skills_of(instruction)
    if len(skills) == 1 and rng.random() < 0.5:
        others = [skill for skill in _typical(use_case) if skill not in skills]
        skills = (*skills, rng.choice(others))
    return use_case, skills


def choose_from(allowed: Sequence[str], wanted: Sequence[str], rng: Random) -> tuple[str, ...]:
    """Entries of ``allowed`` that are, or share a word with, one of ``wanted``; one at random if none."""
    chosen: list[str] = []
    for name in wanted:
        its_words = words(name)
        near = max(
            allowed, key=lambda entry: (entry.casefold() == name, len(words(entry) & its_words))
        )
        if words(near) & its_words and near not in chosen:
            chosen.append(near)
    return tuple(chosen) or (rng.choice(list(allowed)),)


def _typical(use_case: str) -> tuple[str, ...]:
    case: UseCase = USE_CASES[use_case]
    return case.skills
