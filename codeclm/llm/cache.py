"""Answers are kept before they are used, and never paid for twice."""

from __future__ import annotations

import time
from asyncio import CancelledError, Future, get_running_loop
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Protocol

import orjson

from codeclm.errors import MalformedAnswer
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Usage
from codeclm.llm.events import Answered, Listener
from codeclm.llm.key import KeyMaker

__all__ = ["CachedModel", "Store", "decode", "encode"]

COUNT = (int, type(None))

Outcome = Completion | Exception | None


class Store(Protocol):
    """Where answers are kept: bytes by name. Neither method raises for trouble with the medium."""

    def get(self, key: str) -> Awaitable[bytes | None]:
        """What was put under ``key``; None where there is nothing that can be read."""
        ...

    def put(self, key: str, value: bytes) -> Awaitable[object]:
        """Keep ``value`` under ``key``; done when it is safe."""
        ...


def encode(completion: Completion) -> bytes:
    """The stored form of ``completion``. Raises MalformedAnswer for text that is no Unicode."""
    record = {
        "finish_reason": completion.finish_reason,
        "reasoning": completion.reasoning,
        "text": completion.text,
        "usage": _counts(completion.usage),
    }
    try:
        return orjson.dumps(record)
    except orjson.JSONEncodeError as error:
        raise MalformedAnswer(f"the answer cannot be written as JSON: {error}") from None


def decode(value: bytes) -> Completion | None:
    """The completion in ``value``; None where it is not what ``encode`` writes."""
    try:
        record = orjson.loads(value)
        text, finish_reason, reasoning = (
            record["text"],
            record["finish_reason"],
            record["reasoning"],
        )
        usage = _usage(record["usage"])
    except (orjson.JSONDecodeError, TypeError, KeyError, ValueError):
        return None
    words_are_text = type(text) is type(finish_reason) is type(reasoning) is str
    if not words_are_text or usage is None:
        return None
    return Completion(text, finish_reason, usage, reasoning)


def _counts(usage: Usage) -> list[int | None]:
    """Input and output, and what was read from the prompt cache where that is known: versions before it know two."""
    counts = [usage.input_tokens, usage.output_tokens]
    return counts if usage.cached_input_tokens is None else [*counts, usage.cached_input_tokens]


def _usage(counts: list[object]) -> Usage | None:
    input_tokens, output_tokens, *more = counts
    cached = more[0] if more else None
    if type(input_tokens) in COUNT and type(output_tokens) in COUNT and type(cached) in COUNT:
        return Usage(input_tokens, output_tokens, cached)  # type: ignore[arg-type]
    return None


class CachedModel:
    """Answers from ``store`` where it can, else from ``inner``, and keeps what is answered.

    ``identity`` is all of the endpoint that decides an answer. Equal requests at the same time are
    one call. An answer that was cut short is kept, and so is a refusal: both are answers, and paid for. One that was
    filtered is not. Each request is told to ``on_event`` once.
    """

    def __init__(
        self,
        inner: ChatModel,
        store: Store,
        identity: Mapping[str, object],
        *,
        model: str,
        on_event: Listener,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._inner = inner
        self._store = store
        self._keys = KeyMaker(identity)
        self._model = model
        self._on_event = on_event
        self._clock = clock
        self._followers: dict[str, deque[Future[Outcome]] | None] = {}  # None: nobody as yet

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request``; raises what ``inner`` raises."""
        began_s = self._clock()
        key = self._keys.key(request)
        if key in self._followers:
            outcome = await self._follow(key)
            if isinstance(outcome, Completion):
                return self._answered(request, key, outcome, "shared", began_s)
            if outcome is not None:
                raise outcome
        else:
            self._followers[key] = None
        try:
            stored = await self._store.get(key)
            completion = None if stored is None else decode(stored)
            source = "cache"
            if completion is None:
                source = "endpoint"
                completion = await self._inner.complete(request)
                if completion.finish_reason != "content_filter":
                    await self._store.put(key, encode(completion))
        except Exception as error:
            self._settle(key, error)
            raise
        except BaseException:  # cancelled: one of the followers calls in its place
            self._hand_over(key)
            raise
        self._settle(key, completion)
        return self._answered(request, key, completion, source, began_s)

    async def _follow(self, key: str) -> Outcome:
        """What the call under way brings; None where it was cancelled and this one is to lead."""
        turn: Future[Outcome] = get_running_loop().create_future()
        followers = self._followers[key]
        if followers is None:
            followers = self._followers[key] = deque()
        followers.append(turn)
        try:
            return await turn
        except CancelledError:
            if not turn.cancelled() and turn.result() is None:
                self._hand_over(key)
            raise

    def _hand_over(self, key: str) -> None:
        followers = self._followers[key]
        while followers:
            turn = followers.popleft()
            if not turn.done():
                turn.set_result(None)
                return
        del self._followers[key]

    def _settle(self, key: str, outcome: Completion | Exception) -> None:
        for turn in self._followers.pop(key) or ():
            if not turn.done():
                turn.set_result(outcome)

    def _answered(
        self, request: ChatRequest, key: str, completion: Completion, source: str, began_s: float
    ) -> Completion:
        self._on_event(
            Answered(
                self._model,
                request.stage,
                source,
                completion.usage,
                self._clock() - began_s,
                completion.flags,
                request.item,
                request.iteration,
                request.attempt,
                key,
            )
        )
        return completion
