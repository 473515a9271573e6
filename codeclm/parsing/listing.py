"""Numbered and bulleted lists as models write them: the items, and nothing of what surrounds them.

The first marker outside code sets the style of the list. A line belongs to the item before it until the next
marker of the list: so do code blocks, whatever their lines begin with, and lists within an item.
"""

from __future__ import annotations

from collections.abc import Sequence

from codeclm.errors import ParseError
from codeclm.parsing.chatter import announces, cut_closing, cut_last_paragraph, is_rule
from codeclm.parsing.fences import fenced, unfence
from codeclm.parsing.labels import cut_label, label
from codeclm.parsing.markers import PLAIN_FORMS, Marker, read_marker, read_markers
from codeclm.parsing.numbering import follow_numbers
from codeclm.parsing.patterns import lazy
from codeclm.parsing.quotes import unquote

__all__ = ["cut_items", "read_list", "without_numbers"]

_LABEL = label(r"(?:new )?instruction(?: ?#?[0-9]{1,3})?|指令 ?[0-9]{0,3}")
_HEADING = lazy(r"(#{1,6})[ \t][^\n]{1,100}|(\*\*|__)[^*_\n]{1,100}\2[:：]?")

_NEXT_IN_LINE = lazy(r"(?:(?!\s1[.)]\s)[^\n])+?\s2[.)]\s")


def read_list(text: str, *, first: int = 1) -> list[str]:
    """The items of the list in ``text``, numbered from ``first`` or bulleted; [] where there is none.

    Text before the list, headings between items and closing remarks are no items. Raises ParseError where a
    careful reader could not tell the items apart.
    """
    lines = unfence(text).split("\n")
    markers = read_markers(lines)
    if not markers:
        return _read_code_block(lines)
    numbered = bool(markers[0].number)
    starts = follow_numbers(markers, lines, first) if numbered else _follow_bullets(markers, lines)
    _refuse_hidden(starts, lines)
    items = cut_items(lines, starts)
    if numbered and len(items) == 1 and _NEXT_IN_LINE.match(items[0]):
        raise ParseError("the items of the list share one line")
    return items if numbered else without_numbers(items)


def cut_items(lines: Sequence[str], starts: Sequence[Marker]) -> list[str]:
    """The texts that begin at ``starts``, without labels, quotes around them and what separates them."""
    ends = [*(marker.place for marker in starts[1:]), len(lines)]
    look = _heading_look("\n".join(lines[: starts[0].place]).rstrip().rpartition("\n")[2])
    items = []
    for marker, end in zip(starts, ends, strict=True):
        text = "\n".join([marker.content, *lines[marker.place + 1 : end]])
        text = cut_closing(text) if end == len(lines) else _cut_heading(text, look)
        text = _dedent(text, marker.offset).strip()
        item = unquote(text if (rest := cut_label(_LABEL, text)) is None else rest)
        if item.strip(".… "):
            items.append(item)
    return items


def without_numbers(items: Sequence[str]) -> list[str]:
    """``items`` without numbers of their own ("- 1. ..."), where these count from 1."""
    unnumbered = []
    for number, item in enumerate(items, 1):
        first, *rest = item.split("\n")
        marker = read_marker(first)
        if not marker or marker.number != number:
            return list(items)
        unnumbered.append("\n".join([marker.content, *rest]).strip())
    return [item for item in unnumbered if item]


def _follow_bullets(markers: Sequence[Marker], lines: Sequence[str]) -> list[Marker]:
    """The bullets of the first one's form and level. Raises ParseError where others could be meant."""
    deepest = markers[0].indent + 1
    level = [marker for marker in markers if marker.indent <= deepest]
    starts = [marker for marker in level if marker.form == markers[0].form]
    if any(m.form in PLAIN_FORMS and m.place > starts[-1].place for m in level):
        raise ParseError("the answer holds bullets and then numbers")
    deeper = any(marker.form == starts[0].form and marker.indent > deepest for marker in markers)
    if len(starts) == 1 and deeper and not announces(lines[starts[0].place]):
        raise ParseError("only one bullet is not indented")
    return starts


def _refuse_hidden(starts: Sequence[Marker], lines: Sequence[str]) -> None:
    """Raise ParseError where a code block that is never closed swallows what looks like the next item."""
    inside = fenced(lines)
    last = starts[-1]
    for place in range(len(lines) - 1, -1, -1):
        if not inside[-1] or not inside[place]:
            return
        hidden = read_marker(lines[place], place)
        if hidden and hidden.style == last.style and hidden.number in {0, last.number + 1}:
            raise ParseError(
                "a code block that is never closed holds what looks like the next item"
            )


def _cut_heading(text: str, look: str) -> str:
    """``text`` without rules at its end, and without headings that look like the one above the list."""
    for _ in range(3):
        head, last = cut_last_paragraph(text)
        is_heading = look and _heading_look(last) == look and not announces(head)
        if not head or not (is_rule(last) or is_heading):
            break
        text = head
    return text


def _heading_look(line: str) -> str:
    """The signs that make ``line`` a heading, "" where it is none."""
    found = _HEADING.fullmatch(line.strip())
    return (found[1] or found[2]) if found else ""


def _dedent(text: str, offset: int) -> str:
    """``text`` with its later lines ``offset`` columns to the left, if that is how far a list indents them."""
    first, *rest = text.split("\n")
    inked = [line for line in rest if line.strip()]
    indents = [len(line) - len(line.lstrip(" ")) for line in inked]
    if not indents or min(indents) != offset:
        return text
    return "\n".join([first, *(line[offset:] for line in rest)])


def _read_code_block(lines: Sequence[str]) -> list[str]:
    """The items of a list in a code block of its own."""
    inside = [place for place, is_inside in enumerate(fenced(lines)[:-1]) if is_inside]
    if not inside:
        return []
    block = "\n".join(lines[inside[0] - 1 : inside[-1] + 1])
    bare = unfence(block)
    return read_list(bare) if bare != block else []
