"""The same answers as JSON that fits a schema, for requests that ask for one.

The schema's fields are filled in their order with what the answer says: its texts, its lists, its numbers.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import orjson

__all__ = ["as_json"]

_ASIDES = ("reason", "explan", "thought", "comment", "rationale", "analysis")
_ASIDE = "This follows from the text."
_DEEPEST = 6
_NAMES = {
    "encode": ("use_case", "skills"),
    "decode": ("instructions",),
    "rubrics": ("rubrics", "actions"),
    "judge": ("first", "second"),
    "evaluate": ("first", "second", "explanation"),
}


@dataclass(slots=True)
class _Content:
    """What is still to be said."""

    texts: deque[str] = field(default_factory=deque)
    lists: deque[Sequence[str]] = field(default_factory=deque)
    numbers: deque[float] = field(default_factory=deque)


def as_json(schema: Mapping[str, Any], kind: str, content: Sequence[str]) -> str:
    """``content`` of an answer of ``kind`` as JSON that fits ``schema``; with an empty schema, an object."""
    left = _sorted_out(kind, content)
    if not _resolved(schema, schema):
        fields = (*left.texts, *map(list, left.lists), *left.numbers)
        return orjson.dumps(dict(zip(_NAMES.get(kind, ("answer",)), fields, strict=False))).decode()
    return orjson.dumps(_Filler(schema, left).value(schema, "", 0)).decode()


def _sorted_out(kind: str, content: Sequence[str]) -> _Content:
    match kind:
        case "encode":
            return _Content(deque(content[:1]), deque([content[1:]]))
        case "decode":
            return _Content(lists=deque([content]))
        case "rubrics":
            half = len(content) // 2
            return _Content(lists=deque([content[:half], content[half:]]))
        case "judge":
            return _Content(numbers=deque(map(float, content)))
        case "evaluate":
            return _Content(deque(content[2:]), numbers=deque(map(float, content[:2])))
    return _Content(deque(content))


class _Filler:
    def __init__(self, root: Mapping[str, Any], left: _Content) -> None:
        self._root = root
        self._left = left

    def value(self, schema: Mapping[str, Any], name: str, depth: int) -> Any:
        """A value for the field ``name``."""
        schema = _resolved(schema, self._root)
        if "const" in schema:
            return schema["const"]
        allowed = _sequence(schema.get("enum"))
        if allowed:
            return self._choice(allowed)
        match schema.get("type"):
            case "object" if depth < _DEEPEST:
                fields = _mapping(schema.get("properties")).items()
                return {key: self.value(_mapping(of), key, depth + 1) for key, of in fields}
            case "array" if depth < _DEEPEST:
                return self._array(_mapping(schema.get("items")), name, depth + 1)
            case "integer":
                return round(self._number())
            case "number":
                return self._number()
            case "boolean":
                return bool(self._left.texts) and self._left.texts.popleft() == "yes"
            case "null":
                return None
        return self._text(name)

    def _array(self, items: Mapping[str, Any], name: str, depth: int) -> list[Any]:
        items = _resolved(items, self._root)
        if items.get("type") in {"number", "integer"}:
            return [self.value(items, name, depth) for _ in range(len(self._left.numbers))]
        if items.get("type") != "object":
            listed = self._left.lists.popleft() if self._left.lists else [self._text(name)]
            allowed = _sequence(items.get("enum"))
            return [entry for entry in listed if not allowed or entry in allowed]
        if self._left.numbers:
            return [self.value(items, name, depth) for _ in range(len(self._left.numbers))]
        return [self._row(items, row, depth) for row in self._rows(items)]

    def _rows(self, items: Mapping[str, Any]) -> list[tuple[str, ...]]:
        """Lists side by side, as many as an object has texts for."""
        fields = _mapping(items.get("properties"))
        texts = sum(not _is_aside(key) for key, of in fields.items() if _is_text(of, self._root))
        columns = [self._left.lists.popleft() for _ in range(min(texts, len(self._left.lists)))]
        return list(zip(*columns, strict=False))

    def _row(self, items: Mapping[str, Any], row: tuple[str, ...], depth: int) -> Any:
        return _Filler(self._root, _Content(deque(row))).value(items, "", depth)

    def _choice(self, allowed: Sequence[Any]) -> Any:
        texts = self._left.texts
        if texts and texts[0] in allowed:
            return texts.popleft()
        return allowed[0]

    def _number(self) -> float:
        return self._left.numbers.popleft() if self._left.numbers else 0.0

    def _text(self, name: str) -> str:
        if _is_aside(name) or not self._left.texts:
            return _ASIDE
        return self._left.texts.popleft()


def _resolved(schema: Mapping[str, Any], root: Mapping[str, Any]) -> Mapping[str, Any]:
    """``schema`` with its reference followed, and the first of its alternatives that is not null."""
    for _ in range(_DEEPEST):
        reference = schema.get("$ref")
        options = schema.get("anyOf") or schema.get("oneOf")
        if isinstance(reference, str):
            schema = _mapping(_mapping(root.get("$defs")).get(reference.rpartition("/")[2]))
        elif isinstance(options, list):
            schema = next((_mapping(o) for o in options if _mapping(o).get("type") != "null"), {})
        elif isinstance(schema.get("type"), list):
            kinds = [kind for kind in schema["type"] if isinstance(kind, str) and kind != "null"]
            schema = {**schema, "type": kinds[0] if kinds else "null"}
        else:
            break
    return schema


def _is_text(schema: object, root: Mapping[str, Any]) -> bool:
    found = _resolved(_mapping(schema), root)
    return found.get("type", "string") == "string" and "enum" not in found


def _is_aside(name: str) -> bool:
    return any(part in name.casefold() for part in _ASIDES)


def _mapping(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _sequence(value: object) -> Sequence[Any]:
    return value if isinstance(value, list) else ()
