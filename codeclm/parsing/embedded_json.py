"""JSON in an answer: bare or in a code block, alone or with a few words before and after it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass

from codeclm.parsing.patterns import lazy

__all__ = ["EmbeddedJson", "find_json"]

_START = lazy(r"^[ \t]*+(?=[{\[])", re.MULTILINE)
_BETWEEN = lazy(r"\s*+,?\s*+(?=[{\[])")
_OPENING_FENCE = lazy(r"(?:`{3,}|~{3,})[ \t]*(?:json[lc5]?)?\s*\Z", re.IGNORECASE)
_CLOSING_FENCE = lazy(r"\A\s*(?:`{3,}|~{3,})[ \t]*+(?=\n|\Z)")
_STRING_OR_LAST_COMMA = lazy(r'("(?:[^"\\]|\\.)*+(?:"|\Z))|,(?=\s*+[}\]])', re.DOTALL)


@dataclass(frozen=True, slots=True)
class EmbeddedJson:
    """The ``value`` and the text ``before`` and ``after`` it, without the fences of its code block."""

    value: object
    before: str
    after: str


def find_json(text: str) -> EmbeddedJson | None:
    """The first object or array that begins a line of ``text``; None where there is none that is valid.

    Several values in a row (JSON lines) become one list. Commas before a closing bracket are forgiven; a name that
    occurs twice in an object is not, as one of its values would be lost.
    """
    start = _START.search(text)
    if not start:
        return None
    before, body = text[: start.start()], text[start.end() :]
    found = _decode(body) or _decode(_STRING_OR_LAST_COMMA.sub(lambda match: match[1] or "", body))
    if not found:
        return None
    value, after = found
    if fence := _OPENING_FENCE.search(before[-40:]):
        before = before[: len(before) - len(fence[0])]
        after = _CLOSING_FENCE.sub("", after)
    return EmbeddedJson(value, before.strip(), after.strip())


def _decode(text: str) -> tuple[object, str] | None:
    """The value or values that ``text`` begins with, and the rest."""
    values: list[object] = []
    end = 0
    try:
        while text[end : end + 1] in {"{", "["}:
            value, end = _DECODER.raw_decode(text, end)
            json.dumps(value, ensure_ascii=False).encode()  # half a surrogate pair is no text
            values.append(value)
            if between := _BETWEEN.match(text, end):
                end = between.end()
    except (ValueError, RecursionError):
        return None
    return values[0] if len(values) == 1 else values, text[end:]


def _unique(pairs: Sequence[tuple[str, object]]) -> dict[str, object]:
    value = dict(pairs)
    if len(value) < len(pairs):
        raise ValueError("a name occurs twice")
    return value


_DECODER = json.JSONDecoder(object_pairs_hook=_unique, strict=False)
