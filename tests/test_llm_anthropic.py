"""Anthropic's messages: golden tables of what is asked and of what an answer means."""

from __future__ import annotations

from contextlib import suppress
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    CodecLMError,
    EmptyAnswer,
    MalformedAnswer,
    ModelError,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    ToolCallAnswer,
    TransientError,
)
from codeclm.llm.anthropic import ANTHROPIC, fields, read_message
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.dialect import Dialect
from codeclm.llm.direct import body_of
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import MemoryStore
from tests.chat_server import always, chat_server

pytestmark = pytest.mark.anyio

ENDPOINT = Endpoint("https://api.anthropic.com/v1", "m", "ANTHROPIC_API_KEY")
SYSTEM, USER = Message("system", "Be brief."), Message("user", "Größe?")
SAID: dict[str, object] = {"role": "user", "content": "Größe?"}


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        (ChatRequest((USER,)), {"max_tokens": 4096, "messages": [SAID]}),
        (
            ChatRequest((SYSTEM, USER), 0.7, 5, draw=3, stage="judge", priority=2),
            {"max_tokens": 5, "messages": [SAID], "system": "Be brief.", "temperature": 0.7},
        ),
        (
            ChatRequest((SYSTEM, Message("system", "Be kind."), USER), 1.7, 5),
            {
                "max_tokens": 5,
                "messages": [SAID],
                "system": "Be brief.\n\nBe kind.",
                "temperature": 1.0,
            },
        ),
        (ChatRequest((USER,), 0.0, 5), {"max_tokens": 5, "messages": [SAID], "temperature": 0.0}),
        (
            ChatRequest((USER, Message("assistant", "1 m"), USER), None, 5),
            {"max_tokens": 5, "messages": [SAID, {"role": "assistant", "content": "1 m"}, SAID]},
        ),
        (
            ChatRequest((USER,), max_tokens=5, schema={"name": "n", "schema": {}}),
            {"max_tokens": 5, "messages": [SAID]},
        ),
    ],
)
def test_fields(request_: ChatRequest, expected: dict[str, Any]) -> None:
    """The system prompt stands apart, a limit is always there, no seed and no schema ever."""
    written = body_of(Dialect().written(fields(request_, "m", True), {}))
    assert orjson.loads(written) == {"model": "m", **expected}


def read(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Completion:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return read_message(status, headers or {}, raw, endpoint=ENDPOINT)


def message(*blocks: object, reason: object = "end_turn", **more: object) -> dict[str, object]:
    return {"type": "message", "content": list(blocks), "stop_reason": reason, **more}


def text(words: str) -> dict[str, str]:
    return {"type": "text", "text": words}


def counted(**usage: object) -> dict[str, object]:
    return message(text("Hi"), usage=usage)


THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "x"}
HIDDEN = {"type": "redacted_thinking", "data": "xyz"}
TOOL = {"type": "tool_use", "id": "1", "name": "n", "input": {}}

UNCOUNTED = ("usage_missing",)


def uncounted(text: str, finish_reason: str, reasoning: str = "") -> Completion:
    """A completion whose tokens were not counted."""
    return Completion(text, finish_reason, reasoning=reasoning, flags=UNCOUNTED)


COMPLETIONS: list[tuple[object, Completion]] = [
    (message(text("Hi")), uncounted("Hi", "stop")),
    (message(text("Hi "), text("you")), uncounted("Hi you", "stop")),
    (message(text("Hi"), reason="stop_sequence"), uncounted("Hi", "stop")),
    (message(text("Hi"), reason="pause_turn"), uncounted("Hi", "stop")),
    (message(text("Hi"), reason="tool_use"), uncounted("Hi", "tool_use")),
    (message(text("Hi"), reason="max_tokens"), uncounted("Hi", "length")),
    (message(text("Hi"), reason="model_context_window_exceeded"), uncounted("Hi", "length")),
    (message(reason="max_tokens"), uncounted("", "length")),
    (message(THOUGHT, reason="max_tokens"), uncounted("", "length", reasoning="Hm.")),
    (message(text("I will not."), reason="refusal"), uncounted("I will not.", "refusal")),
    (message(reason="refusal"), uncounted("", "refusal")),
    (message(THOUGHT, text("Hi")), uncounted("Hi", "stop", reasoning="Hm.")),
    (message(THOUGHT, HIDDEN, THOUGHT, text("Hi")), uncounted("Hi", "stop", reasoning="Hm.\n\nHm.")),
    (message(text("Hi"), reason=None), uncounted("Hi", "")),
    (message(text("Hi"), reason="new_one"), uncounted("Hi", "new_one")),
    (message(text("Hi"), 5, {"text": 5}, None), uncounted("Hi", "stop")),
    (message(text("Hi"), error=None), uncounted("Hi", "stop")),
    (counted(input_tokens=3, output_tokens=1), Completion("Hi", "stop", Usage(3, 1))),
    (
        counted(
            input_tokens=3,
            cache_creation_input_tokens=10,
            cache_read_input_tokens=100,
            output_tokens=1,
        ),
        Completion("Hi", "stop", Usage(113, 1, 100)),
    ),
    (counted(input_tokens=3, cache_read_input_tokens=None), Completion("Hi", "stop", Usage(3), flags=UNCOUNTED)),
    (counted(input_tokens=0, output_tokens=0), uncounted("Hi", "stop")),
    (counted(input_tokens="3", output_tokens=True), uncounted("Hi", "stop")),
    (message(text("Hi"), usage=[3]), uncounted("Hi", "stop")),
]  # fmt: skip


@pytest.mark.parametrize(("body", "expected"), COMPLETIONS)
def test_completions(body: object, expected: Completion) -> None:
    """Text is text, thoughts are apart, a stop is in our words, cached input counts as input."""
    assert read(body) == expected


def error(kind: str, said: str = "said") -> dict[str, object]:
    return {"type": "error", "error": {"type": kind, "message": said}, "request_id": "r"}


FAILURES: list[tuple[int, object, type[CodecLMError], str]] = [
    (200, b"", MalformedAnswer, "not a JSON object"),
    (200, b"<html>busy</html>", MalformedAnswer, "not a JSON object"),
    (200, b'{"content": [{"te', MalformedAnswer, "not a JSON object"),
    (200, [], MalformedAnswer, "not a JSON object"),
    (200, {}, MalformedAnswer, "has no content"),
    (200, {"content": "Hi"}, MalformedAnswer, "has no content"),
    (200, message(), EmptyAnswer, "is empty"),
    (200, message(text(" \n")), EmptyAnswer, "is empty"),
    (200, message(THOUGHT), EmptyAnswer, "is empty"),
    (200, message(TOOL, reason="tool_use"), ToolCallAnswer, "calls tools"),
    (200, error("api_error"), ServerError, "HTTP 200 with error 500: said"),
    (429, error("rate_limit_error"), RateLimited, "HTTP 429: said"),
    (500, error("api_error"), ServerError, "HTTP 500: said"),
    (529, error("overloaded_error"), TransientError, "HTTP 529: said"),
    (400, error("invalid_request_error"), RequestRefused, "HTTP 400: said"),
    (404, error("not_found_error"), RunStopped, "said"),
    (402, error("billing_error"), RunStopped, "said"),
    (502, b"<html><title>Bad gateway</title></html>", ServerError, "Bad gateway"),
]


@pytest.mark.parametrize(("status", "body", "kind", "said"), FAILURES)
def test_failures(status: int, body: object, kind: type[CodecLMError], said: str) -> None:
    """An error is the same whoever sends it, and an answer without use is told as what it is."""
    with pytest.raises(kind, match=said):
        read(body, status)


def test_a_hint_is_read() -> None:
    """How long to wait stands in the headers."""
    with pytest.raises(RateLimited) as caught:
        read(error("rate_limit_error"), 429, {"retry-after": "7"})
    assert caught.value.retry_after_s == 7


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["content", "type", "text", "thinking", "usage", "stop_reason", "error"]
            ),
            inner,
            max_size=4,
        )
    ),
)


@given(JSON.map(orjson.dumps) | st.binary(max_size=30), st.sampled_from([200, 400, 429, 500]))
def test_no_answer_breaks_the_reader(body: bytes, status: int) -> None:
    """Whatever comes is a completion or an error of this package."""
    with suppress(ModelError, RunStopped):
        assert isinstance(read(body, status), Completion)


def test_a_limit_of_tokens_is_needed() -> None:
    """No dialect leaves it out."""
    assert "max_tokens" in ANTHROPIC.needed


async def test_over_http() -> None:
    """A model of this provider is asked at its path, with its headers, and its answer is kept."""
    answer = message(THOUGHT, text("yes"), usage={"input_tokens": 3, "output_tokens": 1})
    environ = {"MY_KEY": "k-1"}
    async with (
        chat_server(always(200, answer)) as server,
        Models(environ=environ) as models,
    ):
        chat = models.open(ModelSpec(f"anthropic:m@{server.base_url}", "MY_KEY"), MemoryStore())
        for _ in range(2):
            completion = await chat.complete(ChatRequest((USER,)))
            assert completion == Completion("yes", "stop", Usage(3, 1), "Hm.")
    (received,) = server.requests
    assert received.path == "/v1/messages"
    assert received.headers["x-api-key"] == "k-1"
    assert received.headers["anthropic-version"] == "2023-06-01"
    assert "Authorization" not in received.headers
