"""A golden table of error answers as real servers write them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any

import orjson
import pytest

from codeclm.errors import (
    CodecLMError,
    EndpointRefused,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    TransientError,
)
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.hint import duration_s, retry_after_s
from codeclm.llm.refusal import complaint_in, error_for, one_line

ENDPOINT = Endpoint("https://api.example.com/v1", "m-1", "EXAMPLE_API_KEY")


def openai(message: str, kind: str | None = None, code: object = None) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


def gemini(code: int, status: str, *details: dict[str, str]) -> list[dict[str, object]]:
    text = "You exceeded your current quota"
    return [{"error": {"code": code, "message": text, "status": status, "details": list(details)}}]


HTML = b"<html><head><title>502 Bad Gateway</title></head><body>x</body></html>"
BARE_HTML = b"<html><script>var x = 1</script><h1>Busy &amp; tired</h1></html>"
SAME_SENTENCE = "You exceeded your current quota, please check your plan and billing details."

TABLE: list[tuple[int, object, type[CodecLMError], str]] = [
    # slower
    (429, openai("Slow", "rate_limit_error", "rate_limit_exceeded"), RateLimited, "HTTP 429: Slow"),
    (429, {"message": "Requests rate limit exceeded"}, RateLimited, "Requests rate limit"),
    (429, {"object": "error", "message": "x", "code": "1300"}, RateLimited, "HTTP 429: x"),
    (429, {"error": "Model is overloaded", "error_type": "overloaded"}, RateLimited, "overloaded"),
    (429, gemini(429, "RESOURCE_EXHAUSTED", {"retryDelay": "46s"}), RateLimited, "current quota"),
    (429, openai("capacity", "invalid_request_error"), RateLimited, "capacity"),
    (429, b"", RateLimited, "HTTP 429: no reason given"),
    (400, openai("x", "rate_limit_error"), RateLimited, "HTTP 400: x"),
    # no money
    (
        429,
        openai(SAME_SENTENCE, "insufficient_quota", "insufficient_quota"),
        RunStopped,
        "no credit",
    ),
    (429, openai("x", None, "credit_balance_exhausted"), RunStopped, "no credit"),
    (402, {"error": {"type": "billing_error", "message": "Pay"}}, RunStopped, "(HTTP 402: Pay)"),
    (402, openai("Insufficient Balance", "unknown_error"), RunStopped, "Insufficient Balance"),
    (
        429,
        {"error": {"message": "x", "details": {"error_code": "enforced_spend_limit_reached"}}},
        RunStopped,
        "no credit",
    ),
    # the server's trouble
    (500, openai("oops", "server_error"), ServerError, "HTTP 500: oops"),
    (
        529,
        {"type": "error", "error": {"type": "overloaded_error", "message": "O"}},
        ServerError,
        "O",
    ),
    (503, openai("Loading model", "unavailable_error", 503), ServerError, "Loading model"),
    (500, openai("litellm.X: down", None, "500"), ServerError, "litellm.X: down"),
    (502, HTML, ServerError, "HTTP 502: 502 Bad Gateway"),
    (520, BARE_HTML, ServerError, "HTTP 520: Busy & tired"),
    (504, b"upstream timed out", ServerError, "HTTP 504: upstream timed out"),
    (408, b"", ServerError, "HTTP 408"),
    (409, openai("conflict"), ServerError, "conflict"),
    (425, b"", ServerError, "HTTP 425"),
    # key, model, URL
    (401, openai("Incorrect API key", "x", "invalid_api_key"), EndpointRefused, "EXAMPLE_API_KEY"),
    (403, openai("region", "permission_error"), EndpointRefused, "check EXAMPLE_API_KEY"),
    (400, openai("x", None, "invalid_api_key"), EndpointRefused, "check EXAMPLE_API_KEY"),
    (
        400,
        gemini(400, "INVALID_ARGUMENT", {"reason": "API_KEY_INVALID"}),
        EndpointRefused,
        "refuses the key",
    ),
    (404, openai("no such model", None, "model_not_found"), EndpointRefused, "'m-1'"),
    (404, {"detail": "Not Found"}, EndpointRefused, "HTTP 404: Not Found"),
    (405, {"detail": "Method Not Allowed"}, EndpointRefused, "the URL is wrong"),
    (307, b"", EndpointRefused, "redirects are not followed"),
    # this request
    (400, openai("too long", "x", "context_length_exceeded"), RequestRefused, "too long"),
    (500, openai("too long", "exceed_context_size_error", 500), RequestRefused, "too long"),
    (403, openai("too long", None, "context_length_exceeded"), RequestRefused, "too long"),
    (413, b"", RequestRefused, "HTTP 413"),
    (
        400,
        {
            "error": {
                "message": "filtered",
                "code": "content_filter",
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        RequestRefused,
        "filtered",
    ),
    (
        422,
        {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]},
        RequestRefused,
        "HTTP 422: body.messages: Field required",
    ),
    (400, {"detail": "bad"}, RequestRefused, "HTTP 400: bad"),
    (400, {"error": {"message": {"nested": 1}}}, RequestRefused, '{"nested":1}'),
    (400, {"error": 5}, RequestRefused, "no reason given"),
    (400, b"null", RequestRefused, "no reason given"),
]


@pytest.mark.parametrize(("status", "body", "kind", "message"), TABLE)
def test_error_answers(status: int, body: Any, kind: type[CodecLMError], message: str) -> None:
    """Codes decide before the status, sentences never, and the message says what was said."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    error = error_for(status, {}, complaint_in(raw), ENDPOINT)
    assert type(error) is kind
    assert message in str(error)


def test_no_money_ends_the_run_with_the_code_for_it() -> None:
    """Scripts can tell an empty account from a run that was stopped."""
    error = error_for(402, {}, complaint_in(b""), ENDPOINT)
    assert isinstance(error, RunStopped)
    assert error.exit_code == 5
    assert RunStopped.exit_code == 4


def test_a_budget_full_of_calls_in_flight_is_a_rate_limit() -> None:
    """402 with a hint goes away by itself."""
    error = error_for(402, {"retry-after": "3"}, complaint_in(b""), ENDPOINT)
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 3


def test_without_a_key_the_advice_is_to_name_one() -> None:
    """There is no variable to check where none was named."""
    error = error_for(401, {}, complaint_in(b""), Endpoint("http://localhost/v1", "m"))
    assert "api_key_env" in str(error)


def test_messages_are_one_short_line() -> None:
    """Line breaks, escapes of terminals and length are taken out."""
    body = orjson.dumps({"error": {"message": "a\n\x1b[31mb\u202e " + "c" * 5000}})
    error = error_for(500, {}, complaint_in(body), ENDPOINT)
    assert len(str(error)) == 300
    assert str(error).startswith("HTTP 500: a [31mb c")
    assert one_line("x" * 300) == "x" * 300


NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
IN_90_S = format_datetime(NOW + timedelta(seconds=90), usegmt=True)

HINTS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "20"}, 20),
    ({"retry-after": " 1.5 "}, 1.5),
    ({"retry-after": "0"}, 0),
    ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
    ({"retry-after-ms": "soon", "retry-after": "20"}, 20),
    ({"retry-after": "6m0s"}, 360),
    ({"retry-after": IN_90_S}, 90),
    ({"retry-after": IN_90_S, "date": format_datetime(NOW - timedelta(seconds=10))}, 100),
    ({"retry-after": format_datetime(NOW - timedelta(days=1))}, 0),
    ({"retry-after": "-1"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "tomorrow"}, None),
    ({"retry-after": ""}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), HINTS)
def test_hints_in_headers(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds before seconds before a date; nonsense is no hint."""
    assert retry_after_s(headers, NOW) == seconds


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("46s", 46), ("10h17m5.7s", 37025.7), ("500ms", 0.5), ("6m0s", 360), ("5", None), ("", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    """Durations as Go writes them."""
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


def test_hints_travel_with_the_error() -> None:
    """The header's hint wins over the body's."""
    body = orjson.dumps(gemini(429, "RESOURCE_EXHAUSTED", {"x": "y"}, {"retryDelay": "46s"}))
    for headers, seconds in (({}, 46), ({"retry-after": "5"}, 5)):
        error = error_for(429, headers, complaint_in(body), ENDPOINT)
        assert isinstance(error, TransientError)
        assert error.retry_after_s == seconds
