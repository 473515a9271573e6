"""What a JSON answer to each prompt looks like, for endpoints that can be held to a schema.

The same parsers read it that read an answer in words, so nothing is lost where a server ignores or refuses the
schema. All fields are required and no others allowed, as strict schemas demand.
"""

from __future__ import annotations

from collections.abc import Mapping

__all__ = ["SCHEMAS"]

_TEXT: Mapping[str, object] = {"type": "string"}
_TEXTS: Mapping[str, object] = {"type": "array", "items": _TEXT}
_NUMBER: Mapping[str, object] = {"type": "number"}


def _schema(name: str, **properties: Mapping[str, object]) -> Mapping[str, object]:
    return {
        "name": name,
        "schema": {
            "type": "object",
            "properties": properties,
            "required": list(properties),
            "additionalProperties": False,
        },
    }


SCHEMAS = {
    "encode": _schema("metadata", use_case=_TEXT, skills=_TEXTS),
    "pairs": _schema("verdict", answer={"type": "string", "enum": ["yes", "no"]}),
    "decode": _schema("instructions", instructions=_TEXTS),
    "rubrics": _schema("rubrics", rubrics=_TEXTS, actions=_TEXTS),
    "judge": _schema("scores", assistant_1=_NUMBER, assistant_2=_NUMBER),
    "evaluate": _schema("judgement", assistant_1=_NUMBER, assistant_2=_NUMBER, explanation=_TEXT),
}
"""By the prompt's name. Improvements and responses are free text."""
