"""A file of answers in place of a model: by the id of the test item, or by its instruction."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

from codeclm.errors import UsageError
from codeclm.evaluation.records import TestItem
from codeclm.llm.chat import Completion
from codeclm.seeds import parsed_rows

__all__ = ["Answers", "read_answers"]

FIELDS = ("response", "output", "answer")
"""What the text may be called."""


class Answers:
    """Responds to each item with what the file holds for it. ``content`` is a digest of all of them."""

    def __init__(self, texts: dict[str, str]) -> None:
        self._texts = texts
        lines = "\x1f".join(f"{name}\x1e{text}" for name, text in sorted(texts.items()))
        self.content = hashlib.sha256(lines.encode()).hexdigest()

    async def respond(self, item: TestItem) -> Completion:
        """The response to ``item``."""
        return Completion(self._texts[item.id], finish_reason="stop")


def read_answers(path: Path, items: Iterable[TestItem]) -> Answers:
    """The answers of ``path`` to ``items``: rows with ``id`` or ``instruction``, and ``response``.

    ``.jsonl``, ``.json`` (an array) or ``.csv``; the text may be called output or answer as well. Raises UsageError
    for what cannot be read, two answers to one item, and where an item has none.
    """
    by_id: dict[str, str] = {}
    by_instruction: dict[str, str] = {}
    for line, row, problem in parsed_rows(path, _parse):
        if problem is not None:
            raise problem
        identity, instruction, text = row
        for known, name in ((by_id, identity), (by_instruction, instruction)):
            if name and known.setdefault(name, text) != text:
                raise UsageError(f"{path}, line {line}: another answer to {name[:60]!r}")
    texts, missing = {}, []
    for item in items:
        text = by_id.get(item.id, by_instruction.get(item.instruction))
        if text is None:
            missing.append(item.id)
        else:
            texts[item.id] = text
    if missing:
        named = ", ".join(missing[:3]) + (", ..." if len(missing) > 3 else "")
        whole = len(missing) + len(texts)
        raise UsageError(f"{path}: no answer to {len(missing):,} of {whole:,} items ({named})")
    return Answers(texts)


def _parse(row: object) -> tuple[str, str, str]:
    if not isinstance(row, dict):
        raise UsageError("not an object with 'id' or 'instruction', and 'response'")
    text = next((row[name] for name in FIELDS if row.get(name) is not None), None)
    if not isinstance(text, str):
        raise UsageError(f"no text in {', '.join(map(repr, FIELDS[:-1]))} or {FIELDS[-1]!r}")
    try:
        text.encode()
    except UnicodeEncodeError:
        raise UsageError("it holds half a surrogate pair, which is no character") from None
    identity, instruction = row.get("id"), row.get("instruction")
    if identity is None and not isinstance(instruction, str):
        raise UsageError("neither 'id' nor 'instruction'")
    plain = instruction if isinstance(instruction, str) else ""
    return "" if identity is None else str(identity), plain, text
