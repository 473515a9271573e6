"""Lets simulated models understand prompts of the user's own: a rendered prompt is read back by its template."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from codeclm.errors import UsageError
from codeclm.simulator.reader import (
    Check,
    Decode,
    Encode,
    Improve,
    Judge,
    Request,
    Rubrics,
    read_prompt,
)
from codeclm.stages.prompt import Template

__all__ = ["OwnPrompt", "own_prompt", "reader"]

VARIABLES: Mapping[str, Sequence[str]] = {
    "encode": ("instruction",),
    "pairs": ("use_case", "skills"),
    "decode": ("use_case", "skills", "count"),
    "rubrics": ("use_case", "skills", "count"),
    "improve": ("action", "instruction"),
    "judge": ("instruction", "first_response", "second_response"),
}
"""What differs from call to call; all else is the same in each prompt of a run."""
SEPARATORS = re.compile(r"\s*(?:[,;|]|\n[-*+•\s]*)\s*")
TRIALS: Sequence[Mapping[str, object]] = (
    {
        "instruction": "Explain\n\nthis: 1, 2.",
        "use_case": "creative writing",
        "skills": ("role-play", "python", "rhyme"),
        "count": 4,
        "action": "Add a constraint.",
        "first_response": "First.\n\nSecond.",
        "second_response": "Nothing at all",
    },
    {
        "instruction": "Sing",
        "use_case": "chat",
        "skills": ("tact",),
        "count": 1,
        "action": "Make it longer",
        "first_response": "La",
        "second_response": "La\nla",
    },
)


@dataclass(frozen=True, slots=True)
class OwnPrompt:
    """A template turned round: ``read`` gives the variables that a prompt was rendered from."""

    name: str
    pattern: re.Pattern[str]
    constants: Mapping[str, object]

    def read(self, prompt: str) -> dict[str, str] | None:
        """The variables as texts; None where ``prompt`` is not of this template."""
        found = self.pattern.fullmatch(prompt)
        return found.groupdict() if found else None

    def request(self, prompt: str) -> Request | None:
        """What ``prompt`` asks a simulated model for."""
        found = self.read(prompt)
        if found is None:
            return None
        skills = _skills(found.get("skills", ""))
        match self.name:
            case "encode":
                lists = (_texts(self.constants.get(name)) for name in ("use_cases", "skills"))
                return Encode(found["instruction"], *lists)
            case "pairs":
                return Check(found["use_case"], skills)
            case "decode":
                return Decode(found["use_case"], skills, int(found["count"]))
            case "rubrics":
                return Rubrics(found["use_case"], skills, int(found["count"]))
            case "improve":
                return Improve(found["action"], found["instruction"])
        scale = self.constants.get("scale")
        return Judge(
            found["instruction"],
            found["first_response"],
            found["second_response"],
            scale if isinstance(scale, int) else 10,
        )


def own_prompt(template: Template, constants: Mapping[str, object]) -> OwnPrompt | None:
    """``template`` turned round; None where what went into a prompt cannot be told from it.

    ``constants`` are the variables that are the same in each prompt of a run.
    """
    if template.name not in VARIABLES:
        return None
    fixed = {name: value for name, value in constants.items() if name in template.allows}
    try:
        pattern = _pattern(template, fixed)
        own = pattern and OwnPrompt(template.name, pattern, fixed)
        is_good = own and all(_reads(own, template, trial, fixed) for trial in TRIALS)
    except UsageError:  # a template may do anything with its variables
        return None
    return own if is_good else None


def reader(prompts: Sequence[OwnPrompt]) -> Callable[[str], Request]:
    """Reads prompts of ``prompts``, and those that the package brings."""

    def read(prompt: str) -> Request:
        for own in prompts:
            request = own.request(prompt)
            if request is not None:
                return request
        return read_prompt(prompt)

    return read


def _pattern(template: Template, fixed: Mapping[str, object]) -> re.Pattern[str] | None:
    """The prompt with a gap for each variable, however often it occurs."""
    marks: dict[str, str] = {}
    values: dict[str, object] = {}
    for index, name in enumerate(VARIABLES[template.name]):
        mark = f"{7_310_000_117 + index}"  # digits: a number too must be found again
        marks[mark] = name
        values[name] = int(mark) if name == "count" else [mark] if name == "skills" else mark
    pieces = re.split(f"({'|'.join(marks)})", template.render({**fixed, **values}))
    seen: set[str] = set()
    parts = []
    for piece in pieces:
        name = marks.get(piece, "")
        if not name:
            parts.append(re.escape(piece))
        elif name in seen:
            parts.append(f"(?P={name})")
        else:
            seen.add(name)
            parts.append(f"(?P<{name}>{r'[0-9]+' if name == 'count' else r'.*?'})")
    return re.compile("".join(parts), re.DOTALL) if len(seen) == len(marks) else None


def _reads(
    own: OwnPrompt, template: Template, trial: Mapping[str, object], fixed: Mapping[str, object]
) -> bool:
    values = {name: trial[name] for name in VARIABLES[template.name]}
    found = own.read(template.render({**fixed, **values}))
    if found is None:
        return False
    read: dict[str, object] = {**found}
    if "skills" in read:
        read["skills"] = _skills(found["skills"])
    if "count" in read:
        read["count"] = int(found["count"])
    return read == values


def _skills(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in SEPARATORS.split(text) if part.strip())


def _texts(value: object) -> tuple[str, ...]:
    return tuple(map(str, value)) if isinstance(value, list | tuple) else ()
