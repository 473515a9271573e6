"""Golden tables: requests to payloads, answers to completions."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import (
    CodecLMError,
    MalformedAnswer,
    ModelError,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
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


COMPLETIONS: list[tuple[object, Completion]] = [
    (answer({"content": "Hi"}), Completion("Hi", "stop")),
    (
        answer({"content": "Hi"}, usage={"prompt_tokens": 3, "completion_tokens": 1}),
        Completion("Hi", "stop", Usage(3, 1)),
    ),
    (answer({"content": "Hi"}, usage=None), Completion("Hi", "stop")),
    (answer({"content": "Hi"}, usage={"prompt_tokens": None}), Completion("Hi", "stop")),
    (answer({"content": "Hi"}, usage={"prompt_tokens": 0}), Completion("Hi", "stop")),
    (answer({"content": "Hi"}, usage={"completion_tokens": "9"}), Completion("Hi", "stop")),
    (answer({"content": "Hi"}, usage=[1]), Completion("Hi", "stop")),
    (answer({"content": "Hi"}, None), Completion("Hi", "")),
    (answer({"content": "Hi"}, 3), Completion("Hi", "")),
    ({"choices": [{"message": {"content": "Hi"}}]}, Completion("Hi", "")),
    (answer({"content": "Hi"}, error=None), Completion("Hi", "stop")),
    (answer({"content": " Hi\n"}), Completion(" Hi\n", "stop")),
    (answer({"content": "Hi th"}, "length"), Completion("Hi th", "length")),
    (answer({"content": "Hi th"}, "max_tokens"), Completion("Hi th", "length")),
    (answer({"content": "Hi th"}, "model_length"), Completion("Hi th", "length")),
    (answer({"content": "H"}, "content_filter"), Completion("H", "content_filter")),
    (answer({"content": None}, "length"), Completion("", "length")),
    (
        answer({"content": "", "reasoning_content": "Hm"}, "length"),
        Completion("", "length", reasoning="Hm"),
    ),
    (answer({"content": "<think>Hm"}, "length"), Completion("", "length", reasoning="Hm")),
    (
        answer({"content": "<think>Hm</think>Hi"}),
        Completion("Hi", "stop", reasoning="Hm"),
    ),
    (
        answer({"content": "Hi", "reasoning": "Hm"}),
        Completion("Hi", "stop", reasoning="Hm"),
    ),
    (
        answer({"content": "<think>Also</think>Hi", "reasoning_content": "Hm"}),
        Completion("Hi", "stop", reasoning="Hm\n\nAlso"),
    ),
    (answer({"content": "Hi", "reasoning": {"x": 1}}), Completion("Hi", "stop")),
    (
        answer({"content": None, "refusal": "I cannot."}),
        Completion("I cannot.", "refusal"),
    ),
    (answer({"content": "Hi", "tool_calls": [{}]}), Completion("Hi", "stop")),
]


@pytest.mark.parametrize(("body", "expected"), COMPLETIONS)
def test_completions(body: object, expected: Completion) -> None:
    """An answer with something to read in it is a completion, whatever else is missing."""
    assert read(body) == expected


FAILURES: list[tuple[object, type[CodecLMError], str]] = [
    (b"", MalformedAnswer, "the answer is not JSON"),
    (b"<html>busy</html>", MalformedAnswer, "the answer is not JSON"),
    (b'{"choices": [{"mess', MalformedAnswer, "the answer is not JSON"),
    (b"\xff\xfe", MalformedAnswer, "the answer is not JSON"),
    (b'{"choices": [{"message": {"content": "\\ud83d"}}]}', MalformedAnswer, "not JSON"),
    (b"[" * 5000, MalformedAnswer, "the answer is not JSON"),
    (b"null", MalformedAnswer, "the answer is not JSON"),
    (b"3", MalformedAnswer, "no choices"),
    ([], MalformedAnswer, "no choices"),
    ({}, MalformedAnswer, "no choices"),
    ({"choices": None}, MalformedAnswer, "no choices"),
    ({"choices": []}, MalformedAnswer, "no choices"),
    ({"choices": {"0": 1}}, MalformedAnswer, "no choices"),
    ({"choices": ["Hi"]}, MalformedAnswer, "no choices"),
    ({"choices": [{"text": "Hi"}]}, MalformedAnswer, "no choices"),
    ({"choices": [{"message": None}]}, MalformedAnswer, "no choices"),
    (answer({"content": None}), MalformedAnswer, "the answer is empty"),
    (answer({"content": ""}), MalformedAnswer, "the answer is empty"),
    (answer({"content": " \n\u00a0"}), MalformedAnswer, "the answer is empty"),
    (answer({}), MalformedAnswer, "the answer is empty"),
    (answer({"content": None, "reasoning": "Hm"}), MalformedAnswer, "the answer is empty"),
    (answer({"content": "<think>Hm"}), MalformedAnswer, "the answer is empty"),
    (answer({"content": ["Hi"]}), MalformedAnswer, "no text but list"),
    (answer({"content": 5}), MalformedAnswer, "no text but int"),
    (answer({"content": None, "tool_calls": [{}]}), MalformedAnswer, "calls tools"),
    (answer({"content": None}, "content_filter"), RequestRefused, "filtered its answer away"),
    (answer({"content": "Hi"}, "error"), ServerError, "finish_reason 'error'"),
    (answer({"content": "Hi"}, "abort"), ServerError, "finish_reason 'abort'"),
    ({"error": {"code": 429, "message": "slow"}}, RateLimited, "HTTP 429: slow"),
    ({"error": {"code": "502", "message": "up"}}, ServerError, "HTTP 502: up"),
    ({"error": {"code": 400, "message": "bad"}}, RequestRefused, "HTTP 400: bad"),
    ({"error": {"type": "invalid_request_error"}}, RequestRefused, "HTTP 400"),
    ({"error": {"type": "rate_limit_error"}}, RateLimited, "HTTP 500"),
    ({"error": {"code": 402, "message": "empty"}}, RunStopped, "no credit or quota"),
    ({"error": "broken"}, ServerError, "HTTP 500: broken"),
    ([{"error": {"code": 429, "message": "slow"}}], RateLimited, "HTTP 429: slow"),
    ({"object": "error", "message": "no", "code": 400}, RequestRefused, "HTTP 400: no"),
    (
        {"choices": [{"error": {"code": 502, "message": "up"}, "finish_reason": "error"}]},
        ServerError,
        "HTTP 502: up",
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
