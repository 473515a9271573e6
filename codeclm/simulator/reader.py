"""Reads a prompt: what is asked, and with which words. Anything unknown is an instruction to respond to.

A prompt is recognised by its opening sentence (the judge's also by its frame) and taken apart at its
labels. Free text inside a prompt may contain the same labels, so every part is looked for from the side
on which only the prompt's own words stand.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass

from codeclm.simulator.baseline_reader import BASELINE_READERS, BaselineRequest

__all__ = [
    "PREFLIGHT",
    "Check",
    "Decode",
    "Encode",
    "Evaluate",
    "Improve",
    "Judge",
    "Preflight",
    "Request",
    "Respond",
    "Rubrics",
    "read_prompt",
]


@dataclass(frozen=True, slots=True)
class Encode:
    """Asks for use case and skills of an instruction, perhaps out of given lists (empty: any)."""

    instruction: str
    use_cases: tuple[str, ...] = ()
    skills: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Check:
    """Asks whether a use case and skills go together."""

    use_case: str
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decode:
    """Asks for ``count`` instructions."""

    use_case: str
    skills: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Rubrics:
    """Asks for ``count`` rubrics and as many actions."""

    use_case: str
    skills: tuple[str, ...]
    count: int


@dataclass(frozen=True, slots=True)
class Improve:
    """Asks to make an instruction harder by an action."""

    action: str
    instruction: str


@dataclass(frozen=True, slots=True)
class Judge:
    """Asks for two scores from 1 to ``scale``."""

    instruction: str
    first: str
    second: str
    scale: int


@dataclass(frozen=True, slots=True)
class Evaluate:
    """Asks for two scores from 1 to ``scale`` and an explanation."""

    instruction: str
    first: str
    second: str
    scale: int


@dataclass(frozen=True, slots=True)
class Respond:
    """Asks for a response to an instruction."""

    instruction: str


@dataclass(frozen=True, slots=True)
class Preflight:
    """Asks for a sign of life: the whole prompt is PREFLIGHT."""


Request = (
    Preflight
    | Encode
    | Check
    | Decode
    | Rubrics
    | Improve
    | Judge
    | Evaluate
    | Respond
    | BaselineRequest
)

PREFLIGHT = "Reply with OK."
"""What sessions ask first, to see whether a model answers at all."""

# The instruction follows the last demonstration: a skills line, an empty line, the label.
_AFTER_DEMONSTRATIONS = re.compile(r"\nSkills: [^\n]*\n\nInstruction: ")
_USE_CASE_LIST = re.compile(r"Choose the use case from this list[^:\n]*: ([^\n]*)\.\n")
_SKILL_LIST = re.compile(r"Choose the skills from this list[^:\n]*: ([^\n]*)\.\n")
_COUNT = re.compile(r"\nNumber of [^:\n]*: *(\d+)\s*$")
_SCALE = re.compile(r"from 1 to (\d+)")
_ASK_AT_MOST = 50


def _choices(pattern: re.Pattern[str], text: str) -> tuple[str, ...]:
    found = pattern.search(text)
    return tuple(part.strip() for part in found[1].split(";")) if found else ()


def _encode(text: str) -> Encode | None:
    ends = [match.end() for match in _AFTER_DEMONSTRATIONS.finditer(text)]
    start = ends[-1] if ends else text.find("\nInstruction: ") + len("\nInstruction: ")
    instruction = text[start:].strip()
    head = text[:start]
    if not instruction:
        return None
    return Encode(instruction, _choices(_USE_CASE_LIST, head), _choices(_SKILL_LIST, head))


def _metadata(text: str) -> tuple[str, tuple[str, ...], int] | None:
    """Use case, skills and the number asked for (1 if none), from the last lines of a prompt."""
    count = _COUNT.search(text)
    _, found, rest = text.rpartition("\nUse case: ")
    use_case, _, rest = rest.partition("\n")
    label, _, skills = rest.partition("\n")[0].partition("Skills: ")
    if not found or label:
        return None
    asked = min(max(1, int(count[1])), _ASK_AT_MOST) if count else 1
    return use_case.strip(), tuple(s.strip() for s in skills.split(",") if s.strip()), asked


def _check(text: str) -> Check | None:
    metadata = _metadata(text)
    return metadata and Check(*metadata[:2])


def _decode(text: str) -> Decode | None:
    metadata = _metadata(text)
    return metadata and Decode(*metadata)


def _rubrics(text: str) -> Rubrics | None:
    metadata = _metadata(text)
    return metadata and Rubrics(*metadata)


def _improve(text: str) -> Improve | None:
    _, found, rest = text.partition("\nAction: ")
    action, also_found, instruction = rest.partition("\n\nInstruction: ")
    return Improve(action.strip(), instruction.strip()) if found and also_found else None


def _between(text: str, name: str, start: int) -> tuple[str, int]:
    """What stands between ``[name...]`` and the last ``[End of ...]`` of that name, and where it ends."""
    opened = text.index(f"[{name}", start)
    begin = text.index("]", opened) + 1
    end = text.rindex(f"[End of {name[0].lower()}{name[1:]}")
    return text[begin:end].strip(), end


def _evaluate(text: str) -> Evaluate | None:
    asked = _judge(text)
    if asked is None:
        return None
    return Evaluate(asked.instruction, asked.first, asked.second, asked.scale)


def _judge(text: str) -> Judge | None:
    scale = _SCALE.search(text)
    try:
        instruction, at = _between(text, "Instruction", 0)
        first, at = _between(text, "Response of Assistant 1", at)
        second, _ = _between(text, "Response of Assistant 2", at)
    except ValueError:
        return None
    return Judge(instruction, first, second, max(2, int(scale[1])) if scale else 10)


_READERS: dict[str, Callable[[str], Request | None]] = {
    "You describe instructions by what they are for": _encode,
    "You check whether a use case and a set of skills": _check,
    "You write instructions that people could give": _decode,
    "You know what makes an instruction hard": _rubrics,
    "You make instructions for AI assistants more challenging": _improve,
    "You rate the responses of two AI assistants": _judge,
    "You judge how well two AI assistants responded": _evaluate,
    **BASELINE_READERS,
}


def read_prompt(prompt: str) -> Request:
    """What ``prompt`` asks for, read from its text alone."""
    if prompt == PREFLIGHT:
        return Preflight()
    for opening, read in _READERS.items():
        if prompt.startswith(opening):
            return read(prompt) or Respond(prompt.strip())
    if "[Response of Assistant 2" in prompt:
        return _judge(prompt) or Respond(prompt.strip())
    return Respond(prompt.strip())
