"""What marks a list item at the start of a line: a number or a bullet, in the styles that models use.

``1.`` ``1)`` ``(1)`` ``1:`` ``1、`` ``１．`` ``一、`` ``①`` ``1️⃣`` ``1 -`` ``### 1.`` ``**1.**`` ``Instruction 1:``
and ``-`` ``*`` ``•`` are markers; a decimal ("1.5 litres"), a time ("1:30"), a year ("1984. A novel"), a bare number
("3 apples") and a rule ("* * *") are not. Whether a marker belongs to a list is not decided here.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from codeclm.parsing.fences import fenced
from codeclm.parsing.patterns import lazy

__all__ = ["PLAIN_FORMS", "Marker", "each_marker", "read_marker", "read_markers"]

PLAIN_FORMS = frozenset({"dot", "parenthesis", "enclosed", "comma", "symbol"})
"""Forms that are hardly ever anything but a list's; "1: " and "1 - " may be."""

_WORDS = (
    "instruction|prompt|task|item|question|query|request|example|exercise|rubric|action"
    "|anweisung|aufgabe|instrucción|tarea|consigne|tâche|istruzione|instrução|инструкция|задание"
    "|指令|指示|任务|任務|问题|問題|题目|タスク|지시|질문"
)
_NUMBER = r"[0-9０-９]{1,3}|[一二三四五六七八九十]{1,3}"
_MARKER = lazy(
    rf"""
    (?P<indent>[ \t]*+) (?!(?:[-*][ \t]*+){{3,}}+\r?\Z)
    (?: (?P<bullet>[-*+–](?=[ \t\r]|\Z)|[•●▪◦‣■○∙・·])
      | (?P<heading>\#{{1,6}}[ \t]++)? (?P<bold>\*\*|__)?
        (?: [(（\[] [ ]? (?P<inside>{_NUMBER}) [ ]? (?P<enclosed>[)）\]])
          | (?P<symbol>[①-⒛❶-❿]|[0-9]\ufe0f?\u20e3) [.、:：]?
          | (?P<plain>{_NUMBER}) (?P<early>\*\*|__)? \\?
            (?: (?P<parenthesis>[.．]?[)）]) | (?P<dot>[.．])(?![0-9０-９.．]) | (?P<comma>、)
              | (?P<colon>[:：])(?![0-9０-９]) | (?P<dash>[ ][-–—](?=[ ])) )
          | (?P<word>(?i:{_WORDS})) [ \t]*+ [#№]? (?P<counted>[0-9０-９]{{1,3}}) (?P<soon>\*\*|__)?
            (?: [ ]?[:：.)）](?![0-9０-９]) | [ ][-–—](?=[ ]) | (?=(?:\*\*|__)?[ \t\r]*+\Z) ) ) )
    """,
    re.VERBOSE,
)
_CHINESE = {digit: value for value, digit in enumerate("一二三四五六七八九十", 1)}


_GROUPS = (
    *("indent", "bullet", "heading", "bold", "inside", "symbol"),
    *("plain", "early", "word", "counted", "soon"),
)


class Marker(NamedTuple):
    """A marker on line ``place``.

    ``number`` is 0 for a bullet. ``form`` tells ``1.`` from ``1)``; ``style`` also tells bold, heading and whether
    a space follows. ``content`` is the rest of the line, which begins in column ``offset``.
    """

    place: int
    indent: int
    number: int
    form: str
    style: str
    content: str
    offset: int


def read_markers(lines: Sequence[str]) -> list[Marker]:
    """The markers of all lines outside code blocks."""
    return [*each_marker(lines)]


def each_marker(lines: Sequence[str]) -> Iterator[Marker]:
    """The same, one by one."""
    inside = fenced(lines)
    for place, line in enumerate(lines):
        if not inside[place] and (marker := read_marker(line, place)):
            yield marker


def read_marker(line: str, place: int = 0) -> Marker | None:
    """The marker that ``line`` begins with, if any."""
    found = _MARKER.match(line)
    if not found:
        return None
    indent, bullet, heading, bold, inside, symbol, plain, early, word, counted, soon = found.group(
        *_GROUPS
    )
    rest, bold = line[found.end() :], bold or ""
    closed = not bold or early or soon
    if not closed and rest.startswith(bold):
        rest, closed = rest[2:], True
    content = rest.lstrip()
    digits = inside or symbol or plain or counted or ""
    form = bullet or (word or found.lastgroup or "").casefold()
    if digits[:1] in _CHINESE:
        form += " Chinese"
    decoration = bold + (heading or "").strip()
    glued = "" if rest[:1].isspace() or not content else " glued"
    return Marker(
        place=place,
        indent=len(indent.expandtabs(4)),
        number=_value(digits) if digits else 0,
        form=form,
        style=f"{decoration} {form}{glued}",
        content=content if closed else bold + content,
        offset=len(line) - len(content) if content else len(line.rstrip()) + 1,
    )


def _value(digits: str) -> int:
    if digits[0] in _CHINESE:
        tens, ten, ones = digits.rpartition("十")
        return (_CHINESE.get(tens, 1) if ten else 0) * 10 + _CHINESE.get(ones, 0)
    if digits[0].isdecimal():
        return int(digits.rstrip("\ufe0f\u20e3"))
    return int(unicodedata.numeric(digits))
