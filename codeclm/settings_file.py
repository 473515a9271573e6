"""Where settings come from: a YAML file and flags over it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from codeclm.errors import UsageError
from codeclm.methods.table import OPTIONS
from codeclm.settings import (
    BudgetSettings,
    ModelSettings,
    ModelsSettings,
    PriceSettings,
    Settings,
    flat,
)
from codeclm.settings_words import first_problem

__all__ = [
    "MISSING_MODEL",
    "known_names",
    "load_settings",
    "merged",
    "settings_from",
    "settings_tree",
    "with_max_in_flight",
]

MISSING_MODEL = (
    "no {party} model; give --{party} PROVIDER:MODEL[@BASE_URL], "
    "or models: {party}: model: in a --config file"
)


def load_settings(file: Path | None, flags: Mapping[str, Any]) -> Settings:
    """The settings of ``file`` with ``flags`` (nested like the file, None where not given) over them.

    Raises UsageError: one line that names the file, the setting and what is wrong with it.
    """
    return settings_from(settings_tree(file, flags), _origin(file, flags))


def _origin(file: Path | None, flags: Mapping[str, Any]) -> str:
    """What a problem is told of: the file is not blamed alone where a flag may have gone over it."""
    if file is None:
        return "settings"
    given = any(value is not None for value in flat(flags).values())
    return f"{file} with the flags" if given else str(file)


def settings_from(tree: Mapping[str, Any], where: str) -> Settings:
    """The settings that ``tree`` holds. Raises UsageError: one line that names ``where`` and what is wrong."""
    _check_models(tree, where)
    return _validated(tree, where)


def settings_tree(file: Path | None, flags: Mapping[str, Any]) -> dict[str, Any]:
    """What ``file`` says with ``flags`` over it, not checked; a part that is left empty is not there.

    Raises UsageError where the file cannot be read.
    """
    tree = _read(file) if file else {}
    return merged({name: value for name, value in tree.items() if value is not None}, flags)


def _read(file: Path) -> dict[str, Any]:
    # Most runs are told by flags alone, and need no YAML.
    from codeclm.yaml_file import read_yaml  # noqa: PLC0415

    return read_yaml(file)


def _validated(tree: Mapping[str, Any], where: str) -> Settings:
    try:
        return Settings.model_validate(tree)
    except ValidationError as error:
        raise UsageError(f"{where}: {first_problem(error, known_names)}") from None


def merged(tree: Mapping[str, Any], flags: Mapping[str, Any]) -> dict[str, Any]:
    """``tree`` with ``flags`` over it, part by part; None is no flag."""
    result = dict(tree)
    for name, value in flags.items():
        if isinstance(value, Mapping):
            below = result.get(name)
            result[name] = merged(below if isinstance(below, Mapping) else {}, value)
            if not result[name]:
                del result[name]
        elif value is not None:
            result[name] = value
    return result


def _check_models(tree: Mapping[str, Any], where: str) -> None:
    models = tree.get("models")
    if isinstance(models, Mapping):
        for party in ("strong", "target"):
            if not models.get(party):
                raise UsageError(f"{where}: {MISSING_MODEL.format(party=party)}")


def with_max_in_flight(settings: Settings, calls: int) -> Settings:
    """The same settings with so many calls at once to each model. Raises UsageError."""
    tree = settings.model_dump()
    for party in (tree["models"] or {}).values():
        if party:
            party["max_in_flight"] = calls
    return _validated(tree, "settings")


def known_names(path: Sequence[str]) -> list[str]:
    """The settings that there are at this place, as ("models", "strong")."""
    if path[:1] == ["method"]:
        return sorted({name for kind in OPTIONS.values() for name in kind.__dataclass_fields__})
    owners: dict[str, Any] = {"prices": PriceSettings, "budget": BudgetSettings}
    owners["models"] = ModelSettings if len(path) > 1 else ModelsSettings
    return sorted(owners.get(path[0] if path else "", Settings).model_fields)
