"""Reads an error body: servers write them in a dozen shapes, and all of them say the same few things."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from html import unescape
from typing import Any

import orjson

from codeclm.llm.hint import duration_s

__all__ = ["Complaint", "complaint_in", "complaint_inside", "complaint_of"]

PAGE_CHARACTERS = 4000
NAMES_OF_CODES = ("code", "type", "status", "error_type", "error_code", "reason")
EXTRA_FIELD = ("extra_forbidden", "value_error.extra")
LITELLM_CLASS = re.compile(r"litellm\.(\w{1,60}): ")

STATUS_OF_CODE = {
    "invalid_request_error": 400,
    "invalid_request": 400,
    "invalid_argument": 400,
    "badrequesterror": 400,
    "permission_error": 403,
    "permission_denied": 403,
    "not_found_error": 404,
    "not_found": 404,
    "internal": 500,
    "unavailable": 503,
    "deadline_exceeded": 504,
}


@dataclass(frozen=True, slots=True)
class Complaint:
    """What an error body says.

    ``message`` is as it stands there; ``codes`` are all words and numbers meant for machines, in
    lower case. ``fields`` are those of the request that it names, ``quotas`` the name and value of
    each quota it counts as used up, ``wait_s`` the wait it asks for in a field of its own.
    ``headers`` are headers within the body, by lower-case names.
    """

    message: str = ""
    codes: frozenset[str] = field(default_factory=frozenset)
    fields: tuple[str, ...] = ()
    quotas: tuple[tuple[str, str], ...] = ()
    wait_s: float | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    is_json: bool = True

    def status(self, default: int) -> int:
        """The HTTP status that the codes stand for."""
        numbers = [int(code) for code in self.codes if re.fullmatch(r"[45][0-9]{2}", code)]
        named = [STATUS_OF_CODE[code] for code in self.codes if code in STATUS_OF_CODE]
        return max(numbers or named, default=default)


def complaint_in(body: bytes) -> Complaint:
    """Read an error body of any shape: JSON of several kinds, HTML, plain text, nothing."""
    try:
        return complaint_of(orjson.loads(body))
    except orjson.JSONDecodeError:
        return Complaint(_plain(body.decode("utf-8", "replace")), is_json=False)


def complaint_inside(answer: Any) -> Complaint | None:
    """An error in place of an answer: at the top, in a list, or in the first choice; else None."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    if not isinstance(answer, dict):
        return None
    if answer.get("error") or answer.get("object") == "error":
        return complaint_of(answer)
    choices = answer.get("choices")
    choice = _mapping(_first(choices))
    # A gateway puts what it has no field for into one that it calls so.
    for place in (choice, _mapping(choice.get("provider_specific_fields"))):
        if place.get("error"):
            return complaint_of(place)
    return None


def complaint_of(body: Any) -> Complaint:
    """The complaint in a JSON value."""
    if isinstance(body, list) and len(body) == 1:
        body = body[0]
    if not isinstance(body, dict):
        return Complaint(body if isinstance(body, str) else "")
    error = body.get("error") or _first(body.get("errors")) or body
    if not isinstance(error, dict):
        error = {**body, "message": error}
    levels = list(_levels(body, error))
    message = _message(body, error, levels)
    codes = {
        str(level[name]).lower()
        for level in levels
        for name in NAMES_OF_CODES
        if isinstance(level.get(name), str | int)
    }
    codes |= {name.lower() for name in LITELLM_CLASS.findall(message[:200])}
    metadata = _mapping(error.get("metadata"))
    if metadata.get("reasons") or metadata.get("flagged_input"):
        codes.add("flagged_input")
    return Complaint(
        message,
        frozenset(codes),
        tuple(_fields(levels)),
        tuple(_quotas(levels)),
        _wait_s(levels),
        _headers(metadata),
    )


def _levels(body: dict[str, Any], error: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """The objects of an error that may hold codes: itself, and those nested in it."""
    nested = error.get("message")
    for value in (
        error,
        error.get("innererror"),
        error.get("details"),
        error.get("detail"),
        body.get("detail"),
        nested.get("detail") if isinstance(nested, dict) else None,
    ):
        for level in value if isinstance(value, list) else [value]:
            if isinstance(level, dict):
                yield level


def _message(body: dict[str, Any], error: dict[str, Any], levels: list[dict[str, Any]]) -> str:
    said = (error.get("message"), error.get("detail"), body.get("detail"), error.get("title"))
    message = _sentence(next((value for value in said if value), ""))
    upstream = _mapping(error.get("metadata")).get("raw")
    more = [upstream, *(entry.get("description") for entry in _entries(levels, "fieldViolations"))]
    new = [text for text in more if isinstance(text, str) and text not in message]
    return ": ".join([message, *new]) if message else "; ".join(new)


def _sentence(message: Any) -> str:
    """A message, or the messages of a list of validation errors with their places."""
    if isinstance(message, dict) and isinstance(message.get("detail"), list | str):
        message = message["detail"]
    if isinstance(message, str):
        return message
    if isinstance(message, list):
        return "; ".join(filter(None, map(_line, message)))
    try:
        return orjson.dumps(message).decode() if isinstance(message, dict) else ""
    except TypeError:  # nested too deeply to be written again
        return ""


def _line(entry: Any) -> str:
    if isinstance(entry, dict):
        return f"{'.'.join(_place(entry))}: {_word(entry.get('msg'))}"
    return entry if isinstance(entry, str) else ""


def _place(entry: dict[str, Any]) -> list[str]:
    place = entry.get("loc")
    return [_word(step) for step in (place if isinstance(place, list) else [place])]


def _word(value: Any) -> str:
    """A text or number as text, and nothing of any other type: it may be nested without end."""
    return str(value) if isinstance(value, str | int | float) else ""


def _fields(levels: list[dict[str, Any]]) -> Iterator[str]:
    """The fields of the request that are named as the trouble, without what is inside of them."""
    for level in levels:
        if isinstance(level.get("param"), str):
            yield re.split(r"[.\[]", level["param"], maxsplit=1)[0]
        if level.get("type") in EXTRA_FIELD:
            place = _place(level)
            yield from place[1:2] if place[:1] == ["body"] else place[:1]


def _quotas(levels: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """Google's ``details[].violations[]``."""
    for entry in _entries(levels, "violations"):
        if isinstance(entry.get("quotaId"), str):
            yield entry["quotaId"], _word(entry.get("quotaValue"))


def _wait_s(levels: list[dict[str, Any]]) -> float | None:
    """Google's ``details[].retryDelay``, or the time that a model takes to load."""
    for level in levels:
        delay, loading_s = level.get("retryDelay"), level.get("estimated_time")
        if isinstance(delay, str):
            return duration_s(delay)
        if isinstance(loading_s, int | float) and 0 <= loading_s <= 86_400:
            return float(loading_s)
    return None


def _headers(metadata: dict[str, Any]) -> dict[str, str]:
    named = _mapping(metadata.get("headers"))
    return {name.lower(): _word(value) for name, value in named.items()}


def _entries(levels: list[dict[str, Any]], name: str) -> Iterator[dict[str, Any]]:
    for level in levels:
        entries = level.get(name)
        if isinstance(entries, list):
            yield from (entry for entry in entries if isinstance(entry, dict))


def _mapping(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _first(values: Any) -> Any:
    return values[0] if isinstance(values, list) and values else None


def _plain(text: str) -> str:
    """The words of a gateway's page: its title, or the text between the tags."""
    text = text[:PAGE_CHARACTERS]
    if "<" not in text:
        return text
    title = re.search(r"<title[^>]*>([^<]*)", text, re.IGNORECASE)
    if title and title[1].strip():
        return unescape(title[1])
    without_code = re.sub(r"<(script|style)\b[^>]*>.*?</\1>", " ", text, flags=re.DOTALL | re.I)
    return unescape(re.sub(r"<[^>]*>", " ", without_code))
