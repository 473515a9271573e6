"""What an answer that is no completion means: an error body and a status become an error.

Servers write error bodies in a dozen shapes, and the same status means different things: a 429 may
say "slower" or "no money left". Codes decide before the status does; sentences never decide, for
two large providers use the same sentence for both.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import orjson

from codeclm.errors import (
    CodecLMError,
    EndpointRefused,
    RateLimited,
    RequestRefused,
    RunStopped,
    ServerError,
)
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.hint import duration_s, retry_after_s
from codeclm.llm.secret import redact

__all__ = ["Complaint", "complaint_in", "error_for", "one_line"]

MESSAGE_CHARACTERS = 300
QUOTA_EXIT_CODE = 5

NO_MONEY = frozenset(
    {
        "insufficient_quota",
        "insufficient_balance",
        "credit_balance_exhausted",
        "billing_error",
        "billing_not_active",
        "billing_hard_limit_reached",
        "organization_spend_limit_exceeded",
        "project_spend_limit_exceeded",
        "organization_usage_limit_exceeded",
        "enforced_spend_limit_reached",
    }
)
REFUSED_KEY = frozenset(
    {
        "invalid_api_key",
        "api_key_invalid",
        "authentication_error",
        "unauthenticated",
        "account_deactivated",
    }
)
REFUSED_MODEL = frozenset({"model_not_found"})
# Whatever the status: one server answers a prompt that is too long with 500, another with 403.
REFUSED_REQUEST = frozenset(
    {
        "context_length_exceeded",
        "exceed_context_size_error",
        "content_filter",
        "invalid_prompt",
        "content_policy_violation",
        "responsibleaipolicyviolation",
        "cyber_policy",
    }
)
TOO_FAST = frozenset(
    {
        "rate_limit_exceeded",
        "rate_limit_error",
        "rate_limited",
        "resource_exhausted",
        "too_many_requests",
    }
)
STATUS_OF_CODE = {
    "invalid_request_error": 400,
    "invalid_request": 400,
    "invalid_argument": 400,
    "badrequesterror": 400,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "not_found": 404,
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says: a message as it stands there, lower-case codes, a wait in seconds."""

    message: str = ""
    codes: frozenset[str] = field(default_factory=frozenset)
    hint_s: float | None = None

    def status(self, default: int) -> int:
        """The HTTP status that the codes stand for."""
        numbers = [int(code) for code in self.codes if re.fullmatch(r"[1-5]\d\d", code)]
        named = [STATUS_OF_CODE[code] for code in self.codes if code in STATUS_OF_CODE]
        return max(numbers or named, default=default)


def complaint_in(body: bytes) -> Complaint:
    """Read an error body of any shape: JSON of several kinds, HTML, plain text, nothing."""
    try:
        return _complaint(orjson.loads(body))
    except orjson.JSONDecodeError:
        return Complaint(_plain(body.decode("utf-8", "replace")))


def error_for(
    status: int,
    headers: Mapping[str, str],
    complaint: Complaint,
    endpoint: Endpoint,
    redact: Callable[[str], str] = redact,
) -> CodecLMError:
    """The error that ``status`` and ``complaint`` amount to; its message fits one line."""
    hint_s = retry_after_s(headers)
    if hint_s is None:
        hint_s = complaint.hint_s
    said = one_line(f"HTTP {status}: {redact(complaint.message) or 'no reason given'}")
    by_code = _by_code(said, complaint.codes, endpoint, hint_s)
    return by_code or _by_status(said, status, endpoint, hint_s)


def _by_code(
    said: str, codes: frozenset[str], endpoint: Endpoint, hint_s: float | None
) -> CodecLMError | None:
    if codes & NO_MONEY:
        return _no_money(said, endpoint)
    if codes & REFUSED_REQUEST:
        return RequestRefused(said)
    if codes & REFUSED_KEY:
        return _refused_key(said, endpoint)
    if codes & REFUSED_MODEL:
        return _refused_model(said, endpoint)
    if codes & TOO_FAST:
        return RateLimited(said, retry_after_s=hint_s)
    return None


def _by_status(said: str, status: int, endpoint: Endpoint, hint_s: float | None) -> CodecLMError:
    if status == 402 and hint_s is None:
        return _no_money(said, endpoint)
    if status in (402, 429):  # 402 with a hint: the price of the calls in flight fills a budget
        return RateLimited(said, retry_after_s=hint_s)
    if status in (408, 409, 425) or status >= 500:
        return ServerError(said, retry_after_s=hint_s)
    if status in (401, 403, 407):
        return _refused_key(said, endpoint)
    if status in (404, 405):
        return _refused_model(said, endpoint)
    if status < 400:
        return EndpointRefused(
            f"{endpoint.base_url} redirects (HTTP {status}); redirects are not followed, "
            "for they would carry the key to another place: give the final URL"
        )
    return RequestRefused(said)


def one_line(text: str) -> str:
    """``text`` on one line of at most 300 characters, without control characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[:4000])
    line = " ".join(printable.split())
    if len(line) <= MESSAGE_CHARACTERS:
        return line
    return line[: MESSAGE_CHARACTERS - 3] + "..."


def _no_money(said: str, endpoint: Endpoint) -> RunStopped:
    stopped = RunStopped(one_line(f"no credit or quota is left at {endpoint.base_url} ({said})"))
    stopped.exit_code = QUOTA_EXIT_CODE
    return stopped


def _refused_key(said: str, endpoint: Endpoint) -> EndpointRefused:
    if endpoint.api_key_env:
        advice = f"{endpoint.base_url} refuses the key; check {endpoint.api_key_env}"
    else:
        advice = f"{endpoint.base_url} wants a key; name the variable that holds it (api_key_env)"
    return EndpointRefused(one_line(f"{advice} ({said})"))


def _refused_model(said: str, endpoint: Endpoint) -> EndpointRefused:
    where = f"{endpoint.base_url} knows no model {endpoint.model!r}, or the URL is wrong"
    return EndpointRefused(one_line(f"{where} ({said})"))


def _complaint(body: Any) -> Complaint:
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        return Complaint(body if isinstance(body, str) else "")
    error = body.get("error") or body
    if isinstance(error, str):
        error = {**body, "message": error}
    if not isinstance(error, dict):
        return Complaint()
    message = error.get("message") or error.get("detail") or body.get("detail") or ""
    return Complaint(_sentence(message), frozenset(_codes(error)), _body_hint_s(error))


def _sentence(message: Any) -> str:
    """A message, or the messages of a list of validation errors with their places."""
    if isinstance(message, str):
        return message
    if not isinstance(message, list):
        return orjson.dumps(message).decode()
    found = [entry for entry in message if isinstance(entry, dict)]
    return "; ".join(f"{_place(entry)}: {entry.get('msg', '')}" for entry in found)


def _place(entry: dict[str, Any]) -> str:
    place = entry.get("loc", "")
    return ".".join(map(str, place)) if isinstance(place, list) else str(place)


def _codes(error: dict[str, Any]) -> list[str]:
    details = error.get("details")
    nested = [
        error,
        error.get("innererror"),
        *(details if isinstance(details, list) else [details]),
    ]
    names = ("code", "type", "status", "error_type", "error_code", "reason")
    return [
        str(level[name]).lower()
        for level in nested
        if isinstance(level, dict)
        for name in names
        if isinstance(level.get(name), str | int)
    ]


def _body_hint_s(error: dict[str, Any]) -> float | None:
    """Google's ``details[].retryDelay``."""
    details = error.get("details")
    for detail in details if isinstance(details, list) else []:
        if isinstance(detail, dict) and isinstance(detail.get("retryDelay"), str):
            return duration_s(detail["retryDelay"])
    return None


def _plain(text: str) -> str:
    """The words of a gateway's page: its title, or the text between the tags."""
    text = text[:4000]
    if "<" not in text:
        return text
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    if title and title[1].strip():
        return unescape(title[1])
    without_code = re.sub(r"<(script|style)\b[^>]*>.*?</\1>", " ", text, flags=re.DOTALL | re.I)
    return unescape(re.sub(r"<[^>]*>", " ", without_code))
