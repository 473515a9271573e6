"""All that is wrong with settings at once, for who checks them before a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from pydantic import ValidationError

from codeclm.settings import Settings
from codeclm.settings_file import known_names
from codeclm.settings_words import explained

__all__ = ["checked"]


def checked(tree: Mapping[str, Any]) -> tuple[Settings | None, list[str]]:
    """All that is wrong with ``tree``, a line each, and the settings without it; None where nothing can be left.

    What is wrong is left out, to see what else is.
    """
    rest, seen = deepcopy(dict(tree)), dict[tuple[object, ...], str]()
    while True:
        try:
            settings = Settings.model_validate(rest)
        except ValidationError as error:
            problems = error.errors(include_url=False)
            for one in problems:
                known_by = one["msg"] if one["type"] == "value_error" else ""
                seen.setdefault((one["loc"], known_by), explained(one, known_names))
            if not _leave_out(rest, problems):
                return None, list(seen.values())
        else:
            return settings, list(seen.values())


def _leave_out(tree: dict[str, Any], problems: Sequence[Mapping[str, Any]]) -> bool:
    """Take what ``problems`` speak of out of ``tree``; whether anything was."""
    before = repr(tree)
    for problem in problems:
        *path, last = problem["loc"] or ("",)
        holder: Any = tree
        for part in path:
            holder = holder.get(part) if isinstance(holder, dict) else None
        if not isinstance(holder, dict) or last not in holder:
            continue
        if problem["type"] == "value_error" and isinstance(holder[last], dict):
            _leave_out_one(tree, holder[last], problem)
        else:
            del holder[last]
    return repr(tree) != before


def _leave_out_one(tree: dict[str, Any], options: dict[str, Any], problem: Any) -> None:
    """Of ``options`` that do not go together, the one without which there is another problem or none."""
    for name in tuple(options):
        value = options.pop(name)
        try:
            Settings.model_validate(tree)
        except ValidationError as error:
            if any(one["msg"] == problem["msg"] for one in error.errors(include_url=False)):
                options[name] = value
                continue
        return
