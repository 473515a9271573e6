"""What providers answer, for a gateway to pass on: python -m tests.real_servers.upstream PORT.

The model that is asked for names the answer.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

import orjson
from aiohttp import web

__all__ = ["ANSWERS", "Upstream"]


@dataclass(frozen=True, slots=True)
class Upstream:
    """One answer of a provider."""

    status: int
    body: object
    headers: Mapping[str, str] = field(default_factory=dict)


def _error(message: str, kind: str | None, code: object = None, param: str | None = None) -> object:
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def _completion(content: str | None, finish_reason: str = "stop", **message: object) -> object:
    said = {"role": "assistant", "content": content, **message}
    return {
        "id": "c",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": said, "finish_reason": finish_reason}],
        "usage": {"prompt_tokens": 5, "completion_tokens": 2, "total_tokens": 7},
    }


def _without_usage() -> object:
    completion = _completion("yes")
    assert isinstance(completion, dict)
    return {name: value for name, value in completion.items() if name != "usage"}


QUOTA = "You exceeded your current quota, please check your plan and billing details."
TOO_LONG = "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens."
FILTERED = "The response was filtered due to the prompt triggering content management policy."
FLAGGED = "Invalid prompt: your prompt was flagged as potentially violating our usage policy."
NO_MAX_TOKENS = "Unsupported parameter: 'max_tokens' is not supported with this model."
NO_TEMPERATURE = "Unsupported value: 'temperature' does not support 0.7 with this model."
INVALID = "invalid_request_error"
LIMITED = {
    "Retry-After": "7",
    "Retry-After-Ms": "6500",
    "X-RateLimit-Limit-Requests": "100",
    "X-RateLimit-Remaining-Requests": "0",
    "X-RateLimit-Reset-Requests": "7s",
}
GEMINI = {
    "code": 429,
    "message": QUOTA,
    "status": "RESOURCE_EXHAUSTED",
    "details": [{"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": "46s"}],
}
TOOL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
BROKEN_CHOICE = {
    "index": 0,
    "error": {"code": 502, "message": "upstream"},
    "finish_reason": "error",
    "message": {"role": "assistant", "content": ""},
}

ANSWERS = {
    "rate-limit": Upstream(429, _error("Slow", "requests", "rate_limit_exceeded"), LIMITED),
    "rate-limit-gemini": Upstream(429, [{"error": GEMINI}]),
    "no-money": Upstream(429, _error(QUOTA, "insufficient_quota", "insufficient_quota")),
    "no-credit": Upstream(402, _error("Insufficient credits", None, 402)),
    "overloaded": Upstream(503, _error("Overloaded", "server_error"), {"Retry-After": "3"}),
    "overloaded-529": Upstream(529, {"type": "error", "error": {"type": "overloaded_error"}}),
    "loading": Upstream(503, _error("Loading model", "unavailable_error", 503)),
    "broken": Upstream(500, _error("exploded", "server_error")),
    "gateway-page": Upstream(502, "<html><head><title>502 Bad Gateway</title></head></html>"),
    "gateway-timeout": Upstream(504, ""),
    "timeout": Upstream(408, _error("timeout", None)),
    "bad-key": Upstream(401, _error("Incorrect API key", INVALID, "invalid_api_key")),
    "forbidden": Upstream(403, _error("You may not use this model", "permission_error")),
    "no-model": Upstream(404, _error("The model does not exist", INVALID, "model_not_found")),
    "too-long": Upstream(400, _error(TOO_LONG, INVALID, "context_length_exceeded", "messages")),
    "too-long-old-vllm": Upstream(400, {"object": "error", "message": TOO_LONG, "code": 400}),
    "too-large": Upstream(413, _error("Payload Too Large", None)),
    "too-large-request": Upstream(413, _error("Request too large", None)),
    "filtered-prompt": Upstream(400, _error(FILTERED, None, "content_filter", "prompt")),
    "policy": Upstream(400, _error("Rejected", INVALID, "content_policy_violation")),
    "flagged-prompt": Upstream(400, _error(FLAGGED, INVALID, "invalid_prompt")),
    "no-max-tokens": Upstream(
        400, _error(NO_MAX_TOKENS, INVALID, "unsupported_parameter", "max_tokens")
    ),
    "no-temperature": Upstream(
        400, _error(NO_TEMPERATURE, INVALID, "unsupported_value", "temperature")
    ),
    "invalid-field": Upstream(422, {"detail": [{"loc": ["body", "n"], "msg": "bad", "type": "x"}]}),
    "fine": Upstream(200, _completion("yes")),
    "cut": Upstream(200, _completion("yes and", "length")),
    "filtered-answer": Upstream(200, _completion(None, "content_filter")),
    "refusal": Upstream(200, _completion(None, refusal="I cannot help with that.")),
    "empty": Upstream(200, _completion("")),
    "null": Upstream(200, _completion(None)),
    "no-choices": Upstream(200, {"id": "c", "object": "chat.completion", "choices": []}),
    "reasoning": Upstream(200, _completion("42", reasoning="six times seven")),
    "reasoning-only": Upstream(200, _completion(None, "length", reasoning_content="six times")),
    "think": Upstream(200, _completion("<think>six times seven</think>42")),
    "tools": Upstream(200, _completion(None, "tool_calls", tool_calls=[TOOL])),
    "error-in-200": Upstream(200, _error("Provider returned error", None, 429)),
    "error-in-choice": Upstream(
        200, {"id": "c", "object": "chat.completion", "choices": [BROKEN_CHOICE]}
    ),
    "aborted": Upstream(200, _completion("yes", "abort")),
    "no-usage": Upstream(200, _without_usage()),
    "cut-json": Upstream(200, '{"id": "c", "choices": ['),
}


async def _answer(request: web.Request) -> web.StreamResponse:
    answer = ANSWERS[(await request.json())["model"]]
    text = answer.body if isinstance(answer.body, str) else orjson.dumps(answer.body).decode()
    kind = "text/html" if text.startswith("<") else "application/json"
    return web.Response(
        status=answer.status, text=text, content_type=kind, headers=dict(answer.headers)
    )


async def _alive(request: web.Request) -> web.StreamResponse:
    return web.Response()


if __name__ == "__main__":
    app = web.Application()
    app.router.add_get("/alive", _alive)
    app.router.add_post("/v1/chat/completions", _answer)
    web.run_app(app, host="127.0.0.1", port=int(sys.argv[1]), print=None)
