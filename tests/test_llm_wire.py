"""Golden tables: requests to payloads, answers to completions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    CodecLMError,
    EmptyAnswer,
    Filtered,
    MalformedAnswer,
    ModelError,
    Overloaded,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    ToolCallAnswer,
)
from codeclm.llm.chat import Completion, Usage
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.wire import read_completion

ENDPOINT = Endpoint("https://api.example.com/v1", "m-1", "EXAMPLE_API_KEY")


def read(body: object, status: int = 200, headers: dict[str, str] | None = None) -> Completion:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return read_completion(status, headers or {}, raw, endpoint=ENDPOINT)


def answer(message: object, finish_reason: object = "stop", **more: object) -> dict[str, Any]:
    return {"choices": [{"message": message, "finish_reason": finish_reason}], **more}


def counted(**more: object) -> dict[str, Any]:
    """An answer of 9 tokens to a prompt of 90, with ``more`` to be said of them."""
    return answer({"content": "Hi"}, usage={"prompt_tokens": 90, "completion_tokens": 9, **more})


def behind_a_gateway(**fields: object) -> dict[str, Any]:
    """An answer of a provider after it went through a gateway that has no field for ``fields``."""
    whole = answer({"content": "Hi"})
    whole["choices"][0]["provider_specific_fields"] = fields
    return whole


UNCOUNTED = ("usage_missing",)


def completion(text: str, finish_reason: str = "stop", reasoning: str = "") -> Completion:
    """One whose tokens were not counted."""
    return Completion(text, finish_reason, reasoning=reasoning, flags=UNCOUNTED)


COMPLETIONS: list[tuple[object, Completion]] = [
    (answer({"content": "Hi"}), completion("Hi")),
    (
        answer({"content": "Hi"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
        Completion("Hi", "stop", Usage(3, 1)),
    ),
    # The prompt cache, as OpenAI and its like, DeepSeek and Moonshot report it.
    (
        counted(prompt_tokens_details={"cached_tokens": 64}),
        Completion("Hi", "stop", Usage(90, 9, 64)),
    ),
    (
        counted(prompt_tokens_details={"cached_tokens": 0}),
        Completion("Hi", "stop", Usage(90, 9, 0)),
    ),
    (counted(prompt_cache_hit_tokens=64), Completion("Hi", "stop", Usage(90, 9, 64))),
    (counted(cached_tokens=64), Completion("Hi", "stop", Usage(90, 9, 64))),
    (
        counted(prompt_tokens_details={"cached_tokens": 640}),
        Completion("Hi", "stop", Usage(90, 9, 90)),
    ),
    (counted(prompt_tokens_details={"cached_tokens": -1}), Completion("Hi", "stop", Usage(90, 9))),
    (counted(prompt_tokens_details={"cached_tokens": "9"}), Completion("Hi", "stop", Usage(90, 9))),
    (counted(prompt_tokens_details=None), Completion("Hi", "stop", Usage(90, 9))),
    # Gemini counts thoughts in the total alone.
    (counted(total_tokens=399), Completion("Hi", "stop", Usage(90, 309))),
    (counted(total_tokens=99), Completion("Hi", "stop", Usage(90, 9))),
    (counted(total_tokens=1), Completion("Hi", "stop", Usage(90, 9))),
    (
        answer({"content": "Hi"}, usage={"prompt_tokens": 3, "completion_tokens": None}),
        Completion("Hi", "stop", Usage(3), flags=UNCOUNTED),
    ),
    (answer({"content": "Hi"}, usage=None), completion("Hi")),
    (answer({"content": "Hi"}, usage={"prompt_tokens": None}), completion("Hi")),
    (answer({"content": "Hi"}, usage={"prompt_tokens": 0}), completion("Hi")),
    (answer({"content": "Hi"}, usage={"completion_tokens": "9"}), completion("Hi")),
    (answer({"content": "Hi"}, usage=[1]), completion("Hi")),
    (answer({"content": "Hi"}, None), completion("Hi", "")),
    (answer({"content": "Hi"}, 3), completion("Hi", "")),
    ({"choices": [{"message": {"content": "Hi"}}]}, completion("Hi", "")),
    (answer({"content": "Hi"}, error=None), completion("Hi")),
    (answer({"content": "Hi"}, error={}), completion("Hi")),
    (answer({"content": " Hi\n"}), completion(" Hi\n")),
    (answer({"content": "Hi th"}, "length"), completion("Hi th", "length")),
    (answer({"content": "Hi th"}, "max_tokens"), completion("Hi th", "length")),
    (answer({"content": "Hi th"}, "model_length"), completion("Hi th", "length")),
    (answer({"content": "Hi"}, "stop_sequence"), completion("Hi")),
    (answer({"content": "Hi"}, "repetition"), completion("Hi", "repetition")),
    (answer({"content": None}, "length"), completion("", "length")),
    (answer(None, "length"), completion("", "length")),
    (
        answer({"content": "", "reasoning_content": "Hm"}, "length"),
        completion("", "length", "Hm"),
    ),
    (answer({"content": "<think>Hm"}, "length"), completion("", "length", "Hm")),
    (answer({"content": "<think>Hm"}, "stop"), completion("", "length", "Hm")),
    (answer({"content": "Hi <think>Hm"}, "stop"), completion("Hi <think>Hm")),
    (answer({"content": "<think>Hm</think>Hi"}), completion("Hi", "stop", "Hm")),
    (answer({"content": "Hi", "reasoning": "Hm"}), completion("Hi", "stop", "Hm")),
    (
        answer({"content": "<think>Also</think>Hi", "reasoning_content": "Hm"}),
        completion("Hi", "stop", "Hm\n\nAlso"),
    ),
    (answer({"content": "Hi", "reasoning": {"x": 1}}), completion("Hi")),
    (answer({"content": None, "refusal": "I cannot."}), completion("I cannot.", "refusal")),
    (answer({"content": "Hi", "refusal": "I cannot."}), completion("Hi")),
    (
        answer({"content": None, "provider_specific_fields": {"refusal": "I cannot."}}),
        completion("I cannot.", "refusal"),
    ),
    (answer({"content": "Hi", "provider_specific_fields": {"refusal": None}}), completion("Hi")),
    (answer({"content": "Hi", "provider_specific_fields": [3]}), completion("Hi")),
    (behind_a_gateway(native_finish_reason="eos"), completion("Hi")),
    (answer({"content": "Hi", "tool_calls": [{}]}), completion("Hi")),
    (answer({"content": [{"type": "text", "text": "Hi"}]}), completion("Hi")),
    (
        answer({"content": [{"thinking": [{"text": "Hm"}, 3]}, {"text": "H"}, {"text": "i"}]}),
        completion("Hi", "stop", "Hm"),
    ),
]


@pytest.mark.parametrize(("body", "expected"), COMPLETIONS)
def test_completions(body: object, expected: Completion) -> None:
    """An answer with something to read in it is a completion, whatever else is missing."""
    assert read(body) == expected


def test_a_filter_that_was_down_is_told() -> None:
    """The answer is kept, and flagged as one that nobody filtered; other troubles of a filter are not that."""
    for code, flags in (("content_filter_error", (*UNCOUNTED, "filter_down")), ("x", UNCOUNTED)):
        body = answer({"content": "Hi"})
        body["choices"][0]["content_filter_results"] = {"error": {"code": code}}
        assert read(body).flags == flags


FAILURES: list[tuple[object, type[CodecLMError], str]] = [
    (b"", MalformedAnswer, "the answer is not JSON"),
    (b"<html>busy</html>", MalformedAnswer, "the answer is not JSON"),
    (b'{"choices": [{"mess', MalformedAnswer, "the answer is not JSON"),
    (b"\xff\xfe", MalformedAnswer, "the answer is not JSON"),
    (b'{"choices": [{"message": {"content": "\\ud83d"}}]}', MalformedAnswer, "not JSON"),
    (b"[" * 5000, MalformedAnswer, "the answer is not JSON"),
    (b"null", MalformedAnswer, "no choices"),
    (b"3", MalformedAnswer, "no choices"),
    ([], MalformedAnswer, "no choices"),
    ({}, MalformedAnswer, "no choices"),
    ({"choices": {"0": 1}}, MalformedAnswer, "no list of objects"),
    ({"choices": ["Hi"]}, MalformedAnswer, "no list of objects"),
    (behind_a_gateway(native_finish_reason="abort"), ServerError, "finish_reason 'abort'"),
    (behind_a_gateway(error={"code": 429, "message": "slow"}), RateLimited, "error 429: slow"),
    (
        behind_a_gateway(native_finish_reason="insufficient_system_resource"),
        Overloaded,
        "broke off",
    ),
    (answer("Hi"), MalformedAnswer, "message is a str"),
    (answer({"content": ["Hi"]}), MalformedAnswer, "no text but list"),
    (answer({"content": {"text": "Hi"}}), MalformedAnswer, "no text but dict"),
    (answer({"content": 5}), MalformedAnswer, "no text but int"),
    ({"choices": None}, EmptyAnswer, "choices are empty"),
    ({"choices": []}, EmptyAnswer, "choices are empty"),
    ({"choices": [{"text": "Hi"}]}, EmptyAnswer, "the answer is empty"),
    ({"choices": [{"message": None}]}, EmptyAnswer, "the answer is empty"),
    (answer({"content": None}), EmptyAnswer, "the answer is empty"),
    (answer({"content": ""}), EmptyAnswer, "the answer is empty"),
    (answer({"content": " \n\u00a0"}), EmptyAnswer, "the answer is empty"),
    (answer({}), EmptyAnswer, "the answer is empty"),
    (answer({"content": [{"type": "image"}]}), EmptyAnswer, "the answer is empty"),
    (answer({"content": None, "reasoning": "Hm"}), EmptyAnswer, "there is only reasoning"),
    (answer({"content": "<think>Hm</think>"}), EmptyAnswer, "the answer is empty"),
    (answer({"content": None, "tool_calls": [{}]}), ToolCallAnswer, "calls tools"),
    (answer({"content": "", "function_call": {"name": "f"}}), ToolCallAnswer, "calls tools"),
    (answer({"content": None}, "content_filter"), Filtered, "filtered its answer"),
    (answer({"content": "Hi"}, "content_filter: RECITATION"), Filtered, "filtered its answer"),
    (answer({"content": "Hi"}, "error"), ServerError, "finish_reason 'error'"),
    (answer({"content": "Hi"}, "abort"), ServerError, "finish_reason 'abort'"),
    (answer({"content": "Hi"}, "insufficient_system_resource"), Overloaded, "broke off"),
    ({"error": {"code": 429, "message": "slow"}}, RateLimited, "with error 429: slow"),
    ({"error": {"code": "502", "message": "up"}}, ServerError, "with error 502: up"),
    ({"error": {"code": 400, "message": "bad"}}, RequestRefused, "with error 400: bad"),
    ({"error": {"code": 200, "message": "odd"}}, ServerError, "with error 500: odd"),
    ({"error": {"type": "invalid_request_error"}}, RequestRefused, "with error 400"),
    ({"error": {"type": "rate_limit_error"}}, RateLimited, "HTTP 200 with error 500"),
    ({"error": {"code": 402, "message": "empty"}}, QuotaExhausted, "no credit or quota"),
    ({"error": "broken"}, ServerError, "with error 500: broken"),
    ([{"error": {"code": 429, "message": "slow"}}], RateLimited, "with error 429: slow"),
    ({"object": "error", "message": "no", "code": 400}, RequestRefused, "with error 400: no"),
    (
        {"choices": [{"error": {"code": 502, "message": "up"}, "finish_reason": "error"}]},
        ServerError,
        "HTTP 200 with error 502: up",
    ),
]


@pytest.mark.parametrize(("body", "kind", "message"), FAILURES)
def test_failures_that_come_with_200(body: object, kind: type[CodecLMError], message: str) -> None:
    """What is no completion is named for what it is."""
    with pytest.raises(kind) as caught:
        read(body)
    assert type(caught.value) is kind
    assert message in str(caught.value)


def test_a_malformed_answer_is_shown_in_part() -> None:
    """The first 2,000 characters are kept as evidence."""
    with pytest.raises(MalformedAnswer) as caught:
        read(b"<html>" + b"x" * 10_000)
    assert caught.value.raw == "<html>" + "x" * 1994
    with pytest.raises(EmptyAnswer) as empty:
        read(answer({"content": None, "note": "key: sk-0123456789"}))
    assert "content" in empty.value.raw
    assert "0123456789" not in empty.value.raw


def test_a_filtered_answer_keeps_what_is_left_of_it() -> None:
    """What the filter let through is evidence."""
    with pytest.raises(Filtered) as caught:
        read(answer({"content": "First, take"}, "content_filter"))
    assert caught.value.raw == "First, take"


json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**60), 2**60)
    | st.floats(allow_nan=False)
    | st.text(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                [
                    "choices",
                    "message",
                    "content",
                    "error",
                    "code",
                    "usage",
                    "finish_reason",
                    "details",
                ]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=20,
)


@given(json_values, st.sampled_from([200, 204, 301, 400, 403, 404, 429, 500, 529]))
def test_any_json_is_a_completion_or_a_named_error(body: object, status: int) -> None:
    """No body of any shape, with any status, raises anything but this package's errors."""
    try:
        completion = read(body, status)
    except (ModelError, RunStopped) as error:
        shown = str(error)
    else:
        shown = "fine"
        assert completion.text.strip() or completion.finish_reason == "length"
    assert 0 < len(shown) <= 300
    assert "\n" not in shown


@given(st.binary(max_size=200), st.sampled_from([200, 429, 500]))
def test_any_bytes_are_a_named_error(body: bytes, status: int) -> None:
    """Rubbish is an error of this package."""
    with pytest.raises((ModelError, RunStopped)):
        read(body, status)
