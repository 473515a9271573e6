"""Each attempt of a call with its price tag: reserved before it is sent, settled by what came of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

import orjson

from codeclm.errors import (
    AnswerTooLarge,
    CodecLMError,
    ConnectionFailed,
    ContextTooLong,
    Declined,
    KeyRefused,
    ModelLoading,
    ParameterRefused,
    RateLimited,
    RunStopped,
    ServerError,
    TimedOut,
    Unreachable,
    UnusableAnswer,
)
from codeclm.llm.budget import Budget
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Usage
from codeclm.llm.events import Listener, PerhapsBilled
from codeclm.llm.purse import NOTHING, Spending

__all__ = ["LIMITS", "Bounds", "Meter", "MeteredModel", "Tariff", "may_be_billed"]

TOKENS_A_CALL = 256
TOKENS_A_MESSAGE = 16
"""More than servers are known to put around messages: roles, marks of beginning and end, a date."""
WITHOUT_LIMIT = 1_000_000
LIMITS = ("max_tokens", "max_completion_tokens")
SEVERAL = ("n", "best_of")
CACHE_WRITE_FACTOR = 2
"""Input that is written to a prompt cache on request costs up to twice as much."""

BILLED = (
    TimedOut,
    ConnectionFailed,
    ServerError,
    UnusableAnswer,
    AnswerTooLarge,
    Declined,
    ContextTooLong,
)
"""Some providers want to be paid for what they filter and for prompts that are too long; and what is behind a gateway
may have answered what never arrived."""


FREE = (RunStopped, RateLimited, KeyRefused, ParameterRefused, ModelLoading, Unreachable)
"""Refused in so many words, whatever the status, or never sent."""


class Tariff(Protocol):
    """What a model costs, in picodollars."""

    def picodollars(
        self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0
    ) -> int:
        """What so many tokens cost."""
        ...

    def most_picodollars(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost at the most."""
        ...


class Bounds:
    """The most tokens that a request can take, with ``extra_body`` in it."""

    def __init__(self, extra_body: Mapping[str, object]) -> None:
        self._fixed = TOKENS_A_CALL + (len(orjson.dumps(dict(extra_body))) if extra_body else 0)
        given = [extra_body[name] for name in LIMITS if name in extra_body]
        self._limit = max((_count(one, WITHOUT_LIMIT) for one in given), default=None)
        self._answers = max((_count(extra_body.get(name), 1) for name in SEVERAL), default=1)

    def __call__(self, request: ChatRequest) -> tuple[int, int]:
        """Tokens of input, which are never more than the bytes, and of output: thoughts are in them."""
        given = self._fixed
        for message in request.messages:
            content = message.content
            size = (
                len(content) if content.isascii() else len(content.encode("utf-8", "surrogatepass"))
            )
            given += size + TOKENS_A_MESSAGE
        if request.schema is not None:
            given += len(orjson.dumps(request.schema))
        limit = self._limit
        if limit is None:
            limit = WITHOUT_LIMIT if request.max_tokens is None else request.max_tokens
        return given, limit * self._answers


def _count(value: object, otherwise: int) -> int:
    return value if type(value) is int and value > 0 else otherwise


@dataclass(frozen=True, slots=True)
class Meter:
    """How a model is metered: ``tariff`` None where its price is not known."""

    budget: Budget
    tariff: Tariff | None
    writes_cache: bool = False

    def worst(self, given: int, made: int) -> Spending:
        """What a call can come to at the most."""
        priced = given * CACHE_WRITE_FACTOR if self.writes_cache else given
        cost = self.tariff.most_picodollars(priced, made) if self.tariff else 0
        return Spending(cost, 1, given + made)

    def used(self, usage: Usage, most: tuple[int, int]) -> Spending:
        """What a call came to; what was not counted, at its worst."""
        given = most[0] if usage.input_tokens is None else usage.input_tokens
        made = most[1] if usage.output_tokens is None else usage.output_tokens
        if self.writes_cache:
            return Spending(self.worst(given, made).picodollars, 1, given + made)
        cached = usage.cached_input_tokens or 0
        cost = self.tariff.picodollars(given, made, cached) if self.tariff else 0
        return Spending(cost, 1, given + made)


class MeteredModel:
    """Asks ``inner`` within the budget of ``meter``, if there is one.

    An attempt that brings nothing and may be billed is told, and stays reserved at its worst for good; one that was
    refused or never sent costs nothing. Raises what ``inner`` and the budget raise.
    """

    def __init__(
        self,
        inner: ChatModel,
        bounds: Bounds,
        *,
        model: str,
        on_event: Listener,
        meter: Meter | None = None,
    ) -> None:
        self._inner = inner
        self._bounds = bounds
        self._model = model
        self._on_event = on_event
        self._meter = meter

    async def complete(self, request: ChatRequest) -> Completion:
        """One attempt."""
        if self._meter is not None:
            return await self._within(self._meter, request)
        try:
            return await self._inner.complete(request)
        except BaseException as error:
            if may_be_billed(error):
                self._tell(request, self._bounds(request))
            raise

    async def _within(self, meter: Meter, request: ChatRequest) -> Completion:
        most = self._bounds(request)
        worst = meter.worst(*most)
        await meter.budget.reserve(worst)
        used = worst  # where it was cancelled nobody knows
        try:
            completion = await self._inner.complete(request)
            used = meter.used(completion.usage, most)
            return completion
        except BaseException as error:
            if may_be_billed(error):
                self._tell(request, most)
            else:
                used = NOTHING
            raise
        finally:
            meter.budget.settle(worst, used)

    def _tell(self, request: ChatRequest, most: tuple[int, int]) -> None:
        self._on_event(PerhapsBilled(self._model, request.stage, request.iteration, *most))


def may_be_billed(error: BaseException) -> bool:
    """Whether the endpoint may want to be paid for an attempt that ended so."""
    if not isinstance(error, CodecLMError):
        return True  # cancelled, or a bug: it may have been sent
    if isinstance(error, FREE):
        return False
    return error.answered or isinstance(error, BILLED)
