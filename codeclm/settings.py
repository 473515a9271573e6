"""What a run is told, checked and resolved. Keys never come near it, only their names."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from codeclm.llm.allowance import PER_MINUTE
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.table import DEFAULT, OPTIONS, closest, unused

__all__ = [
    "OFF",
    "BudgetSettings",
    "ModelSettings",
    "ModelsSettings",
    "PriceSettings",
    "Settings",
    "Strict",
    "difference",
    "fingerprint",
    "flat",
]


def _variable_name(text: str | None) -> str | None:
    """Refuse a key in the place of its variable's name, without showing it."""
    if text is not None and not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", text):
        raise ValueError("it must be the name of an environment variable, never the key itself")
    return text


def _place(path: Path | None) -> Path | None:
    if path is not None and "\0" in str(path):
        raise ValueError("a path cannot hold a NUL character")
    return path


def _method(value: Any, plain: ValidatorFunctionWrapHandler) -> Any:
    """The settings of the method that ``name`` in them tells; without it they are CodecLM's."""
    if not isinstance(value, Mapping) or "name" not in value:
        return plain(value)
    name = value["name"]
    if name == DEFAULT:
        return plain({key: one for key, one in value.items() if key != "name"})
    if not isinstance(name, str) or name not in OPTIONS:
        raise ValueError(f"no method has the name {name!r}; {closest(name)}")
    return TypeAdapter(OPTIONS[name]).validate_python(value)


class Strict(BaseModel):
    """Settings that know their names, and stay as they are."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class ModelSettings(Strict):
    """One model: what it is called, where its key is, what its endpoint allows, how it is sampled.

    model: PROVIDER:MODEL[@BASE_URL], as ``openai:gpt-4.1`` or ``vllm:mine@http://127.0.0.1:8000/v1``.
    api_key_env: the variable that holds the key, never the key; not given, the provider's own, for its own host only.
    requests_per_minute: a limit that you know of; what nobody states is found.
    tokens_per_minute: a limit that you know of; tokens are estimated from what a stage's calls really took.
    input_tokens_per_minute: a limit that you know of.
    output_tokens_per_minute: a limit that you know of.
    max_in_flight: calls at once, at the most.
    adaptive: 16 calls at once at first, more while all are used, until the endpoint objects (429) or throughput stops
        to rise, less when it objects; the same for the rate at which calls start. Off, always ``max_in_flight``.
    patience_s: seconds that the endpoint may be out of service before the run stops.
    temperature: that of each request; not given, the method's.
    max_tokens: the most tokens of an answer; not given, the method's.
    send_seed: send the draw number as ``seed``.
    structured_output: ask for JSON by a schema, but for responses; a server may ignore or refuse that.
    extra_body: further fields of each request, as ``{top_p: 0.95}``.
    timeout_s: seconds for one attempt.
    attempts: how often one call is tried that ends in server errors (3 more where the endpoint is overloaded, 3 at most
        where an answer came that is of no use or none came in time). Rate limits and outages are no attempts.
    """

    model: str = Field(min_length=1)
    api_key_env: Annotated[str | None, AfterValidator(_variable_name)] = None
    requests_per_minute: float | None = Field(None, gt=0)
    tokens_per_minute: int | None = Field(None, gt=0)
    input_tokens_per_minute: int | None = Field(None, gt=0)
    output_tokens_per_minute: int | None = Field(None, gt=0)
    max_in_flight: int = Field(64, ge=1, le=20_000)
    adaptive: bool = True
    patience_s: float = Field(900, gt=0)
    temperature: float | None = Field(None, ge=0, le=2)
    max_tokens: int | None = Field(None, ge=1)
    send_seed: bool = False
    structured_output: bool = False
    extra_body: dict[str, Any] = Field(default_factory=dict)
    timeout_s: float = Field(600, gt=0)
    attempts: int = Field(5, ge=1, le=100)


class ModelsSettings(Strict):
    """The three parties.

    strong: writes the data, and responds.
    target: the model that the data is for; it only responds.
    judge: rates responses; not given, the strong model does.
    """

    strong: ModelSettings
    target: ModelSettings
    judge: ModelSettings | None = None

    @property
    def parties(self) -> dict[str, ModelSettings]:
        """Those that are given, by role."""
        given = {"strong": self.strong, "target": self.target, "judge": self.judge}
        return {role: party for role, party in given.items() if party is not None}


class PriceSettings(Strict):
    """What one model costs, in US dollars.

    input: for a million tokens of input.
    output: for a million tokens of output.
    cached_input: for a million tokens of input that the provider read from its prompt cache; not given, as ``input``.
    """

    input: float = Field(ge=0, le=1e6)
    output: float = Field(ge=0, le=1e6)
    cached_input: float | None = Field(None, ge=0, le=1e6)


class BudgetSettings(Strict):
    """What a run may spend, all its sessions together; it stops before it would be more, and can be resumed.

    max_cost: US dollars.
    max_calls: attempts that were answered or may have been.
    max_tokens: input and output together.
    max_hours: time, in all sessions.
    """

    max_cost: float | None = Field(None, ge=0, allow_inf_nan=False)
    max_calls: int | None = Field(None, ge=0)
    max_tokens: int | None = Field(None, ge=0)
    max_hours: float | None = Field(None, gt=0, allow_inf_nan=False)

    @property
    def limits_calls(self) -> bool:
        """Whether it depends on what calls come to, and not on time alone."""
        return (self.max_cost, self.max_calls, self.max_tokens) != (None, None, None)


class Settings(Strict):
    """Everything that says what a run makes and how.

    models: which models, and how they are called.
    method: the numbers and switches of the method; the defaults are the paper's.
    seed: the run's seed; another one draws another dataset from the same seeds.
    prompts: a directory of prompts of your own.
    cache: a directory of answers that runs share; not given, the one in the run's directory.
    units_in_flight: units of work under way at once; not given, it follows from ``max_in_flight`` of the models.
    prices: what models cost, over the table in the package: ``{"openai:gpt-4.1": {input: 2, output: 8}}``.
    budget: what a run may spend, all its sessions together; it stops before it would be more, and can be resumed.
    """

    models: ModelsSettings | None = None
    method: Annotated[SerializeAsAny[CodecLMOptions], WrapValidator(_method)] = Field(
        default_factory=CodecLMOptions
    )
    seed: int = 0
    prompts: Annotated[Path | None, AfterValidator(_place)] = None
    cache: Annotated[Path | None, AfterValidator(_place)] = None
    units_in_flight: int | None = Field(None, ge=1, le=100_000)
    prices: dict[str, PriceSettings] = Field(default_factory=dict)
    budget: BudgetSettings = Field(default_factory=lambda: BudgetSettings.model_validate({}))

    def decisive(self) -> dict[str, Any]:
        """The settings that the dataset depends on, flat (``method.theta``): a run is resumed only with these."""
        tree = self.stored()
        leaves = flat({name: value for name, value in tree.items() if name not in _OF_NO_MATTER})
        return {name: value for name, value in leaves.items() if not _is_free(name, value)}

    def stored(self) -> dict[str, Any]:
        """The whole of it as plain data, to be kept beside the dataset; but for what its method has no use for."""
        tree = self.model_dump(mode="json")
        for name in unused(self.method):
            del tree["method"][name]
        return tree


_OF_NO_MATTER = frozenset({"prompts", "cache", "units_in_flight", "prices", "budget"})

# May change between two runs on one directory: the answers stay the same.
_FREE = frozenset(
    {"api_key_env", "attempts", "max_in_flight", "timeout_s", "adaptive", "patience_s", *PER_MINUTE}
)


OFF: dict[str, Any] = {"near_duplicates": 0.0, "refusals": "keep"}
"""Of the method: checks that are on by default, and as what they are off."""

_UNUSED = {f"method.{name}": value for name, value in OFF.items()} | {"method.selected": None}


def _is_free(name: str, value: object) -> bool:
    if name in _UNUSED:  # runs from before there was such a thing have no word of it
        return bool(value == _UNUSED[name])
    if name in ("method.decontaminate", "method.decontaminate_ngram"):
        return True  # what is in the files decides, not where they are
    place = name.split(".")
    if place[0] != "models" or len(place) != 3:
        return False
    # Runs from before there was structured output have no word of it, and go on without.
    return place[2] in _FREE or (place[2] == "structured_output" and value is False)


def fingerprint(decisive: Mapping[str, Any]) -> str:
    """A digest of a flat tree, in whatever order it is."""
    return hashlib.sha256(repr(sorted(decisive.items())).encode()).hexdigest()


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[str]:
    """Lines that say which settings differ between two flat trees, as ``name: old -> new``."""
    names = sorted({*old, *new})
    return [
        f"{name}: {old.get(name)!r} -> {new.get(name)!r}"
        for name in names
        if old.get(name) != new.get(name)
    ]


def flat(tree: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    """The leaves of a nested tree, as ``method.theta``."""
    leaves: dict[str, Any] = {}
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            leaves.update(flat(value, f"{prefix}{name}."))
        else:
            leaves[prefix + name] = value
    return leaves
