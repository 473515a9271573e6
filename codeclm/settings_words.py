"""What is wrong with settings, in words: where it is and what to do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from difflib import get_close_matches
from typing import Any

from pydantic import ValidationError

__all__ = ["KINDS", "KnownNames", "explained", "first_problem"]

KnownNames = Callable[[Sequence[str]], Sequence[str]]
"""Which settings there are at a place in the tree."""

KINDS = {"model", "answers"}
"""Of a party in an evaluation: told by the check between its name and its settings, where nobody wrote them."""

_UNKNOWN = {"extra_forbidden", "unexpected_keyword_argument"}


def first_problem(error: ValidationError, known_names: KnownNames, section: str = "") -> str:
    """The first problem, as one line; a name that is misspelt before all else."""
    problems = error.errors(include_url=False)
    misspelt = [one for one in problems if one["type"] in _UNKNOWN]
    return explained((misspelt or problems)[0], known_names, section)


def explained(problem: Mapping[str, Any], known_names: KnownNames, section: str = "") -> str:
    """One problem that the check of settings found, as a line that says where it is and what to do."""
    place = [str(part) for part in problem["loc"]]
    last = len(place) - 1
    path = [part for at, part in enumerate(place) if part not in KINDS or at == last]
    name = ".".join([section, *path] if section else path) or "settings"
    if problem["type"] in _UNKNOWN:
        known = known_names(path[:-1])
        near = get_close_matches(path[-1], known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}"
        return f"unknown setting {name!r}; {hint}"
    message = problem["msg"].removeprefix("Value error, ")
    return f"{name}: {message[:1].lower()}{message[1:]}"
