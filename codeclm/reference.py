"""Every setting with its meaning and its default, read from the classes that check them, so that no list can drift.

``python -m codeclm.reference README.md`` writes the tables anew between the markers in a file.
"""

from __future__ import annotations

import inspect
import json
import re
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, is_dataclass
from pathlib import Path
from typing import Any, get_args

from codeclm.settings import ModelSettings, ModelsSettings, Settings

__all__ = ["BEGIN", "END", "Section", "Setting", "regenerated", "sections", "tables"]

BEGIN, END = "<!-- settings -->", "<!-- /settings -->"
NOT_FOR_USERS = frozenset({"extends"})
"""What a run sets for itself."""


@dataclass(frozen=True, slots=True)
class Setting:
    """``default`` is plain data, None where there is none; ``meaning`` has names in double backticks."""

    name: str
    default: Any
    meaning: str
    required: bool = False


@dataclass(frozen=True, slots=True)
class Section:
    """The settings below one name of the file; "" is its top."""

    name: str
    meaning: str
    settings: tuple[Setting, ...]


def sections() -> Sequence[Section]:
    """All that a settings file may hold: the models, what they have in common, and the rest as it is nested."""
    defaults = Settings.model_validate({}).model_dump(mode="json")
    meanings = _meanings(Settings)
    top: list[Setting] = []
    nested: list[Section] = []
    for name in Settings.model_fields:
        owner = _owner(Settings, name)
        meaning = meanings.get(name, "")
        if name == "models":
            nested += _models(meaning)
        elif owner is None:
            top.append(Setting(name, defaults[name], meaning))
        elif defaults[name] == {}:  # by names of the user's
            top.append(Setting(name, {}, meaning))
            values = dict.fromkeys(owner.model_fields)
            nested.append(Section(f"{name}.NAME", meaning, _settings(owner, values)))
        else:
            nested.append(Section(name, meaning, _settings(owner, defaults[name])))
    return (*nested, Section("", "Beside these.", tuple(top)))


def tables() -> str:
    """The sections as tables in Markdown."""
    return "\n\n".join(_table(section) for section in sections())


def regenerated(text: str) -> str:
    """``text`` with the tables between its markers. Raises ValueError where it has none."""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise ValueError(f"no {BEGIN} ... {END} in the text")
    return f"{before}{BEGIN}\n{tables()}\n{END}{after}"


def _models(meaning: str) -> Iterator[Section]:
    said = _meanings(ModelsSettings)
    parties = ModelsSettings.model_fields.items()
    roles = (Setting(name, None, said.get(name, ""), one.is_required()) for name, one in parties)
    yield Section("models", meaning, tuple(roles))
    values = ModelSettings.model_validate({"model": "unnamed"}).model_dump(mode="json")
    yield Section("models.PARTY", "What is set for a model.", _settings(ModelSettings, values))


def _settings(owner: Any, values: dict[str, Any]) -> tuple[Setting, ...]:
    meanings = _meanings(owner)
    required = {
        name for name, one in getattr(owner, "model_fields", {}).items() if one.is_required()
    }
    return tuple(
        Setting(name, None if name in required else value, meanings.get(name, ""), name in required)
        for name, value in values.items()
        if name not in NOT_FOR_USERS
    )


def _owner(holder: Any, name: str) -> Any:
    """The class that holds the settings below ``name``; None where it is one value."""
    annotation = holder.model_fields[name].annotation
    for kind in (annotation, *get_args(annotation)):
        if isinstance(kind, type) and (is_dataclass(kind) or hasattr(kind, "model_fields")):
            return kind
    return None


def _meanings(owner: Any) -> dict[str, str]:
    """What the docstring says of each name, in entries such as ``name: meaning``; the rest of it is not for users."""
    text = inspect.cleandoc(owner.__doc__ or "")
    entries = re.findall(r"^(\w+): (.+(?:\n[ ]+.+)*)", text, re.MULTILINE)
    return {name: " ".join(meaning.split()) for name, meaning in entries}


def _table(section: Section) -> str:
    title = f"`{section.name}`: {_inline(section.meaning)}" if section.name else "At the top."
    lines = [title, "", "| setting | default | |", "|---|---|---|"]
    for one in section.settings:
        default = "required" if one.required else _shown(one.default)
        lines.append(f"| `{one.name}` | {default} | {_inline(one.meaning)} |")
    return "\n".join(lines)


def _shown(default: Any) -> str:
    if default in (None, [], {}):
        return ""
    return default if isinstance(default, str) else json.dumps(default)


def _inline(text: str) -> str:
    return text.replace("``", "`").replace("|", "\\|")


def _main(path: Path) -> None:
    path.write_text(regenerated(path.read_text("utf-8")), "utf-8")


if __name__ == "__main__":
    _main(Path(sys.argv[1]))
