"""Anthropic's messages: how they are asked for and read."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson

from codeclm.errors import EmptyAnswer, MalformedAnswer, ToolCallAnswer, UnusableAnswer
from codeclm.llm.chat import ChatRequest, Completion, Usage
from codeclm.llm.complaint import complaint_in
from codeclm.llm.direct import ChatApi
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.refusal import error_for
from codeclm.llm.secret import redact

__all__ = ["ANTHROPIC", "fields", "read_message"]

MOST_TOKENS = 4096  # of an answer, where nothing is said: the field must be there
HOTTEST = 1.0

FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "pause_turn": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "refusal",
}
"""Other reasons stay as they are."""

INPUT_COUNTS = ("input_tokens", "cache_creation_input_tokens", "cache_read_input_tokens")


def fields(request: ChatRequest, model: str, send_seed: bool) -> dict[str, object]:
    """The fields that ask for ``request``: system messages apart, temperature 1 at most, no seed."""
    system = [message.content for message in request.messages if message.role == "system"]
    talk = [
        {"role": message.role, "content": message.content}
        for message in request.messages
        if message.role != "system"
    ]
    body: dict[str, object] = {
        "model": model,
        "max_tokens": MOST_TOKENS if request.max_tokens is None else request.max_tokens,
        "messages": talk,
    }
    if system:
        body["system"] = "\n\n".join(system)
    if request.temperature is not None:
        body["temperature"] = min(request.temperature, HOTTEST)
    return body


def read_message(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    endpoint: Endpoint,
    redact: Callable[[str], str] = redact,
) -> Completion:
    """The completion in an HTTP answer, or the error that it amounts to.

    ``headers`` are looked up in lower case. Raises TransientError (UnusableAnswer where there is
    nothing to use in the body), RequestRefused or RunStopped.
    """
    answer = _loaded(body)
    if not 200 <= status < 300:
        raise error_for(status, headers, complaint_in(body), endpoint, redact)
    if not isinstance(answer, dict):
        raise MalformedAnswer("the answer is not a JSON object", raw=_raw(body, redact))
    if answer.get("type") == "error" or answer.get("error"):
        complaint = complaint_in(body)
        code = complaint.status(500)
        raise error_for(code, headers, complaint, endpoint, redact, came_with_200=True)
    try:
        return _completion(answer)
    except UnusableAnswer as error:
        raise type(error)(str(error), _raw(body, redact)) from None


def _completion(answer: dict[str, Any]) -> Completion:
    blocks = answer.get("content")
    if not isinstance(blocks, list):
        raise MalformedAnswer("the answer has no content")
    reason = answer.get("stop_reason")
    finish_reason = FINISH_REASONS.get(reason, reason) if isinstance(reason, str) else ""
    text = _joined(blocks, "text")
    # An answer cut short is paid for, and a refusal is a result: these may be empty.
    if not text.strip() and finish_reason not in ("length", "refusal"):
        if reason == "tool_use":
            raise ToolCallAnswer("the answer calls tools and says nothing")
        raise EmptyAnswer("the answer is empty")
    usage = _usage(answer.get("usage"))
    flags = ("usage_missing",) if None in (usage.input_tokens, usage.output_tokens) else ()
    return Completion(text, finish_reason, usage, _joined(blocks, "thinking", "\n\n"), flags)


def _loaded(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError:
        return None


def _raw(body: bytes, redact: Callable[[str], str]) -> str:
    return redact(body.decode("utf-8", "replace"))


def _joined(blocks: list[Any], kind: str, between: str = "") -> str:
    """What the blocks of one ``kind`` hold; a block that is redacted holds nothing to read."""
    found = [block.get(kind) for block in blocks if isinstance(block, dict)]
    return between.join(text for text in found if isinstance(text, str))


def _usage(usage: Any) -> Usage:
    """Input that was read from a cache, or written to one, is input all the same."""
    if not isinstance(usage, dict):
        return Usage()
    counts = [usage.get(name) for name in INPUT_COUNTS]
    known = [count for count in counts if type(count) is int and count > 0]
    output = usage.get("output_tokens")
    read = usage.get("cache_read_input_tokens")
    return Usage(
        sum(known) or None,
        output if type(output) is int and output > 0 else None,
        read if known and type(read) is int and read >= 0 else None,
    )


ANTHROPIC = ChatApi("/messages", fields, read_message, needed=("max_tokens",))
