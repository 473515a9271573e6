"""A chat completion as a JSON value: what of it is the answer, and whether there is one."""

from __future__ import annotations

from typing import Any

from codeclm.errors import (
    EmptyAnswer,
    Filtered,
    MalformedAnswer,
    Overloaded,
    ServerError,
    ToolCallAnswer,
)
from codeclm.llm.chat import Completion, Usage
from codeclm.llm.thoughts import part_thoughts

__all__ = ["completion_in"]

FINISH_REASON = {
    "max_tokens": "length",
    "model_length": "length",
    "eos": "stop",
    "eos_token": "stop",
    "stop_sequence": "stop",
}
GAVE_UP = ("error", "abort")
NO_RESOURCES = "insufficient_system_resource"


def completion_in(answer: Any) -> Completion:
    """The completion in ``answer``, a JSON value without an error in it.

    An answer that was cut short is one even where nothing is left to read: it is paid for. Raises
    UnusableAnswer for what says nothing, Filtered with the text that is left as ``raw``, and
    ServerError or Overloaded where the endpoint gave up.
    """
    choice = _choice(answer)
    finish_reason = _finish_reason(choice)
    message = choice.get("message")
    if message is None:
        message = {}
    elif not isinstance(message, dict):
        raise MalformedAnswer(f"the answer's message is a {type(message).__name__}")
    content = message.get("content") or ""
    named = ""
    if not isinstance(content, str):
        named, content = _joined(content)
    thoughts, text, is_cut = part_thoughts(content)
    if finish_reason.startswith("content_filter"):
        raise Filtered("the endpoint filtered its answer (content_filter)", raw=text)
    if is_cut:
        finish_reason = "length"
    if not text or text.isspace():
        text, finish_reason = _without_text(message, finish_reason)
    usage = _usage(answer.get("usage"))
    reasoning = "\n\n".join(filter(None, (_reasoning(message), named, thoughts)))
    return Completion(text, finish_reason, usage, reasoning, _flags(usage, choice))


def _choice(answer: Any) -> dict[str, Any]:
    if not isinstance(answer, dict) or "choices" not in answer:
        raise MalformedAnswer("the answer has no choices")
    choices = answer["choices"]
    if choices is None or choices == []:
        raise EmptyAnswer("the answer's choices are empty")
    choice = choices[0] if isinstance(choices, list) else None
    if not isinstance(choice, dict):
        raise MalformedAnswer("the answer's choices are no list of objects")
    return choice


def _finish_reason(choice: dict[str, Any]) -> str:
    word = choice.get("finish_reason")
    # A gateway says "stop" for every word that it does not know, and keeps that word beside it.
    for reason in (word, _provider_fields(choice).get("native_finish_reason")):
        if reason in GAVE_UP:
            raise ServerError(f"the endpoint gave up on the answer (finish_reason {reason!r})")
        if reason == NO_RESOURCES:
            raise Overloaded(f"the endpoint broke off the answer (finish_reason {reason!r})")
    return FINISH_REASON.get(word, word) if isinstance(word, str) else ""


def _provider_fields(place: dict[str, Any]) -> dict[str, Any]:
    """What a gateway has no field for in a choice or a message of a provider."""
    fields = place.get("provider_specific_fields")
    return fields if isinstance(fields, dict) else {}


def _joined(content: Any) -> tuple[str, str]:
    """Thoughts and text of a content that is a list of parts, as one provider's reasoning models write it."""
    if not isinstance(content, list) or not all(isinstance(part, dict) for part in content):
        raise MalformedAnswer(f"the answer's content is no text but {type(content).__name__}")
    thoughts: list[str] = []
    texts: list[str] = []
    for part in content:
        inner = part.get("thinking")
        pieces = inner if isinstance(inner, list) else [part]
        texts_here = thoughts if "thinking" in part else texts
        texts_here += [
            piece["text"]
            for piece in pieces
            if isinstance(piece, dict) and isinstance(piece.get("text"), str)
        ]
    return "".join(thoughts), "".join(texts)


def _without_text(message: dict[str, Any], finish_reason: str) -> tuple[str, str]:
    """Text and finish reason of an answer with nothing to read in its content."""
    refusal = message.get("refusal") or _provider_fields(message).get("refusal")
    if isinstance(refusal, str) and refusal.strip():
        return refusal, "refusal"
    if finish_reason == "length":
        return "", finish_reason
    if message.get("tool_calls") or message.get("function_call"):
        raise ToolCallAnswer("the answer calls tools and says nothing")
    if _reasoning(message):
        raise EmptyAnswer("the answer is empty: there is only reasoning")
    raise EmptyAnswer("the answer is empty")


def _reasoning(message: dict[str, Any]) -> str:
    named = message.get("reasoning_content") or message.get("reasoning")
    return named if isinstance(named, str) else ""


def _usage(usage: Any) -> Usage:
    if not isinstance(usage, dict):
        return Usage()
    given, made = _tokens(usage.get("prompt_tokens")), _tokens(usage.get("completion_tokens"))
    total = _tokens(usage.get("total_tokens"))
    if given is not None and made is not None and total is not None:
        # One provider counts thoughts in the total only, and bills them as output.
        made = max(made, total - given)
    return Usage(given, made, _cached(usage, given))


def _cached(usage: dict[str, Any], given: int | None) -> int | None:
    """Tokens of the input that were read from the prompt cache, None where nothing is said of it."""
    details = usage.get("prompt_tokens_details")
    inside = details.get("cached_tokens") if isinstance(details, dict) else None
    for count in (inside, usage.get("prompt_cache_hit_tokens"), usage.get("cached_tokens")):
        if type(count) is int and count >= 0:
            return None if given is None else min(count, given)
    return None


def _tokens(count: Any) -> int | None:
    """A count; some servers write 0 where they do not count."""
    return count if type(count) is int and count > 0 else None


def _flags(usage: Usage, choice: dict[str, Any]) -> tuple[str, ...]:
    flags: tuple[str, ...] = ()
    if usage.input_tokens is None or usage.output_tokens is None:
        flags = ("usage_missing",)
    results = choice.get("content_filter_results")
    trouble = results.get("error") if isinstance(results, dict) else None
    if isinstance(trouble, dict) and trouble.get("code") == "content_filter_error":
        return (*flags, "filter_down")
    return flags
