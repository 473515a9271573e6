"""What a comparison is told: the configuration of a run, and a section ``compare`` in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationError

from codeclm.errors import UsageError
from codeclm.evaluation.settings import PartySettings, party_names
from codeclm.settings import ModelSettings, Strict
from codeclm.settings_words import first_problem
from codeclm.yaml_file import read_yaml

__all__ = ["CompareSettings", "Comparison", "Group", "TrainingSettings", "load_comparison"]

Group = Literal["methods", "ablation", "matching"]


class TrainingSettings(Strict):
    """How the target is trained on each data set; every default is the paper's.

    ``base_model`` is what the trainers load. ``batch`` examples a step, ``per_device`` of them at once on each of
    ``devices``. ``chat_template`` is a file, for a base model that has none.
    """

    base_model: str = "BASE_MODEL"
    epochs: int = Field(15, ge=1)
    learning_rate: float = Field(1e-5, gt=0)
    final_learning_rate: float = Field(1e-6, ge=0)
    batch: int = Field(64, ge=1)
    per_device: int = Field(4, ge=1)
    devices: int = Field(1, ge=1)
    max_length: int = Field(2048, ge=1)
    chat_template: Path | None = None


class CompareSettings(Strict):
    """The section ``compare``.

    size: examples in each training set, the same for all.
    groups: what is compared: the methods, the parts of CodecLM (ablation), shares of the seeds (matching).
    variants: further ones by name, each a part of the configuration that goes over the rest of it.
    test_set: a file; None splits the seeds, ``seed_share`` of them being seeds and the rest the test set.
    candidates: by variant, the model that was trained on it or a file of its answers.
    reference, judge: the strong model, where none is given.
    """

    size: int = Field(2000, ge=1)
    groups: tuple[Group, ...] = ("methods",)
    variants: dict[str, dict[str, Any]] = Field(default_factory=dict)
    test_set: Path | None = None
    seed_share: float = Field(0.2, gt=0, lt=1)
    training: TrainingSettings = Field(default_factory=lambda: TrainingSettings.model_validate({}))
    candidates: dict[str, PartySettings] = Field(default_factory=dict)
    reference: PartySettings | None = None
    judge: ModelSettings | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """A configuration: ``run`` is that of a run as plain data, before anything is checked in it."""

    run: Mapping[str, Any]
    compare: CompareSettings
    where: str = "settings"


def load_comparison(file: Path | None, flags: Mapping[str, Any]) -> Comparison:
    """The configuration in ``file``, with ``flags`` over its section ``compare``. Raises UsageError, in one line."""
    tree = read_yaml(file) if file else {}
    where = str(file) if file else "settings"
    section = tree.pop("compare", None) or {}
    if not isinstance(section, Mapping):
        raise UsageError(f"{where}: compare is no mapping")
    given = {name: value for name, value in flags.items() if value is not None}
    try:
        compare = CompareSettings.model_validate({**section, **given})
    except ValidationError as error:
        raise UsageError(f"{where}: {first_problem(error, _known_names, 'compare')}") from None
    return Comparison(tree, compare, where)


def _known_names(path: Sequence[str]) -> list[str]:
    owner = TrainingSettings if path[:1] == ["training"] else CompareSettings
    return party_names(path) or sorted(owner.model_fields)
