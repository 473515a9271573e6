"""The words in which real servers say that they will not answer now."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from codeclm.simulator.call import ChatCall
from codeclm.simulator.reply import Reply, json_reply

__all__ = ["OVERLOADED", "QUOTA", "context_too_long", "filtered_prompt", "loading", "slow_down"]


def _openai(status: int, message: str, kind: str | None, code: str | None) -> Reply:
    fields = {"message": message, "type": kind, "param": None, "code": code}
    return json_reply({"error": fields}, status)


def _anthropic(status: int, message: str, kind: str, **fields: Any) -> Reply:
    return json_reply(
        {"type": "error", "error": {"type": kind, "message": message, **fields}}, status
    )


def _gemini_quota() -> Reply:
    violation = {
        "quotaMetric": "generativelanguage.googleapis.com/generate_content_free_tier_requests",
        "quotaId": "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        "quotaDimensions": {"location": "global", "model": "sim-strong"},
        "quotaValue": "250",
    }
    kind = "type.googleapis.com/google.rpc."
    error = {
        "code": 429,
        "message": "You exceeded your current quota, please check your plan and billing details."
        " Please retry in 10h17m5.7s.",
        "status": "RESOURCE_EXHAUSTED",
        "details": [
            {"@type": kind + "QuotaFailure", "violations": [violation]},
            {"@type": kind + "RetryInfo", "retryDelay": "37025s"},
        ],
    }
    return json_reply([{"error": error}], 429)


def _openrouter_quota() -> Reply:
    error = {
        "message": "Insufficient credits. Add more in your settings.",
        "code": 402,
        "metadata": {"limit_source": "openrouter_credits"},
    }
    return json_reply({"error": error}, 402)


QUOTA: dict[str, Callable[[], Reply]] = {
    "openai": lambda: _openai(
        429,
        "You exceeded your current quota, please check your plan and billing details.",
        "insufficient_quota",
        "insufficient_quota",
    ),
    "anthropic": lambda: _anthropic(
        429,
        "Your organization has reached its spend limit.",
        "rate_limit_error",
        details={"error_code": "enforced_spend_limit_reached"},
    ),
    "gemini": _gemini_quota,
    "openrouter": _openrouter_quota,
}
"""No money, or no quota for the day, is left."""

OVERLOADED: dict[str, Callable[[], Reply]] = {
    "openai": lambda: _openai(
        503,
        "The server is currently overloaded with other requests.",
        "server_error",
        "server_is_overloaded",
    ),
    "anthropic": lambda: _anthropic(529, "Overloaded", "overloaded_error"),
    "mistral": lambda: json_reply(
        {
            "object": "error",
            "message": "Service tier capacity exceeded for this model.",
            "type": "service_tier_capacity_exceeded",
            "param": None,
            "code": "3505",
        },
        503,
    ),
    "ollama": lambda: _openai(
        503, "server busy, please try again.  maximum pending requests exceeded", "api_error", None
    ),
    "sglang": lambda: json_reply(
        {
            "object": "error",
            "message": "The request queue is full.",
            "type": "SERVICE_UNAVAILABLE",
            "param": None,
            "code": 503,
        },
        503,
    ),
    "tgi": lambda: json_reply({"error": "Model is overloaded", "error_type": "overloaded"}, 429),
}
"""Too busy to take a call."""


def loading() -> Reply:
    """llama.cpp loads its model."""
    error = {"code": 503, "message": "Loading model", "type": "unavailable_error"}
    return json_reply({"error": error}, 503)


def slow_down() -> Reply:
    """OpenAI: the traffic grows too fast."""
    message = "Slow down: your request rate has grown too fast. Reduce it and grow gradually."
    return _openai(503, message, "server_error", "slow_down")


def filtered_prompt() -> Reply:
    """Azure's content filter keeps the prompt."""
    found = {"violence": {"filtered": True, "severity": "medium"}}
    error = {
        "message": "The response was filtered due to the prompt triggering the content management"
        " policy. Please modify your prompt and retry.",
        "type": None,
        "param": "prompt",
        "code": "content_filter",
        "status": 400,
        "innererror": {
            "code": "ResponsibleAIPolicyViolation",
            "content_filter_result": found,
        },
    }
    return json_reply({"error": error}, 400)


def context_too_long(call: ChatCall, input_tokens: int) -> tuple[str, str]:
    """Parameter and message of a prompt that does not fit."""
    most = max(1, input_tokens - 1)
    message = (
        f"This model's maximum context length is {most} tokens. However, your messages resulted in"
        f" {input_tokens} tokens. Please reduce the length of the messages."
    )
    return "messages", message
