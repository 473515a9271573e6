"""Chat completions as JSON: requests in, answers and errors out, in the shapes of OpenAI's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil
from typing import Any

from codeclm.simulator.call import (
    BadRequest,
    ChatCall,
    read_fields,
    read_integer,
    read_messages,
    read_temperature,
    read_text,
)
from codeclm.simulator.dialect import Said, Stamp
from codeclm.simulator.limits import LimitState
from codeclm.simulator.reply import Reply, json_reply

__all__ = ["OpenAIWire", "model_list"]

_ROLES = ("system", "developer", "user", "assistant", "tool")


class OpenAIWire:
    """The dialect of ``POST /v1/chat/completions``."""

    name = "openai"

    def key_of(self, headers: Mapping[str, str]) -> str:
        """What follows "Bearer"."""
        scheme, _, key = headers.get("Authorization", "").partition(" ")
        return key if scheme == "Bearer" else ""

    def check_headers(self, headers: Mapping[str, str]) -> Reply | None:
        """No header is missed."""
        return None

    def read_call(self, body: bytes) -> ChatCall:
        """The request in ``body``; raises BadRequest."""
        fields = read_fields(body)
        if fields.get("n") not in (None, 1):
            raise BadRequest("Only one choice is supported.", "n", "unsupported_value")
        max_tokens = fields.get("max_completion_tokens")
        if max_tokens is None:
            max_tokens = fields.get("max_tokens")
        return ChatCall(
            model=read_text(fields, "model"),
            messages=read_messages(fields.get("messages"), _ROLES),
            temperature=read_temperature(fields.get("temperature"), 2),
            seed=read_integer(fields.get("seed"), "seed"),
            max_tokens=read_integer(max_tokens, "max_tokens", at_least=1),
            schema=_schema(fields.get("response_format")),
            fields=fields,
        )

    def answer(self, said: Said, stamp: Stamp, headers: Mapping[str, str]) -> Reply:
        """A chat completion."""
        choice = {
            "index": 0,
            "message": _message(said),
            "finish_reason": said.finish_reason,
            "logprobs": None,
        }
        # Both forms of nothing occur: an empty list, and null.
        nothing: list[Any] | None = [] if stamp.number % 2 else None
        fields = {
            "id": f"chatcmpl-sim{stamp.number:012d}",
            "object": "chat.completion",
            "created": int(stamp.created_s),
            "model": stamp.model,
            "choices": [choice] if said.has_choices else nothing,
            "system_fingerprint": "fp_simulator",
        }
        if said.has_usage:
            fields["usage"] = {
                "prompt_tokens": said.input_tokens,
                "completion_tokens": said.output_tokens,
                "total_tokens": said.input_tokens + said.output_tokens,
                **_details(said.cached_tokens),
            }
        return json_reply(fields, headers=headers)

    def error(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """An error; ``kind`` is its type."""
        fields = {
            "message": message,
            "type": kind or ("server_error" if status >= 500 else "invalid_request_error"),
            "param": param,
            "code": code,
        }
        return json_reply({"error": fields}, status, headers)

    def limit_headers(self, states: Sequence[LimitState], now_s: float) -> dict[str, str]:
        """Requests and tokens; the reset is a duration such as "250ms" or "59s"."""
        headers: dict[str, str] = {}
        for state in states:
            of = "requests" if state.of == "requests" else "tokens"
            if f"x-ratelimit-limit-{of}" not in headers:
                reset_s = state.reset_s
                reset = f"{ceil(reset_s * 1000)}ms" if reset_s < 1 else f"{ceil(reset_s)}s"
                headers[f"x-ratelimit-limit-{of}"] = str(state.limit)
                headers[f"x-ratelimit-remaining-{of}"] = str(state.remaining)
                headers[f"x-ratelimit-reset-{of}"] = reset
        return headers


def model_list(models: Sequence[str], created_s: int) -> Reply:
    """The list of models."""
    data = [
        {"id": model, "object": "model", "created": created_s, "owned_by": "codeclm-simulator"}
        for model in models
    ]
    return json_reply({"object": "list", "data": data})


def _details(cached_tokens: int | None) -> dict[str, Any]:
    if cached_tokens is None:
        return {}
    return {"prompt_tokens_details": {"cached_tokens": cached_tokens, "audio_tokens": 0}}


def _message(said: Said) -> dict[str, Any]:
    message: dict[str, Any] = {
        "role": "assistant",
        "content": said.text,
        "refusal": said.refusal,
    }
    if said.reasoning is not None:
        message["reasoning_content"] = said.reasoning
    if said.tool is not None:
        function = {"name": said.tool, "arguments": "{}"}
        message["tool_calls"] = [{"id": "call_sim", "type": "function", "function": function}]
    return message


def _schema(response_format: object) -> Mapping[str, Any] | None:
    if response_format is None:
        return None
    if isinstance(response_format, dict):
        kind = response_format.get("type")
        if kind == "text":
            return None
        if kind == "json_object":
            return {}
        named = response_format.get("json_schema")
        if kind == "json_schema" and isinstance(named, dict) and isinstance(named.get("name"), str):
            schema = named.get("schema")
            if isinstance(schema, dict):
                return schema
    raise BadRequest("Invalid 'response_format'.", "response_format", "invalid_value")
