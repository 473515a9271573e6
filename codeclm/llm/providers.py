"""From a model's name to something that answers: cache(retry(regulated(provider)))."""

from __future__ import annotations

import os
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from random import Random
from types import TracebackType

import orjson

from codeclm.errors import RunStopped, UsageError
from codeclm.llm.access import direct_model, new_dialect
from codeclm.llm.budget import Budget
from codeclm.llm.cache import CachedModel, Store
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.chat import ChatModel
from codeclm.llm.credentials import endpoint_and_key
from codeclm.llm.dialect import Dialect
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.events import Answered, Listener
from codeclm.llm.http import open_session
from codeclm.llm.limits import Allowance
from codeclm.llm.metered import Bounds, Meter, MeteredModel, Tariff
from codeclm.llm.names import parse_model
from codeclm.llm.preflight import check_answers, check_reachable
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import EndpointStatistics, Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.llm.secret import Secret
from codeclm.llm.spec import ModelSpec, allowance, check_spec, identity

__all__ = ["Models"]


class Models:
    """Opens models; an async context manager that holds the connections of all of them.

    ``sleep`` is how a failed call waits for its next attempt; by default that ends early when the models are
    drained. ``around`` wraps what asks an endpoint: each attempt of a call goes through it once the limits let it.
    With a ``budget`` each attempt must fit into it; ``tariff`` tells what a model costs, None where nobody knows.
    """

    def __init__(
        self,
        *,
        on_event: Listener = lambda event: None,
        environ: Mapping[str, str] = os.environ,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] | None = None,
        clock: Callable[[], float] = time.monotonic,
        around: Callable[[ChatModel], ChatModel] = lambda model: model,
        budget: Budget | None = None,
        tariff: Callable[[str], Tariff | None] = lambda model: None,
    ) -> None:
        self._budget = budget
        self._tariff = tariff
        self._on_event = on_event
        self._environ = environ
        self._random = random or Random()
        self._sleep = sleep
        self._clock = clock
        self._around = around
        self._regulators: dict[Endpoint, tuple[Allowance, Regulator]] = {}
        self._dialects: dict[Endpoint, Dialect] = {}
        self._asked: dict[bytes, ChatModel] = {}
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

    def open(self, spec: ModelSpec, store: Store) -> ChatModel:
        """The model that ``spec`` describes, whose answers are kept in ``store``, the same one for all.

        Equal specs are one model, so equal calls are one. Specs of one endpoint (URL, model and key) share its
        limits. Raises UsageError where the spec is not sound, a key is missing or would be sent in the clear, or the
        limits differ from those that the endpoint was opened with.
        """
        opened_as = _key(spec)
        if opened_as not in self._opened:
            name = str(parse_model(spec.model))
            self._opened[opened_as] = CachedModel(
                self._ask(spec), store, identity(spec), model=name, on_event=self._on_event
            )
        return self._opened[opened_as]

    def open_fresh(self, spec: ModelSpec) -> ChatModel:
        """The model that ``spec`` describes, without a cache: every answer is asked for. Raises as ``open`` does."""
        return self._ask(spec)

    async def preflight(
        self, spec: ModelSpec, *, temperature: float | None, max_tokens: int | None
    ) -> None:
        """See whether the model of ``spec`` answers, before anything is spent.

        Raises UsageError or RunStopped, with one line that says what is wrong.
        """
        name = parse_model(spec.model)
        await check_reachable(name.base_url)
        began_s = self._clock()
        usage = await check_answers(
            self._ask(spec), str(name), temperature=temperature, max_tokens=max_tokens
        )
        took_s = self._clock() - began_s
        self._on_event(Answered(str(name), "preflight", "endpoint", usage, took_s))

    def drain(self, error: RunStopped) -> None:
        """Start no more calls: who waits or comes gets ``error``; calls under way go on."""
        self._drained = error
        if self._budget is not None:
            self._budget.close(error)
        for _, regulator in self._regulators.values():
            regulator.limits.close(error)

    def statistics(self) -> dict[Endpoint, EndpointStatistics]:
        """What is known of each endpoint."""
        return {endpoint: one.statistics() for endpoint, (_, one) in self._regulators.items()}

    def learnt(self) -> dict[Endpoint, tuple[str, ...]]:
        """What each endpoint is asked otherwise than meant, because it refused; in words."""
        return {endpoint: dialect.learnt() for endpoint, dialect in self._dialects.items()}

    def _ask(self, spec: ModelSpec) -> ChatModel:
        """The model without a cache."""
        asked_as = _key(spec)
        if asked_as not in self._asked:
            check_spec(spec, self._environ)
            name = parse_model(spec.model)
            endpoint, key = endpoint_and_key(name, spec.api_key_env, self._environ)
            regulator = self._shared_regulator(endpoint, spec, str(name))
            self._asked[asked_as] = RetryingModel(
                RegulatedModel(
                    self._metered(self._around(self._direct(endpoint, key, spec)), spec), regulator
                ),
                RetryPolicy(attempts=spec.attempts),
                model=str(name),
                on_event=self._on_event,
                random=self._random,
                sleep=self._sleep or regulator.limits.rest,
                clock=self._clock,
            )
        return self._asked[asked_as]

    def _metered(self, model: ChatModel, spec: ModelSpec) -> ChatModel:
        label = str(parse_model(spec.model))
        meter = None
        if self._budget is not None:
            writes_cache = b'"cache_control"' in orjson.dumps(dict(spec.extra_body))
            meter = Meter(self._budget, self._tariff(label), writes_cache)
        bounds = Bounds(spec.extra_body)
        return MeteredModel(model, bounds, model=label, on_event=self._on_event, meter=meter)

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


def _key(spec: ModelSpec) -> bytes:
    numbers = [spec.api_key_env, repr(allowance(spec)), spec.timeout_s, spec.attempts]
    return orjson.dumps([identity(spec), numbers], option=orjson.OPT_SORT_KEYS)
