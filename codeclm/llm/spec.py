"""What is said of a model before it is opened: its name, its limits, how it is called."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from urllib.parse import urlsplit

import orjson

from codeclm.errors import UsageError
from codeclm.llm.allowance import PER_MINUTE
from codeclm.llm.credentials import endpoint_and_key, key_warnings
from codeclm.llm.limits import Allowance
from codeclm.llm.names import is_private, parse_model

__all__ = ["ModelSpec", "allowance", "check_spec", "identity", "warnings_for"]

NOTHING: Mapping[str, object] = MappingProxyType({})
BRISK_BELOW = 200.0


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model and how to call it.

    ``model`` is PROVIDER:MODEL[@BASE_URL]; ``api_key_env`` names the variable that holds the key
    where it is not the provider's own, which goes to the provider's own host only. ``extra_body`` holds
    further fields of the request, ``send_seed`` sends the draw as the seed, ``structured_output`` has
    stages ask for JSON by a schema. ``timeout_s`` is for one attempt of ``attempts``. With ``adaptive`` fewer than
    ``max_in_flight`` calls are made at once where the endpoint takes fewer. ``patience_s`` is how long it may be
    out of service before the run stops.
    """

    model: str
    api_key_env: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    input_tokens_per_minute: float | None = None
    output_tokens_per_minute: float | None = None
    max_in_flight: int = 64
    adaptive: bool = True
    patience_s: float = 900
    send_seed: bool = False
    extra_body: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    timeout_s: float = 600
    attempts: int = 5
    structured_output: bool = False


def check_spec(spec: ModelSpec, environ: Mapping[str, str] = os.environ) -> None:
    """Whether ``spec`` can be opened. Raises UsageError, as ``Models.open`` does."""
    for name in POSITIVE:
        value = getattr(spec, name)
        if value is not None and not 0 < value < math.inf:
            raise UsageError(f"{name} of {spec.model} must be more than 0, not {value}")
    if spec.extra_body.get("stream"):
        raise UsageError(f"extra_body of {spec.model} asks for a stream; answers are read whole")
    identity(spec)
    endpoint_and_key(parse_model(spec.model), spec.api_key_env, environ)


def identity(spec: ModelSpec) -> dict[str, object]:
    """All of ``spec`` that decides an answer; JSON values only. Raises UsageError."""
    name = parse_model(spec.model)
    values: dict[str, object] = {
        "base_url": name.base_url,
        "extra_body": dict(spec.extra_body),
        "model": name.model,
        "provider": name.provider,
        "send_seed": spec.send_seed,
    }
    try:
        orjson.dumps(values)
    except orjson.JSONEncodeError as error:
        raise UsageError(f"extra_body of {spec.model} is not JSON: {error}") from None
    return values


def allowance(spec: ModelSpec) -> Allowance:
    """The limits that ``spec`` sets. Servers of one's own do not object to a sharp ramp."""
    host = urlsplit(parse_model(spec.model).base_url).hostname or ""
    return Allowance(
        spec.max_in_flight,
        spec.adaptive,
        spec.requests_per_minute,
        spec.tokens_per_minute,
        spec.input_tokens_per_minute,
        spec.output_tokens_per_minute,
        brisk_below=math.inf if is_private(host) else BRISK_BELOW,
    )


def warnings_for(spec: ModelSpec, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What is allowed and may yet not be meant, a line each; none shows a key. Raises UsageError."""
    return key_warnings(parse_model(spec.model), spec.api_key_env, environ)


POSITIVE = (
    *PER_MINUTE,
    "max_in_flight",
    "patience_s",
    "timeout_s",
    "attempts",
)
