"""From a model's name to something that answers: cache(retry(limits(provider)))."""

from __future__ import annotations

import asyncio
import errno
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
from codeclm.llm.access import direct_model, new_dialect
from codeclm.llm.cache import CachedModel, Store
from codeclm.llm.catalogue import PROVIDERS, Provider
from codeclm.llm.chat import ChatModel
from codeclm.llm.credentials import endpoint_and_key, key_warnings
from codeclm.llm.dialect import Dialect
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.events import Listener
from codeclm.llm.http import open_session
from codeclm.llm.limits import LimitedModel, Limits, LimitStatistics
from codeclm.llm.names import ModelName, parse_model
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.llm.secret import Secret

__all__ = [
    "PROVIDERS",
    "ModelName",
    "ModelSpec",
    "Models",
    "Provider",
    "check_reachable",
    "check_spec",
    "identity",
    "parse_model",
    "warnings_for",
]

REACHABLE_WITHIN_S = 5
NOTHING: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class ModelSpec:
    """A model and how to call it.

    ``model`` is PROVIDER:MODEL[@BASE_URL]; ``api_key_env`` names the variable that holds the key
    where it is not the provider's own, which goes to the provider's own host only. ``extra_body`` holds
    further fields of the request, ``send_seed`` sends the draw as the seed, ``structured_output`` has
    stages ask for JSON by a schema. ``timeout_s`` is for one attempt of ``attempts``.
    """

    model: str
    api_key_env: str | None = None
    requests_per_minute: float | None = None
    tokens_per_minute: float | None = None
    max_in_flight: int = 64
    send_seed: bool = False
    extra_body: Mapping[str, object] = field(default_factory=lambda: NOTHING)
    timeout_s: float = 600
    attempts: int = 5
    structured_output: bool = False


def check_spec(spec: ModelSpec, environ: Mapping[str, str] = os.environ) -> None:
    """Whether ``spec`` can be opened. Raises UsageError, as ``Models.open`` does."""
    _check_values(spec)
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


def warnings_for(spec: ModelSpec, environ: Mapping[str, str] = os.environ) -> list[str]:
    """What is allowed and may yet not be meant, a line each; none shows a key. Raises UsageError."""
    return key_warnings(parse_model(spec.model), spec.api_key_env, environ)


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
        self._limits: dict[Endpoint, tuple[_Numbers, Limits]] = {}
        self._dialects: dict[Endpoint, Dialect] = {}
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
            [who, spec.api_key_env, _numbers(spec), spec.timeout_s, spec.attempts],
            option=orjson.OPT_SORT_KEYS,
        )
        if opened_as not in self._opened:
            endpoint, key = endpoint_and_key(name, spec.api_key_env, self._environ)
            limits = self._shared_limits(endpoint, spec, str(name))
            asked = self._asked(endpoint, key, limits, spec, str(name))
            self._opened[opened_as] = CachedModel(
                asked, self._store, who, model=str(name), on_event=self._on_event
            )
        return self._opened[opened_as]

    def drain(self, error: RunStopped) -> None:
        """Start no more calls: who waits or comes gets ``error``; calls under way go on."""
        self._drained = error
        for _, limits in self._limits.values():
            limits.close(error)

    def statistics(self) -> dict[Endpoint, LimitStatistics]:
        """What the limits of each endpoint see."""
        return {endpoint: limits.statistics() for endpoint, (_, limits) in self._limits.items()}

    def learnt(self) -> dict[Endpoint, tuple[str, ...]]:
        """What each endpoint is asked otherwise than meant, because it refused; in words."""
        return {endpoint: dialect.learnt() for endpoint, dialect in self._dialects.items()}

    def _direct(self, endpoint: Endpoint, key: Secret | None, spec: ModelSpec) -> ChatModel:
        provider = PROVIDERS[parse_model(spec.model).provider]
        quirks = provider.quirks_at(endpoint.base_url)
        return direct_model(
            self._session,
            endpoint,
            quirks,
            self._dialects.setdefault(endpoint, new_dialect(quirks)),
            key=key,
            send_seed=spec.send_seed,
            extra_body=spec.extra_body,
            timeout_s=spec.timeout_s,
        )

    def _asked(
        self, endpoint: Endpoint, key: Secret | None, limits: Limits, spec: ModelSpec, label: str
    ) -> ChatModel:
        return RetryingModel(
            LimitedModel(self._direct(endpoint, key, spec), limits, self._clock),
            RetryPolicy(attempts=spec.attempts),
            model=label,
            on_event=self._on_event,
            random=self._random,
            sleep=self._sleep or limits.rest,
            clock=self._clock,
        )

    def _shared_limits(self, endpoint: Endpoint, spec: ModelSpec, label: str) -> Limits:
        if endpoint not in self._limits:
            limits = Limits(
                spec.max_in_flight,
                spec.requests_per_minute,
                spec.tokens_per_minute,
                model=label,
                on_event=self._on_event,
                clock=self._clock,
                random=self._random,
            )
            if self._drained is not None:
                limits.close(self._drained)
            self._limits[endpoint] = (_numbers(spec), limits)
        numbers, limits = self._limits[endpoint]
        if numbers != _numbers(spec):
            raise UsageError(
                f"{label} is used with two different limits; one endpoint has one "
                "requests_per_minute, tokens_per_minute and max_in_flight"
            )
        return limits


_Numbers = tuple[float | None, float | None, int]


def _numbers(spec: ModelSpec) -> _Numbers:
    return spec.requests_per_minute, spec.tokens_per_minute, spec.max_in_flight


def _check_values(spec: ModelSpec) -> None:
    positive = {
        "requests_per_minute": spec.requests_per_minute,
        "tokens_per_minute": spec.tokens_per_minute,
        "max_in_flight": spec.max_in_flight,
        "timeout_s": spec.timeout_s,
        "attempts": spec.attempts,
    }
    for field_name, value in positive.items():
        if value is not None and not 0 < value < float("inf"):
            raise UsageError(f"{field_name} of {spec.model} must be more than 0, not {value}")
    if spec.extra_body.get("stream"):
        raise UsageError(f"extra_body of {spec.model} asks for a stream; answers are read whole")
