"""Chat requests, checked: what the APIs have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

__all__ = [
    "BadRequest",
    "ChatCall",
    "read_fields",
    "read_integer",
    "read_messages",
    "read_temperature",
    "read_text",
    "read_text_parts",
]


@dataclass(frozen=True, slots=True)
class ChatCall:
    """A chat request. ``schema`` is the JSON schema asked for, if any; ``fields`` all that was sent."""

    model: str
    messages: tuple[Mapping[str, str], ...]
    temperature: float
    seed: int | None
    max_tokens: int | None
    schema: Mapping[str, Any] | None = None
    fields: Mapping[str, Any] = field(default_factory=dict)


class BadRequest(ValueError):
    """Raised when a request body is no chat request; ``param`` names the field."""

    def __init__(self, message: str, param: str | None = None, code: str | None = None) -> None:
        super().__init__(message)
        self.param = param
        self.code = code


def read_fields(body: bytes) -> Mapping[str, Any]:
    """The JSON object in ``body``, if it does not ask for a stream; raises BadRequest."""
    try:
        fields = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest("We could not parse the JSON body of your request.") from None
    if not isinstance(fields, dict):
        raise BadRequest("The body of your request must be a JSON object.")
    if fields.get("stream"):
        raise BadRequest("Streaming is not supported.", "stream", "unsupported_value")
    return fields


def read_text(fields: Mapping[str, Any], name: str) -> str:
    """A text that must be there; raises BadRequest."""
    value = fields.get(name)
    if not isinstance(value, str) or not value:
        raise BadRequest(f"You must provide a {name} parameter.", name)
    return value


def read_messages(value: object, roles: Sequence[str]) -> tuple[Mapping[str, str], ...]:
    """The messages, with text as their content; raises BadRequest."""
    if not isinstance(value, list) or not value:
        raise BadRequest("'messages' must be a list of at least one message.", "messages")
    return tuple(_message(entry, f"messages[{i}]", roles) for i, entry in enumerate(value))


def _message(entry: object, where: str, roles: Sequence[str]) -> Mapping[str, str]:
    if not isinstance(entry, dict) or entry.get("role") not in roles:
        raise BadRequest(f"'{where}' needs one of the roles {', '.join(roles)}.", f"{where}.role")
    return {"role": entry["role"], "content": read_text_parts(entry.get("content"), where)}


def read_text_parts(content: object, where: str) -> str:
    """A text, or a list of parts that are texts; raises BadRequest."""
    if isinstance(content, list):
        content = "".join(_part(part, where) for part in content)
    if not isinstance(content, str):
        raise BadRequest(f"'{where}' needs text as content.", f"{where}.content")
    return content


def _part(part: object, where: str) -> str:
    if isinstance(part, dict) and part.get("type") == "text" and isinstance(part.get("text"), str):
        return str(part["text"])
    raise BadRequest(f"'{where}' holds something other than text.", f"{where}.content")


def read_temperature(value: object, most: float) -> float:
    """A temperature from 0 to ``most``, 1 if there is none; raises BadRequest."""
    if value is None:
        return 1.0
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 <= value <= most:
        raise BadRequest(f"'temperature' must be a number between 0 and {most:g}.", "temperature")
    return float(value)


def read_integer(value: object, name: str, at_least: int | None = None) -> int | None:
    """A whole number or None; raises BadRequest."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int):
        raise BadRequest(f"'{name}' must be an integer.", name)
    if at_least is not None and value < at_least:
        raise BadRequest(f"'{name}' must be at least {at_least}.", name)
    return value
