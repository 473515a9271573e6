"""The bytes of an OpenAI-compatible chat completion, read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from codeclm.errors import MalformedAnswer, RequestRefused, ServerError
from codeclm.llm.chat import Completion, Usage
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.refusal import Complaint, complaint_in, error_for
from codeclm.llm.secret import redact
from codeclm.llm.thoughts import split_thoughts

__all__ = ["read_completion"]

CUT_SHORT = ("length", "max_tokens", "model_length")
GAVE_UP = ("error", "abort")


def read_completion(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    endpoint: Endpoint,
    redact: Callable[[str], str] = redact,
) -> Completion:
    """The completion in an HTTP answer, or the error that it amounts to.

    ``headers`` are looked up in lower case. Raises TransientError (MalformedAnswer where the body
    is no completion), RequestRefused or RunStopped.
    """
    if not 200 <= status < 300:
        raise error_for(status, headers, complaint_in(body), endpoint, redact)
    answer = _loaded(body)
    if answer is None:
        raise _malformed("the answer is not JSON", body, redact)
    complaint = _complaint_inside(answer)
    if complaint is not None:
        raise error_for(complaint.status(500), headers, complaint, endpoint, redact)
    try:
        return _completion(answer)
    except _Unreadable as error:
        raise _malformed(str(error), body, redact) from None


class _Unreadable(Exception):
    """Raised where an answer lacks what a completion must have."""


def _loaded(body: bytes) -> Any:
    """The JSON value in ``body``; None where there is none (and for null, which is no answer)."""
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _malformed(reason: str, body: bytes, redact: Callable[[str], str]) -> MalformedAnswer:
    return MalformedAnswer(reason, raw=redact(body.decode("utf-8", "replace")))


def _complaint_inside(answer: Any) -> Complaint | None:
    """An error that came with HTTP 200: at the top, in a list, or in the first choice."""
    if isinstance(answer, list) and answer:
        answer = answer[0]
    for level in (answer, _first_choice(answer)):
        if isinstance(level, dict) and (level.get("error") or level.get("object") == "error"):
            return complaint_in(orjson.dumps(level))
    return None


def _first_choice(answer: Any) -> Any:
    choices = answer.get("choices") if isinstance(answer, dict) else None
    return choices[0] if isinstance(choices, list) and choices else None


def _completion(answer: Any) -> Completion:
    choice = _first_choice(answer)
    message = choice.get("message") if isinstance(choice, dict) else None
    if not isinstance(message, dict):
        raise _Unreadable("the answer has no choices[0].message")
    content = message.get("content") or ""
    if not isinstance(content, str):
        raise _Unreadable(f"the answer's content is no text but {type(content).__name__}")
    thoughts, text = split_thoughts(content)
    finish_reason = _finish_reason(choice)
    if not text.strip():
        text, finish_reason = _without_text(message, finish_reason)
    return Completion(
        text, finish_reason, _usage(answer.get("usage")), _reasoning(message, thoughts)
    )


def _finish_reason(choice: dict[str, Any]) -> str:
    word = choice.get("finish_reason")
    if word in CUT_SHORT:
        return "length"
    if word in GAVE_UP:
        raise ServerError(f"the endpoint gave up on the answer (finish_reason {word!r})")
    return word if isinstance(word, str) else ""


def _without_text(message: dict[str, Any], finish_reason: str) -> tuple[str, str]:
    """Text and finish reason of an answer with nothing to read in it."""
    refusal = message.get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return refusal, "refusal"
    if finish_reason == "length":  # all tokens went into thoughts: it is paid for, and cut short
        return "", finish_reason
    if finish_reason == "content_filter":
        raise RequestRefused("the endpoint filtered its answer away (content_filter)")
    if message.get("tool_calls"):
        raise _Unreadable("the answer calls tools and says nothing")
    raise _Unreadable("the answer is empty")


def _reasoning(message: dict[str, Any], thoughts: str) -> str:
    named = message.get("reasoning_content") or message.get("reasoning")
    if not isinstance(named, str):
        return thoughts
    return f"{named}\n\n{thoughts}" if thoughts else named


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    return Usage(_tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens")))


def _tokens(count: Any) -> int | None:
    """A count; some servers write 0 where they do not count."""
    return count if type(count) is int and count > 0 else None
