"""Messages as JSON: requests in, answers and errors out, in the shapes of Anthropic's API."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from codeclm.simulator.call import (
    BadRequest,
    ChatCall,
    read_fields,
    read_integer,
    read_messages,
    read_temperature,
    read_text,
    read_text_parts,
)
from codeclm.simulator.dialect import Said, Stamp
from codeclm.simulator.limits import LimitState
from codeclm.simulator.reply import Reply, json_reply

__all__ = ["AnthropicWire"]

_ROLES = ("user", "assistant")
_FIELDS = frozenset(
    (
        "model",
        "messages",
        "max_tokens",
        "system",
        "temperature",
        "top_p",
        "top_k",
        "stop_sequences",
        "stream",
        "metadata",
        "tools",
        "tool_choice",
        "thinking",
        "service_tier",
        "output_config",
        "output_format",
    )
)
_KINDS = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    408: "timeout_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "content_filter": "refusal",
    "tool_calls": "tool_use",
}


class AnthropicWire:
    """The dialect of ``POST /v1/messages``."""

    name = "anthropic"

    def key_of(self, headers: Mapping[str, str]) -> str:
        """The header x-api-key."""
        return headers.get("x-api-key", "")

    def check_headers(self, headers: Mapping[str, str]) -> Reply | None:
        """The version must be named."""
        if "anthropic-version" in headers:
            return None
        return self.error(400, "anthropic-version: header is required")

    def read_call(self, body: bytes) -> ChatCall:
        """The request in ``body``; raises BadRequest. Unknown fields are refused, as the real API does."""
        fields = read_fields(body)
        for name in fields:
            if name not in _FIELDS:
                raise BadRequest(f"{name[:64]}: Extra inputs are not permitted", name[:64])
        max_tokens = read_integer(fields.get("max_tokens"), "max_tokens", at_least=1)
        if max_tokens is None:
            raise BadRequest("max_tokens: Field required", "max_tokens")
        messages = read_messages(fields.get("messages"), _ROLES)
        if "system" in fields:
            system = read_text_parts(fields["system"], "system")
            messages = ({"role": "system", "content": system}, *messages)
        return ChatCall(
            model=read_text(fields, "model"),
            messages=messages,
            temperature=read_temperature(fields.get("temperature"), 1),
            seed=None,
            max_tokens=max_tokens,
            schema=_schema(fields),
            fields=fields,
        )

    def answer(self, said: Said, stamp: Stamp, headers: Mapping[str, str]) -> Reply:
        """A message."""
        refused = said.refusal is not None
        fields: dict[str, Any] = {
            "id": f"msg_sim{stamp.number:012d}",
            "type": "message",
            "role": "assistant",
            "model": stamp.model,
            "content": _blocks(said) if said.has_choices else [],
            "stop_reason": "refusal" if refused else _STOP_REASONS[said.finish_reason],
            "stop_sequence": None,
        }
        if said.has_usage:
            fields["usage"] = {
                "input_tokens": said.input_tokens - (said.cached_tokens or 0),
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": said.cached_tokens or 0,
                "output_tokens": said.output_tokens,
            }
        return json_reply(fields, headers={**headers, "request-id": f"req_{stamp.number:012d}"})

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
        """An error; its type follows from the status."""
        fields = {"type": _KINDS.get(status, "api_error"), "message": message}
        return json_reply({"type": "error", "error": fields}, status, headers)

    def limit_headers(self, states: Sequence[LimitState], now_s: float) -> dict[str, str]:
        """Requests, input and output tokens; the reset is a time."""
        headers: dict[str, str] = {}
        for state in states:
            reset = datetime.fromtimestamp(now_s, UTC) + timedelta(seconds=state.reset_s)
            named = f"anthropic-ratelimit-{state.of}"
            headers[f"{named}-limit"] = str(state.limit)
            headers[f"{named}-remaining"] = str(state.remaining)
            headers[f"{named}-reset"] = reset.strftime("%Y-%m-%dT%H:%M:%SZ")
        return headers


def _blocks(said: Said) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if said.reasoning is not None:
        blocks.append({"type": "thinking", "thinking": said.reasoning, "signature": "sim"})
    text = said.text if said.refusal is None else said.refusal
    if text is not None:
        blocks.append({"type": "text", "text": text})
    if said.tool is not None:
        blocks.append({"type": "tool_use", "id": "toolu_sim", "name": said.tool, "input": {}})
    return blocks


def _schema(fields: Mapping[str, Any]) -> Mapping[str, Any] | None:
    config = fields.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else fields.get("output_format")
    if wanted is None:
        return None
    if isinstance(wanted, dict) and wanted.get("type") == "json_schema":
        schema = wanted.get("schema")
        if isinstance(schema, dict):
            return schema
    raise BadRequest("output_config.format: Invalid JSON schema", "output_config")
