"""Splits the thoughts of a reasoning model from its answer.

Servers leave them in the text in several ways: ``<think>...</think>`` before the answer; only the closing tag, where
the chat template had already opened the block; no closing tag, where the tokens ran out while thinking.

A text may also just speak of such tags; these stay where they are: any tag between quotes or backticks, or in a code
block of the answer, and an opening tag in the middle of a sentence (after a letter or comma and a space) together
with the closing tag on the same line.
"""

from __future__ import annotations

import re
from typing import NamedTuple

__all__ = ["Parted", "part_thoughts", "split_thoughts"]

_CLOSING = r"</think(?:ing)?>"
_OPENING = r"<think(?:ing)?>"
_MARK = re.compile(
    rf"""
      (?P<fence>^[ \t]*(?:`{{3,}}|~{{3,}}))
    | (?P<quoted>(?<=[`"'“‘«])(?:{_OPENING}|{_CLOSING})(?=[`"'”’»]))
    | (?P<mention>(?:(?<=[^\W\d_][ ])|(?<=,[ ])){_OPENING}(?:[^\n<]*{_CLOSING})?)
    | (?P<opening>{_OPENING})
    | (?P<closing>{_CLOSING})
    """,
    re.VERBOSE | re.MULTILINE | re.IGNORECASE,
)


class Parted(NamedTuple):
    """Thoughts and answer; ``is_cut`` where the thoughts have no end: the tokens ran out while thinking."""

    thoughts: str
    answer: str
    is_cut: bool


def split_thoughts(text: str) -> tuple[str, str]:
    """Thoughts and answer, as ``part_thoughts`` tells them apart."""
    return part_thoughts(text)[:2]


def part_thoughts(text: str) -> Parted:
    """Tells thoughts and answer apart. Without thoughts the answer is ``text`` itself, else it is stripped.

    Several blocks of thoughts are joined by a blank line. All after an opening tag that is never closed, and all
    before a closing tag that was never opened, is thought.
    """
    if ">" not in text:  # most texts have none, and to lower one is half of this
        return Parted("", text, False)
    lower = text.lower()
    if "think>" not in lower and "thinking>" not in lower:
        return Parted("", text, False)
    thoughts: list[str] = []
    answer: list[str] = []
    end, is_cut = 0, False
    while tag := _next_tag(text, end):
        answer.append(text[end : tag.start()])
        if tag["opening"]:
            closing = _next_closing(text, tag.end())
            thoughts.append(text[tag.end() : closing.start() if closing else None])
            end, is_cut = (closing.end(), False) if closing else (len(text), True)
        else:
            thoughts.append("".join(answer))
            answer, end = [], tag.end()
    if not thoughts:
        return Parted("", text, False)
    answer.append(text[end:])
    joined = "\n\n".join(thought.strip() for thought in thoughts)
    return Parted(joined, "".join(answer).strip(), is_cut)


def _next_tag(text: str, start: int) -> re.Match[str] | None:
    """The next tag of the answer that is no mention; in a code block only if that is never closed."""
    fenced, inside = False, None
    for mark in _MARK.finditer(text, start):
        if mark["fence"]:
            fenced, inside = not fenced, None
        elif mark["opening"] or mark["closing"]:
            if not fenced:
                return mark
            inside = inside or mark
    return inside


def _next_closing(text: str, start: int) -> re.Match[str] | None:
    return next((mark for mark in _MARK.finditer(text, start) if mark["closing"]), None)
