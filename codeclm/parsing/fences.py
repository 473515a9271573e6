"""Code blocks between fences (CommonMark's, and the sloppy ones of models that open them in mid-line)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from codeclm.parsing.patterns import lazy

__all__ = ["fenced", "unfence"]

_RUN = lazy(r"`{3,}|^[ \t]*~{3,}")
_WRAPPER = lazy(r"(`{3,}|~{3,})[ \t]*(?:te?xt|plaintext|markdown|md|instructions?)?", re.IGNORECASE)


def fenced(lines: Sequence[str]) -> list[bool]:
    """Whether each line starts inside a code block, and as one more entry, whether the last block stays open."""
    inside, fence = [], ""
    for line in lines:
        inside.append(bool(fence))
        for run in _RUN.finditer(line) if "```" in line or "~~~" in line else ():
            mark = run[0].strip()
            if not fence:
                fence = mark
            elif mark.startswith(fence) and not _has_info(line, run):
                fence = ""
    return [*inside, bool(fence)]


def _has_info(line: str, run: re.Match[str]) -> bool:
    """Whether ``run`` can only open a block: alone at the start of its line, with a language after it."""
    return not line[: run.start()].strip() and line[run.end() : run.end() + 1].isalnum()


def unfence(text: str) -> str:
    """``text`` without the fences around it, where they wrap all of it and name no programming language.

    Two code blocks with text between them also begin and end with fences; they stay.
    """
    lines = text.strip().split("\n")
    opening = _WRAPPER.fullmatch(lines[0].rstrip())
    if not opening or len(lines) < 3 or lines[-1].strip() != opening[1]:
        return text
    inner = [line.strip() for line in lines[1:-1] if line.lstrip().startswith(opening[1])]
    opens = [line != opening[1] for line in inner]
    if any(is_opening == bool(place % 2) for place, is_opening in enumerate(opens)):
        return text
    return "\n".join(lines[1:-1]) if len(inner) % 2 == 0 else text
