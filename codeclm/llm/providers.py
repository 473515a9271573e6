"""From a model's name to something that answers: cache(retry(limits(provider)))."""

from __future__ import annotations

import asyncio
import errno
import math
import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from random import Random
from types import MappingProxyType, TracebackType
from urllib.parse import urlsplit

import orjson

from codeclm.errors import RunStopped, UsageError
from codeclm.llm.cache import CachedModel, Store
from codeclm.llm.chat import ChatModel
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.events import Listener
from codeclm.llm.limits import Allowance
from codeclm.llm.names import (
    PROVIDERS,
    ModelName,
    Provider,
    is_loopback,
    is_private,
    parse_model,
)
from codeclm.llm.openai import OpenAIChat, open_session
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import EndpointStatistics, Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.llm.secret import Secret

__all__ = [
    "PROVIDERS",
    "ModelName",
    "ModelSpec",
    "Models",
    "Provider",
    "allowance",
    "check_reachable",
    "check_spec",
    "identity",
    "parse_model",
]

REACHABLE_WITHIN_S = 5
BRISK_BELOW = 200.0
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model and how to call it.

    ``model`` is PROVIDER:MODEL[@BASE_URL]; ``api_key_env`` names the variable that holds the key
    where it is not the provider's own. ``extra_body`` holds further fields of the request, and
    ``send_seed`` sends the draw as the seed. ``timeout_s`` is for one attempt of ``attempts``. With ``adaptive``
    fewer than ``max_in_flight`` calls are made at once where the endpoint takes fewer. ``patience_s`` is how long it
    may be out of service before the run stops.
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


def check_spec(spec: ModelSpec, environ: Mapping[str, str] = os.environ) -> None:
    """Whether ``spec`` can be opened. Raises UsageError, as ``Models.open`` does."""
    _check_values(spec)
    identity(spec)
    _endpoint(spec, parse_model(spec.model), environ)


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


async def check_reachable(spec: ModelSpec) -> None:
    """Open a TCP connection to where ``spec`` is served. Raises UsageError within 5 s if none is."""
    base_url = parse_model(spec.model).base_url
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(REACHABLE_WITHIN_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except TimeoutError:
        raise UsageError(f"no server at {base_url} (no answer in time)") from None
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number in errno.errorcode else error.strerror or str(error)
        raise UsageError(f"no server at {base_url} ({reason})") from None
    writer.close()


class Models:
    """Opens models; an async context manager that holds the connections of all of them.

    ``store`` keeps the answers. ``sleep`` is how a failed call waits for its next attempt; by
    default that ends early when the models are drained.
    """

    def __init__(
        self,
        store: Store,
        *,
        on_event: Listener = lambda event: None,
        environ: Mapping[str, str] = os.environ,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._store = store
        self._on_event = on_event
        self._environ = environ
        self._random = random or Random()
        self._sleep = sleep
        self._clock = clock
        self._regulators: dict[Endpoint, tuple[Allowance, Regulator]] = {}
        self._opened: dict[bytes, ChatModel] = {}
        self._drained: RunStopped | None = None
        self._exits = AsyncExitStack()

    async def __aenter__(self) -> Models:
        self._session = await self._exits.enter_async_context(open_session())
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    def open(self, spec: ModelSpec) -> ChatModel:
        """The model that ``spec`` describes; equal specs are one model, so equal calls are one.

        Specs of one endpoint (URL, model and key) share its limits. Raises UsageError where the
        spec is not sound, a key is missing or would be sent in the clear, or the limits differ from
        those that the endpoint was opened with.
        """
        _check_values(spec)
        name, who = parse_model(spec.model), identity(spec)
        opened_as = orjson.dumps(
            [who, spec.api_key_env, repr(allowance(spec)), spec.timeout_s, spec.attempts],
            option=orjson.OPT_SORT_KEYS,
        )
        if opened_as not in self._opened:
            endpoint, key = _endpoint(spec, name, self._environ)
            regulator = self._shared_regulator(endpoint, spec, str(name))
            asked = self._asked(endpoint, key, regulator, spec, str(name))
            self._opened[opened_as] = CachedModel(
                asked, self._store, who, model=str(name), on_event=self._on_event
            )
        return self._opened[opened_as]

    def drain(self, error: RunStopped) -> None:
        """Start no more calls: who waits or comes gets ``error``; calls under way go on."""
        self._drained = error
        for _, regulator in self._regulators.values():
            regulator.limits.close(error)

    def statistics(self) -> dict[Endpoint, EndpointStatistics]:
        """What is known of each endpoint."""
        return {endpoint: one.statistics() for endpoint, (_, one) in self._regulators.items()}

    def _asked(
        self,
        endpoint: Endpoint,
        key: Secret | None,
        regulator: Regulator,
        spec: ModelSpec,
        label: str,
    ) -> ChatModel:
        provider = OpenAIChat(
            self._session,
            endpoint,
            key,
            send_seed=spec.send_seed,
            extra_body=spec.extra_body,
            timeout_s=spec.timeout_s,
        )
        return RetryingModel(
            RegulatedModel(provider, regulator),
            RetryPolicy(attempts=spec.attempts),
            model=label,
            on_event=self._on_event,
            random=self._random,
            sleep=self._sleep or regulator.limits.rest,
            clock=self._clock,
        )

    def _shared_regulator(self, endpoint: Endpoint, spec: ModelSpec, label: str) -> Regulator:
        if endpoint not in self._regulators:
            regulator = Regulator(
                allowance(spec),
                model=label,
                on_event=self._on_event,
                clock=self._clock,
                random=self._random,
                patience_s=spec.patience_s,
            )
            if self._drained is not None:
                regulator.limits.close(self._drained)
            self._regulators[endpoint] = (allowance(spec), regulator)
        allowed, regulator = self._regulators[endpoint]
        if allowed != allowance(spec):
            raise UsageError(
                f"{label} is used with two different limits; one endpoint has one "
                "max_in_flight, requests_per_minute, tokens_per_minute ..."
            )
        return regulator


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


def _check_values(spec: ModelSpec) -> None:
    positive = {
        "requests_per_minute": spec.requests_per_minute,
        "tokens_per_minute": spec.tokens_per_minute,
        "input_tokens_per_minute": spec.input_tokens_per_minute,
        "output_tokens_per_minute": spec.output_tokens_per_minute,
        "max_in_flight": spec.max_in_flight,
        "patience_s": spec.patience_s,
        "timeout_s": spec.timeout_s,
        "attempts": spec.attempts,
    }
    for field_name, value in positive.items():
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{field_name} of {spec.model} must be more than 0, not {value}")
    if spec.extra_body.get("stream"):
        raise UsageError(f"extra_body of {spec.model} asks for a stream; answers are read whole")


def _endpoint(
    spec: ModelSpec, name: ModelName, environ: Mapping[str, str]
) -> tuple[Endpoint, Secret | None]:
    variable = spec.api_key_env or PROVIDERS[name.provider].api_key_env or ""
    value = environ.get(variable, "").strip() if variable else ""
    endpoint = Endpoint(name.base_url, name.model, variable)
    parts = urlsplit(name.base_url)
    host = parts.hostname or ""
    if not value:
        if variable and not is_loopback(host):
            raise UsageError(f"{name} needs a key: set the environment variable {variable}")
        return endpoint, None
    if not value.isascii() or not value.isprintable() or " " in value:
        raise UsageError(f"{variable} holds characters that no key has (space, line break, ...)")
    if parts.scheme == "http" and not is_private(host):
        raise UsageError(f"the key in {variable} would be sent in the clear: use https for {host}")
    return endpoint, Secret(value)
