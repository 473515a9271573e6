"""Answers of providers after they went through the LiteLLM proxy, and what they must amount to.

It keeps the status, puts its own codes in place of the provider's, and most of its headers behind a prefix.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tests.real_servers.server import Probe

__all__ = ["PASSED_ON"]


def _answer(name: str, row: str, error: str | None, finish_reason: str | None = None) -> Probe:
    return Probe(f"{name}, passed on", row, error, finish_reason, model=f"upstream/{name}")


def _noted(name: str, row: str, error: str | None, note: str, **more: Any) -> Probe:
    return replace(_answer(name, row, error), note=note, **more)


def _sent(**field: object) -> dict[str, object]:
    """A request with that field, which is to be refused: what was not sent cannot be left out."""
    return {"parameter": next(iter(field)), "fields": field}


HINT = "the wait is in llm_provider-retry-after only"
PARAM = "the name of the parameter and words are left"
WORDS = "the provider's code is lost: only words are left"
QUOTED = "the whole body is quoted in the message"
REFUSAL = "the refusal is in message.provider_specific_fields only"
HIDDEN = "what happened is in choices[0].provider_specific_fields only; finish_reason says stop"

PASSED_ON = (
    _noted("rate-limit", "1", "RateLimited", HINT, retry_after_s=6.5),
    _noted("rate-limit-gemini", "1", "RateLimited", QUOTED, retry_after_s=46),
    _noted("no-money", "3", "QuotaExhausted", f"{WORDS}, which Gemini writes too: see above"),
    _answer("no-credit", "3", "QuotaExhausted"),
    _noted("overloaded", "5", "Overloaded", HINT, retry_after_s=3),
    _answer("overloaded-529", "5", "Overloaded"),
    _noted("loading", "6", "ModelLoading", WORDS),
    _answer("broken", "7", "ServerError"),
    _answer("gateway-page", "7", "ServerError"),
    _answer("gateway-timeout", "7", "ServerError"),
    _answer("timeout", "8", "ServerError"),
    _answer("bad-key", "9", "KeyRefused"),
    _answer("forbidden", "9", "KeyRefused"),
    _answer("no-model", "11", "EndpointRefused"),
    _noted("too-long", "12", "ContextTooLong", "the code is the first word of the message"),
    _answer("too-long-old-vllm", "12", "ContextTooLong"),
    _answer("too-large", "12", "ContextTooLong"),
    _noted("too-large-request", "12", "ContextTooLong", "these words make a 429 of a 413"),
    _noted("filtered-prompt", "13", "RequestRefused", WORDS),
    _noted("policy", "13", "Filtered", "the code is the second word of the message"),
    _answer("flagged-prompt", "13", "Filtered"),
    _noted("no-max-tokens", "20", "ParameterRefused", PARAM, **_sent(max_tokens=5)),
    _noted("no-temperature", "20", "ParameterRefused", PARAM, **_sent(temperature=0.7)),
    _answer("invalid-field", "29", "RequestRefused"),
    _answer("fine", "26", None, "stop"),
    _answer("cut", "16", None, "length"),
    _answer("filtered-answer", "14", "Filtered"),
    _noted("refusal", "15", None, REFUSAL, finish_reason="refusal"),
    _answer("empty", "17", "EmptyAnswer"),
    _answer("null", "17", "EmptyAnswer"),
    _answer("no-choices", "17", "EmptyAnswer"),
    _answer("reasoning", "18", None, "stop"),
    _answer("reasoning-only", "18", None, "length"),
    _answer("think", "19", None, "stop"),
    _answer("tools", "21", "ToolCallAnswer"),
    _answer("error-in-200", "22", "RateLimited"),
    _noted("error-in-choice", "22", "ServerError", HIDDEN),
    _noted("aborted", "22", "ServerError", HIDDEN),
    _answer("no-usage", "26", None, "stop"),
    _answer("cut-json", "27", "ServerError"),
)
