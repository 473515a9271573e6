"""What error answers amount to, where no single server shows it; the rest is in the transcripts."""

from __future__ import annotations

from typing import Any

import orjson
import pytest

from codeclm.errors import (
    CodecLMError,
    ContextTooLong,
    EndpointRefused,
    Filtered,
    KeyRefused,
    Overloaded,
    ParameterRefused,
    QuotaExhausted,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
    TransientError,
)
from codeclm.llm.complaint import complaint_in
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.refusal import error_for, one_line
from codeclm.llm.vocabulary import CODES

ENDPOINT = Endpoint("https://api.example.com/v1", "m-1", "EXAMPLE_API_KEY")
SAME_SENTENCE = "You exceeded your current quota, please check your plan and billing details."


def refused(status: int, body: object = b"", headers: dict[str, str] | None = None) -> CodecLMError:
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return error_for(status, headers or {}, complaint_in(raw), ENDPOINT)


def said(message: object, code: object = None, kind: str | None = None) -> dict[str, object]:
    return {"error": {"message": message, "type": kind, "param": None, "code": code}}


PER_MINUTE = "for m-1 on tokens per min (TPM): Limit 30000, Requested 32131"


def passed_on(message: str) -> dict[str, object]:
    """An error of OpenAI's API after it went through a gateway."""
    return said(f"litellm.RateLimitError: RateLimitError: OpenAIException - {message}", "429")


SHAPES: list[tuple[int, object, type[CodecLMError], str]] = [
    (400, {"detail": "bad"}, RequestRefused, "HTTP 400: bad"),
    (400, said({"nested": 1}), RequestRefused, '{"nested":1}'),
    (400, {"error": 5}, RequestRefused, "no reason given"),
    (400, {"error": ["one", "two", 3]}, RequestRefused, "HTTP 400: one; two"),
    (400, {"errors": [{"code": 10000, "message": "first"}]}, RequestRefused, "first"),
    (400, {"errors": []}, RequestRefused, "no reason given"),
    (400, {"title": "A title"}, RequestRefused, "HTTP 400: A title"),
    (400, [], RequestRefused, "no reason given"),
    (400, "text", RequestRefused, "HTTP 400: text"),
    (400, b"null", RequestRefused, "no reason given"),
    (520, b"<h1>Busy &amp; tired</h1>", ServerError, "HTTP 520: Busy & tired"),
    (500, b"\xff\xfe\x00", ServerError, "HTTP 500"),
    (529, b"<html>", Overloaded, "HTTP 529"),
    (429, {"error": {"metadata": {"raw": "upstream"}}}, RateLimited, "HTTP 429: upstream"),
    (777, {}, ServerError, "HTTP 777"),
]


@pytest.mark.parametrize(("status", "body", "kind", "message"), SHAPES)
def test_bodies_of_odd_shapes(
    status: int, body: Any, kind: type[CodecLMError], message: str
) -> None:
    """The status decides where the body has nothing to say, and what there is of a message is shown."""
    error = refused(status, body)
    assert type(error) is kind
    assert message in str(error)


ORDER: list[tuple[int, object, dict[str, str], type[CodecLMError]]] = [
    # A code goes before the status ...
    (400, said("x", kind="rate_limit_error"), {}, RateLimited),
    (500, said("x", "insufficient_quota"), {}, QuotaExhausted),
    (403, said("x", "context_length_exceeded"), {}, ContextTooLong),
    (500, said("x", "content_filter"), {}, Filtered),
    (400, said("x", "invalid_api_key"), {}, KeyRefused),
    (429, said("x", "server_is_overloaded"), {}, Overloaded),
    # ... and before x-should-retry, which goes before the status.
    (503, said("x", "server_is_overloaded"), {"x-should-retry": "false"}, Overloaded),
    (503, said("x"), {"x-should-retry": "false"}, RequestRefused),
    (400, said("x", "context_length_exceeded"), {"x-should-retry": "true"}, ContextTooLong),
    (404, said("x"), {"x-should-retry": "True"}, ServerError),
    (429, said("x"), {"x-should-retry": "false"}, RateLimited),
    (402, said("x"), {"x-should-retry": "true"}, QuotaExhausted),
    (500, said("x"), {"x-should-retry": "perhaps"}, ServerError),
    # The same sentence means two things; the code tells them apart.
    (429, said(SAME_SENTENCE, "insufficient_quota"), {}, QuotaExhausted),
    (429, {"error": {"message": SAME_SENTENCE, "status": "RESOURCE_EXHAUSTED"}}, {}, RateLimited),
    (429, said(SAME_SENTENCE), {}, RateLimited),
    # Behind a gateway that keeps no code, what stands beside it does.
    (429, passed_on(f"{SAME_SENTENCE} LiteLLM Retried: 2 times"), {}, QuotaExhausted),
    (429, passed_on(f"{SAME_SENTENCE}\n* Quota exceeded for metric: x"), {}, RateLimited),
    (429, passed_on(f"{SAME_SENTENCE} Please retry in 46s."), {}, RateLimited),
    (429, passed_on(f"Error code: 429 - [{{'error': '{SAME_SENTENCE}'}}]"), {}, RateLimited),
    # A minute that is full, and a request that no minute has room for, have one code.
    (
        429,
        said(f"Rate limit reached {PER_MINUTE}, Used 29500", "rate_limit_exceeded"),
        {},
        RateLimited,
    ),
    (429, said(f"Request too large {PER_MINUTE}", "rate_limit_exceeded"), {}, ContextTooLong),
    # Sentences count only with the statuses of their servers.
    (500, said("maximum context length"), {}, ServerError),
    (429, said("Your credit balance is too low"), {}, RateLimited),
    (500, said("Loading model"), {}, ServerError),
    (500, said("there are no healthy deployments for this model"), {}, ServerError),
    (500, said("one of 3 validation errors: x"), {}, ServerError),
    (500, said("3 validation errors: x"), {}, RequestRefused),
    (429, said("limit: 0 left"), {}, RateLimited),
    (
        429,
        {"error": {"message": "limit: 0.5", "status": "RESOURCE_EXHAUSTED"}},
        {},
        RateLimited,
    ),
]


@pytest.mark.parametrize(("status", "body", "headers", "kind"), ORDER)
def test_what_decides_first(
    status: int, body: object, headers: dict[str, str], kind: type[CodecLMError]
) -> None:
    """Codes, then the order to retry or not, then sentences of servers without codes, then the status."""
    assert type(refused(status, body, headers)) is kind


def test_nothing_that_is_nested_without_end_is_written_out() -> None:
    """In no place of a body is there a way to more frames than Python has."""
    deep = b"[" * 1000 + b"]" * 1000
    for place in (
        b'{"detail":[{"loc":%s,"msg":%s}]}',
        b'{"detail":[{"loc":[%s],"type":"extra_forbidden"}]}',
        b'{"error":{"message":%s,"code":%s}}',
        b'{"error":{"message":{"a":%s}}}',
        b'{"error":{"details":[{"violations":[{"quotaId":"x","quotaValue":%s}]}]}}',
        b'{"error":{"metadata":{"headers":{"x-ratelimit-reset":%s},"raw":%s}}}',
        b'{"errors":[%s]}',
    ):
        assert isinstance(refused(429, place.replace(b"%s", deep[200:-200])), RateLimited)
        assert isinstance(refused(429, place.replace(b"%s", deep)), RateLimited)


PARAMETERS: list[tuple[object, str | None]] = [
    ({"code": "unsupported_value", "param": "response_format.type", "message": "x"}, "response_format"),
    ({"code": "unsupported_parameter", "param": None, "message": "'top_p' is not supported"}, "top_p"),
    ({"code": "unsupported_parameter", "param": "messages[0].name", "message": "x"}, None),
    ({"code": "unsupported_parameter", "param": "colour", "message": "x"}, None),
    ({"code": "invalid_value", "param": "max_tokens", "message": "max_tokens is too large"}, None),
    ({"message": "Unknown name \"colour\": Cannot find field."}, None),
    ({"message": "the 'temperature' of the sea is not supported"}, None),
    ({"message": "role 'user' is not supported"}, None),
    ({"message": "x does not support parameters: ['colour', 'seed']"}, None),
    ({"message": "body.seed: Extra inputs are not permitted"}, "seed"),
    ({"message": "Unknown parameter: 'random_seed'"}, "random_seed"),
    ({"message": "{'type': 'literal_error', 'loc': ('body', 'response_format', 'type')"}, "response_format"),
    ({"message": "{'type': 'literal_error', 'loc': ('body', 'reasoning_effort')"}, None),
    ({"message": "`temperature` may only be set to 1 when thinking is enabled"}, "temperature"),
]  # fmt: skip


@pytest.mark.parametrize(("error", "parameter"), PARAMETERS)
def test_only_what_a_request_can_do_without_is_a_parameter(
    error: object, parameter: str | None
) -> None:
    """Messages, and names that are none of the usual, are refused requests: leaving them out mends nothing."""
    failure = refused(400, {"error": error})
    if parameter is None:
        assert type(failure) is RequestRefused
    else:
        assert isinstance(failure, ParameterRefused)
        assert failure.parameter == parameter


def test_extra_fields_are_found_behind_those_of_messages() -> None:
    """Of several extra fields the first that can be left out is named."""
    entries = [
        {"type": "extra_forbidden", "loc": ["body", "messages", 0, "name"], "msg": "no"},
        {"type": "extra_forbidden", "loc": ["seed"], "msg": "no"},
    ]
    failure = refused(422, {"detail": entries})
    assert isinstance(failure, ParameterRefused)
    assert failure.parameter == "seed"


def test_an_empty_account_ends_the_run_with_the_code_for_it() -> None:
    """Scripts can tell an empty account from a run that was stopped; no header promises new money."""
    error = refused(429, said("x", "insufficient_quota"), {"retry-after": "20"})
    assert isinstance(error, QuotaExhausted)
    assert (error.exit_code, error.resume_after_s) == (5, None)
    assert RunStopped.exit_code == 4


@pytest.mark.parametrize(
    ("hint", "words"),
    [
        ({"retry-after": "1"}, ": resume in 1 min ("),
        ({"retry-after": "61"}, ": resume in 2 min ("),
        ({"retry-after": "3600"}, ": resume in 1 h 0 min ("),
        ({"retry-after": "86341"}, ": resume in 24 h 0 min ("),
        ({}, "is used up (HTTP 429"),
    ],
)
def test_a_quota_of_the_day_says_when_to_resume(hint: dict[str, str], words: str) -> None:
    """In hours and minutes, rounded up; nothing is said where nothing is known."""
    violation = {"quotaId": "RequestsPerDay", "quotaValue": "250"}
    details = [{"violations": [violation]}]
    body = {"error": {"message": "x", "status": "RESOURCE_EXHAUSTED", "details": details}}
    error = refused(429, body, hint)
    assert isinstance(error, QuotaExhausted)
    assert words in str(error)


def test_without_a_key_the_advice_is_to_name_one() -> None:
    """There is no variable to check where none was named."""
    error = error_for(401, {}, complaint_in(b""), Endpoint("http://localhost/v1", "m"))
    assert isinstance(error, KeyRefused)
    assert "api_key_env" in str(error)


def test_redirects_are_not_followed_but_told() -> None:
    """The final URL is for the user to give."""
    error = refused(307)
    assert isinstance(error, EndpointRefused)
    assert "redirects (HTTP 307)" in str(error)


def test_messages_are_one_short_line() -> None:
    """Line breaks, escapes of terminals and length are taken out."""
    error = refused(500, said("a\n\x1b[31mb\u202e " + "c" * 5000))
    assert len(str(error)) == 300
    assert str(error).startswith("HTTP 500: a [31mb c")
    assert one_line("x" * 300) == "x" * 300


def test_messages_are_redacted() -> None:
    """What looks like a key is masked before anything else is made of the message."""
    error = refused(401, said("Incorrect API key provided: sk-proj-0123456789abcdef"))
    assert "0123456789" not in str(error)


def test_hints_come_from_the_surest_place() -> None:
    """The header's before the body's field, that before its sentence, that before the resets of limits."""
    resets = {"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "9s"}
    delay = {"details": [{"retryDelay": "46s"}]}
    sentence = {"message": "Please try again in 20s"}
    steps: list[tuple[dict[str, Any], dict[str, str], float | None]] = [
        ({**sentence, **delay}, {**resets, "retry-after": "5"}, 5),
        ({**sentence, **delay}, resets, 46),
        (sentence, resets, 20),
        ({}, resets, 9),
        ({}, {}, None),
    ]
    for error, headers, seconds in steps:
        failure = refused(429, {"error": error}, headers)
        assert isinstance(failure, TransientError)
        assert failure.retry_after_s == seconds


def test_resets_of_limits_are_no_hint_where_no_limit_was_reached() -> None:
    """A server that failed is not waited for until some limit is renewed."""
    failure = refused(500, b"", {"x-ratelimit-reset-requests": "9s"})
    assert isinstance(failure, ServerError)
    assert failure.retry_after_s is None


def test_no_code_means_two_things() -> None:
    """The order of the table is for bodies with several codes, not for one code in two rows."""
    listed = [code for codes in CODES.values() for code in codes]
    assert len(listed) == len(set(listed))
    assert all(code == code.lower() for code in listed)
