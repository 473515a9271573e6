"""What an evaluation is told: a YAML file, flags over it, checked. Keys never come near it, only their names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    Discriminator,
    Field,
    StringConstraints,
    Tag,
    ValidationError,
)

from codeclm.errors import UsageError
from codeclm.settings import ModelSettings, PriceSettings, Strict
from codeclm.settings_words import first_problem

__all__ = [
    "REFERENCE",
    "AnswersSettings",
    "EvaluationSettings",
    "PartySettings",
    "load_settings",
    "party_names",
    "party_of",
]


REFERENCE = ""
"""The reference among the names of those who respond."""


class AnswersSettings(Strict):
    """A file of answers in place of a model."""

    answers: Path


def _kind(value: object) -> str:
    given = value if isinstance(value, Mapping) else getattr(value, "__dict__", {})
    return "answers" if "answers" in given else "model"


PartySettings = Annotated[
    Annotated[ModelSettings, Tag("model")] | Annotated[AnswersSettings, Tag("answers")],
    Discriminator(_kind),
]


_Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=100)]


class EvaluationSettings(Strict):
    """Who is judged against whom, by whom and how.

    ``judge`` is the reference where that is a model and none is given. ``temperature``, ``max_tokens`` and
    ``system_prompt`` are for the responses; a model's own temperature and max_tokens go before them. At
    ``judge_temperature`` 0 an answer that cannot be read is asked for again at 0.7, ``redraws`` times.
    """

    candidates: dict[_Name, PartySettings] = Field(min_length=1)
    reference: PartySettings
    judge: ModelSettings | None = None
    temperature: float = Field(0.0, ge=0, le=2)
    max_tokens: int = Field(2048, ge=1)
    system_prompt: str | None = None
    scale: int = Field(10, ge=2)
    judge_temperature: float = Field(0.0, ge=0, le=2)
    redraws: int = Field(2, ge=0)
    on_cut_off: Literal["double", "fail"] = "double"
    prompts: Path | None = None
    cache: Path | None = None
    prices: dict[str, PriceSettings] = Field(default_factory=dict)

    @property
    def judging(self) -> ModelSettings:
        """The model that judges. Raises UsageError where there is none."""
        if self.judge is not None:
            return self.judge
        if isinstance(self.reference, ModelSettings):
            return self.reference
        raise UsageError("no judge; where the reference is a file, give --judge PROVIDER:MODEL")

    @property
    def temperature_of_judge(self) -> float:
        """The judge's own, where one is given for it; one that is set for the reference is not meant for judging."""
        own = self.judge.temperature if self.judge else None
        return self.judge_temperature if own is None else own

    @property
    def parties(self) -> dict[str, ModelSettings | AnswersSettings]:
        """All who respond, by name."""
        return {**self.candidates, REFERENCE: self.reference}

    @property
    def models(self) -> list[ModelSettings]:
        """Those who respond and are no file of answers, then the judge. Raises UsageError as ``judging``."""
        parties = self.parties.values()
        return [*(one for one in parties if isinstance(one, ModelSettings)), self.judging]

    def temperature_of(self, party: ModelSettings) -> float:
        """How ``party`` is sampled where it responds."""
        return self.temperature if party.temperature is None else party.temperature

    def max_tokens_of(self, party: ModelSettings) -> int:
        """The most tokens of an answer of ``party``."""
        return party.max_tokens or self.max_tokens

    def with_max_in_flight(self, calls: int, *, at_most: bool = False) -> EvaluationSettings:
        """The same settings with so many calls at once to each model."""

        def limited(party: Any) -> Any:
            if not isinstance(party, ModelSettings):
                return party
            fewer = min(calls, party.max_in_flight) if at_most else calls
            return party.model_copy(update={"max_in_flight": fewer})

        return self.model_copy(
            update={
                "candidates": {name: limited(party) for name, party in self.candidates.items()},
                "reference": limited(self.reference),
                "judge": limited(self.judge),
            }
        )

    def stored(self) -> dict[str, Any]:
        """The whole of it as plain data, to be kept beside the results."""
        return self.model_dump(mode="json")


_NAMED = re.compile(r"([^:=/\\]+)=(.+)")
_FILES = (".jsonl", ".json", ".csv")


def party_of(text: str) -> tuple[str, dict[str, str]]:
    """Name and settings of ``[NAME=]MODEL`` or ``[NAME=]FILE``, as a flag gives them."""
    named = _NAMED.fullmatch(text)
    name, place = named.groups() if named else ("", text)
    place = place.strip()
    if place.lower().endswith(_FILES):
        return name.strip() or Path(place).stem, {"answers": place}
    model = place.partition("@")[0].partition(":")[2] or place
    return name.strip() or model, {"model": place}


def load_settings(file: Path | None, flags: Mapping[str, Any]) -> EvaluationSettings:
    """The settings of ``file`` with ``flags`` over them, a party as a whole. Raises UsageError, in one line."""
    tree: dict[str, Any] = {}
    if file is not None:
        # Most evaluations are told by flags alone, and need no YAML.
        from codeclm.yaml_file import read_yaml  # noqa: PLC0415

        tree = read_yaml(file)
    given = {name: value for name, value in flags.items() if value not in (None, {})}
    where = str(file) if file else "settings"
    merged = {**tree, **given}
    for name, flag in (("candidates", "--candidate"), ("reference", "--reference")):
        if not merged.get(name):
            raise UsageError(
                f"{where}: no {name}; give {flag} PROVIDER:MODEL[@BASE_URL] or a file of answers, "
                f"or {name}: in a --config file"
            )
    try:
        return EvaluationSettings.model_validate(merged)
    except ValidationError as error:
        raise UsageError(f"{where}: {first_problem(error, _known_names)}") from None


def party_names(path: Sequence[str]) -> list[str] | None:
    """The settings of a party at this place, None where no party is."""
    if (path[:1] == ["candidates"] and len(path) > 1) or path[:1] == ["reference"]:
        return sorted({*ModelSettings.model_fields, *AnswersSettings.model_fields})
    return sorted(ModelSettings.model_fields) if path[:1] == ["judge"] else None


def _known_names(path: Sequence[str]) -> list[str]:
    owner = PriceSettings if path[:1] == ["prices"] else EvaluationSettings
    return party_names(path) or sorted(owner.model_fields)
