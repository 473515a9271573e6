"""The prompts of the method by name, and how a directory of the user's own replaces any of them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from pathlib import Path

from codeclm.errors import UsageError
from codeclm.stages import augment, decode, encode, evaluate, improve, judge, rubrics
from codeclm.stages.prompt import Template

__all__ = ["evaluation_template", "load_templates", "read_template"]


def _default(name: str, text: str, requires: str, allows: str = "") -> Template:
    return Template(name, text, frozenset(requires.split()), frozenset(allows.split()))


_DEFAULTS = {
    template.name: template
    for template in (
        _default("encode", encode.TEMPLATE, "instruction", "language use_cases skills"),
        _default("pairs", augment.TEMPLATE, "use_case skills"),
        _default("decode", decode.TEMPLATE, "use_case skills count", "language"),
        _default("rubrics", rubrics.TEMPLATE, "use_case skills count", "language"),
        _default("improve", improve.TEMPLATE, "action instruction", "language"),
        _default("judge", judge.TEMPLATE, "instruction first_response second_response", "scale"),
    )
}
_PAIR = "instruction first_response second_response"
_EVALUATION = _default("evaluate", evaluate.TEMPLATE, _PAIR, "scale")
"""No run of a method asks it, and no dataset depends on it."""


_NAMES = ", ".join(f"{name}.jinja" for name in list(_DEFAULTS)[:3])


def load_templates(
    directory: Path | None = None,
    defaults: Mapping[str, Template] = _DEFAULTS,
    others: Collection[str] = (),
) -> Mapping[str, Template]:
    """The ``defaults``, with those that ``directory`` holds as ``NAME.jinja`` in their place.

    Prompts with the names in ``others`` are not looked at. Raises UsageError: no such directory, none in it, a name
    that is no prompt's, unknown or missing variables.
    """
    found = _found(directory)
    ignored = {*others, "evaluate"} - {*defaults}
    own = {
        name: read_template(path, defaults) for name, path in found.items() if name not in ignored
    }
    return {**defaults, **own}


def evaluation_template(directory: Path | None = None) -> Template:
    """The prompt of the evaluation's judge, the one that ``directory`` holds if it does. Raises as the others do."""
    path = _found(directory).get("evaluate")
    return _EVALUATION if path is None else read_template(path, {"evaluate": _EVALUATION})


def _found(directory: Path | None) -> Mapping[str, Path]:
    if directory is None:
        return {}
    if not directory.is_dir():
        raise UsageError(f"{directory}: no such directory of prompts")
    found = {path.stem: path for path in sorted(directory.glob("*.jinja"))}
    if not found:  # else a wrong directory would be paid for with the package's own prompts
        raise UsageError(f"{directory}: no prompt in it; name them {_NAMES} and so on")
    return found


def read_template(path: Path, defaults: Mapping[str, Template] = _DEFAULTS) -> Template:
    """The prompt of a user's own in ``path``, tried once. Raises UsageError."""
    if path.stem not in defaults:
        near = get_close_matches(path.stem, defaults, 1) or [", ".join(defaults)]
        raise UsageError(f"{path}: no prompt has this name; did you mean {near[0]}?")
    default = defaults[path.stem]
    try:
        text = path.read_text("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from None
    template = Template(path.stem, text, default.requires, default.allows, origin=str(path))
    template.check()
    template.render({name: _SAMPLES.get(name, "a text") for name in template.requires})
    return template


_SAMPLES: dict[str, object] = {
    "skills": ["one", "another"],
    "count": 4,
    "examples": ["one text", "another text"],
    "nodes": 10,
    "operation": "deepen",
}
"""Values to try a template with, where a text will not do."""
