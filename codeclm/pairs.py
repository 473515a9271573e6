"""Pairs of instruction and response, as models are trained on them, out of a file of rows."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

from codeclm.errors import UsageError

__all__ = ["read_pairs"]


def read_pairs(path: Path) -> Iterator[tuple[str, str]]:
    """Instruction and response of each line of ``path``: a run's dataset.jsonl, or an export as chat messages.

    Raises UsageError, naming the line, for one that is neither.
    """
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                pair = _pair(line)
                if pair is None:
                    raise UsageError(
                        f"{path}, line {number}: no instruction and response, nor messages of user and assistant"
                    )
                yield pair
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from None


def _pair(line: bytes) -> tuple[str, str] | None:
    try:
        row = json.loads(line)
        if "messages" in row:
            said = {message["role"]: message["content"] for message in row["messages"]}
            pair = said["user"], said["assistant"]
        else:
            pair = row["instruction"], row["response"]
    except (ValueError, KeyError, TypeError):
        return None
    return pair if all(isinstance(text, str) for text in pair) else None
