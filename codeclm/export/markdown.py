"""Text of others in Markdown: shown as it is, and never obeyed."""

from __future__ import annotations

import re

from codeclm.printable import printable

__all__ = ["code_block", "inline"]

_MARKS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~:@$^=])")
_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;"})


def inline(text: str, most: int = 200) -> str:
    """``text`` on one line, in a paragraph or a cell of a table, at most so many characters of it."""
    line = printable(" ".join(text.split()))
    if len(line) > most:
        line = line[: most - 1] + "…"
    return _MARKS.sub(r"\\\1", line.translate(_ENTITIES))


def code_block(text: str, language: str = "") -> str:
    """``text`` in a block with a fence that it cannot close."""
    longest = max((len(run) for run in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    lines = "\n".join(printable(line) for line in text.splitlines())
    return f"{fence}{language}\n{lines}\n{fence}"
