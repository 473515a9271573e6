"""Encode: an instruction into its metadata (section 3.2 of the paper; its only few-shot prompt)."""

from __future__ import annotations

from collections.abc import Sequence

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.fields import read_use_case_and_skills
from codeclm.records import Metadata

__all__ = ["TEMPLATE", "parse_metadata"]

_MOST_SKILLS = 3
_MOST_COMMAS = 3  # within one name of a given list
_LONGEST_USE_CASE, _LONGEST_SKILL = 200, 100  # in characters; more is an explanation

TEMPLATE = """\
You describe instructions by what they are for and what it takes to answer them.

For the last instruction below, give
- its use case: the task behind it, in a few words;
- its skills: at most 3 abilities that a good answer needs, most important first, 2 or 3 words each, \
general enough to serve other use cases too. Do not use the words "skill" or "knowledge".
{%- if use_cases %}
Choose the use case from this list, word for word: {{ use_cases | join("; ") }}.
{%- endif %}
{%- if skills %}
Choose the skills from this list, word for word: {{ skills | join("; ") }}.
{%- endif %}
Write use case and skills in {{ language or "the language of the instruction" }}. Do not explain. Answer \
with two lines, as in these examples.

Instruction: You are the keeper of a lighthouse that is about to be automated. Write your last log entry.
Use case: creative writing
Skills: role-play, vivid description, emotional tone

Instruction: My script reads a 4 GB CSV file into a list and dies. How do I sum one column without running \
out of memory?
Use case: code debugging
Skills: python programming, memory management, file processing

Instruction: A tank fills in 6 hours and drains in 9. How long until it is full with both valves open? Show \
each step.
Use case: math problem solving
Skills: rate reasoning, step-by-step explanation

Instruction: {{ instruction }}
"""


def parse_metadata(
    text: str, *, use_cases: Sequence[str] = (), skills: Sequence[str] = ()
) -> Metadata:
    """The use case and the first 3 distinct skills that ``text`` names, in labelled lines, two bare lines or JSON.

    With ``use_cases`` or ``skills`` given, only these are accepted, in their own spelling; case and white space
    do not count. Raises ParseError where the use case, or every skill, is missing or not among them.
    """
    with answer_in(text) as answer:
        use_case, listed = read_use_case_and_skills(answer)
        named = _among([use_case], use_cases)
        if not named or len(named[0]) > _LONGEST_USE_CASE:
            raise ParseError(f"no use case, or not one of those given: {use_case[:80]!r}")
        chosen = _among(listed, skills)[:_MOST_SKILLS]
        if not chosen or any(len(skill) > _LONGEST_SKILL for skill in chosen):
            raise ParseError("no skills, or none of those given")
        return Metadata(named[0], tuple(chosen))


def _among(values: Sequence[str], known: Sequence[str]) -> list[str]:
    """Distinct ``values`` that are ``known``, in its spelling; all of them where nothing is known.

    A known name that holds commas is put together again from the values into which it was split.
    """
    if not known:
        distinct: dict[str, str] = {}
        for value in values:
            distinct.setdefault(value.casefold(), value)
        return [value for value in distinct.values() if value]
    spelling = {_normal(name): name for name in known}
    found: list[str] = []
    place = 0
    while place < len(values):
        for size in range(_MOST_COMMAS + 1, 0, -1):
            name = spelling.get(_normal(",".join(values[place : place + size])))
            if name or size == 1:
                break
        found += [name] if name and name not in found else []
        place += size
    return found


def _normal(name: str) -> str:
    return "".join(name.casefold().split()).rstrip(".")
