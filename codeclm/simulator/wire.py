"""Chat completions as JSON: requests in, answers and errors out, in the shapes of OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any, Literal

import orjson

from codeclm.simulator.world import Answer

__all__ = [
    "BadRequest",
    "ChatCall",
    "Reply",
    "completion",
    "cut",
    "error",
    "gateway_page",
    "json_reply",
    "malformed",
    "model_list",
    "rate_headers",
    "read_call",
    "retry_headers",
]

_ROLES = ("system", "developer", "user", "assistant", "tool")
_JSON = "application/json"


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat completion request, checked."""

    model: str
    messages: tuple[Mapping[str, str], ...]
    temperature: float
    seed: int | None
    max_tokens: int | None


@dataclass(frozen=True, slots=True)
class Reply:
    """An HTTP answer.

    ``delivery``: "whole"; "cut", where the connection closes half-way through the body; or "reset",
    where it is reset before a byte is sent.
    """

    status: int
    body: bytes
    content_type: str = _JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    delivery: Literal["whole", "cut", "reset"] = "whole"


class BadRequest(ValueError):
    """Raised when a request body is no chat completion request; ``param`` names the field."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def read_call(body: bytes) -> ChatCall:
    """The request in ``body``; raises BadRequest."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("We could not parse the JSON body of your request.") from None
    if not isinstance(fields, dict):
        raise BadRequest("The body of your request must be a JSON object.")
    if fields.get("stream"):
        raise BadRequest("Streaming is not supported.", "stream", "unsupported_value")
    if fields.get("n") not in (None, 1):
        raise BadRequest("Only one choice is supported.", "n", "unsupported_value")
    max_tokens = fields.get("max_completion_tokens")
    if max_tokens is None:
        max_tokens = fields.get("max_tokens")
    return ChatCall(
        model=_text(fields, "model"),
        messages=_messages(fields.get("messages")),
        temperature=_temperature(fields.get("temperature")),
        seed=_integer(fields.get("seed"), "seed"),
        max_tokens=_integer(max_tokens, "max_tokens", at_least=1),
    )


def _text(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"You must provide a {name} parameter.", name)
    return value


def _messages(value: object) -> tuple[Mapping[str, str], ...]:
    if not isinstance(value, list) or not value:
        raise BadRequest("'messages' must be a list of at least one message.", "messages")
    return tuple(_message(entry, f"messages[{i}]") for i, entry in enumerate(value))


def _message(entry: object, where: str) -> Mapping[str, str]:
    if not isinstance(entry, dict) or entry.get("role") not in _ROLES:
        raise BadRequest(f"'{where}' needs one of the roles {', '.join(_ROLES)}.", f"{where}.role")
    content = entry.get("content")
    if isinstance(content, list):
        content = "".join(_part(part, where) for part in content)
    if not isinstance(content, str):
        raise BadRequest(f"'{where}' needs text as content.", f"{where}.content")
    return {"role": entry["role"], "content": content}


def _part(part: object, where: str) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise BadRequest(f"'{where}' holds something other than text.", f"{where}.content")


def _temperature(value: object) -> float:
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= 2:
        raise BadRequest("'temperature' must be a number between 0 and 2.", "temperature")
    return float(value)


def _integer(value: object, name: str, at_least: int | None = None) -> int | None:
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"'{name}' must be an integer.", name)
    if at_least is not None and value < at_least:
        raise BadRequest(f"'{name}' must be at least {at_least}.", name)
    return value


def json_reply(
    fields: object, status: int = 200, headers: Mapping[str, str] | None = None
) -> Reply:
    """Any JSON value as a reply."""
    return Reply(status, orjson.dumps(fields), headers=headers or {})


def completion(
    answer: Answer,
    text: str | None,
    model: str,
    number: int,
    created_s: int,
    headers: Mapping[str, str],
) -> Reply:
    """A chat completion that says ``text``, with the usage of ``answer``.

    ``number`` makes its id, ``created_s`` is Unix time.
    """
    message = {"role": "assistant", "content": text, "refusal": None}
    choice = {"index": 0, "message": message, "finish_reason": answer.finish_reason}
    fields = {
        "id": f"chatcmpl-sim{number:012d}",
        "object": "chat.completion",
        "created": created_s,
        "model": model,
        "choices": [{**choice, "logprobs": None}],
        "usage": _usage(answer),
        "system_fingerprint": "fp_simulator",
    }
    return json_reply(fields, headers=headers)


def _usage(answer: Answer) -> dict[str, int]:
    return {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


def cut(reply: Reply) -> Reply:
    """``reply`` as a connection that closes half-way delivers it."""
    return replace(reply, delivery="cut")


def malformed(reply: Reply) -> Reply:
    """``reply`` with a body that ends in the middle of its JSON."""
    return replace(reply, body=reply.body[: len(reply.body) // 2])


def model_list(models: Sequence[str], created_s: int) -> Reply:
    """The list of models."""
    data = [
        {"id": model, "object": "model", "created": created_s, "owned_by": "codeclm-simulator"}
        for model in models
    ]
    return json_reply({"object": "list", "data": data})


def error(
    status: int,
    message: str,
    *,
    kind: str = "invalid_request_error",
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Reply:
    """An error in OpenAI's shape."""
    body = {"error": {"message": message, "type": kind, "param": param, "code": code}}
    return json_reply(body, status, headers)


def gateway_page(status: int, reason: str) -> Reply:
    """The HTML page that a gateway sends in place of an answer."""
    page = (
        f"<html>\r\n<head><title>{status} {reason}</title></head>\r\n<body>\r\n"
        f"<center><h1>{status} {reason}</h1></center>\r\n<hr><center>nginx</center>\r\n"
        "</body>\r\n</html>\r\n"
    )
    return Reply(status, page.encode(), "text/html")


def retry_headers(wait_s: float) -> dict[str, str]:
    """How long to wait: whole seconds in Retry-After, exact in retry-after-ms."""
    return {"Retry-After": str(ceil(wait_s)), "retry-after-ms": str(ceil(wait_s * 1000))}


def rate_headers(limit: int, remaining: int, reset_s: float) -> dict[str, str]:
    """The state of a limit on requests; the reset is a duration such as "250ms" or "59s"."""
    reset = f"{ceil(reset_s * 1000)}ms" if reset_s < 1 else f"{ceil(reset_s)}s"
    return {
        "x-ratelimit-limit-requests": str(limit),
        "x-ratelimit-remaining-requests": str(remaining),
        "x-ratelimit-reset-requests": reset,
    }
