"""Rubrics and the actions that belong to them, as models write the two lists.

Tried in this order: JSON; a label on every one ("Rubric 1: ... Action 1: ...", "1. Rubric: ... Action: ..."); two
lists under headings that name them; two numbered lists, the second of which begins with 1 again. A labelled
rubric or action ends with its paragraph. One list without labels is not divided: where would be a guess.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from codeclm.errors import ParseError
from codeclm.parsing.chatter import announces, is_rule
from codeclm.parsing.embedded_json import find_json
from codeclm.parsing.labels import cut_label, label
from codeclm.parsing.listing import cut_items, read_list
from codeclm.parsing.markers import each_marker, read_marker, read_markers
from codeclm.parsing.patterns import lazy
from codeclm.parsing.quotes import unquote

__all__ = ["read_rubrics_and_actions"]

Lists = tuple[list[str], list[str]]
Parts = list[tuple[str, str]]
"""Kind ("rubric" or "action") and text of each part of an answer."""

_DEEPEST_JSON = 6
_MOST_HEADING_WORDS = 12
_KINDS = ("rubric", "action")
_LABELS = {
    kind: label(rf"{kind}(?: ?#?[0-9]{{1,3}})?", delimiter=r"(?:[:：.)]|[-–—](?=[ \t])|(?=\())")
    for kind in _KINDS
}
_ACTION_IN_LINE = lazy(r"[ \t(*]Action(?: ?[0-9]{1,3})?(?:\*\*)?[:：](?:\*\*)?")
_HEADING = lazy(r"#.*|(\*\*|__).*\1[:：]?")
_BOTH = lazy(r"rubrics?\W+(?:and|&|/|with)\W+(?:\w+\W+){0,2}actions?", re.IGNORECASE)


def read_rubrics_and_actions(answer: str) -> Lists:
    """The rubrics and the actions that ``answer`` holds; both empty where it holds no two lists of these.

    Raises ParseError where the items of a list cannot be told apart.
    """
    for read in (_from_json, _from_labels, _from_headings):
        parts = read(answer)
        rubrics = [text for kind, text in parts if kind == "rubric"]
        actions = [text for kind, text in parts if kind == "action"]
        if rubrics and actions:
            return rubrics, actions
    return _from_two_lists(answer)


def _from_json(answer: str) -> Parts:
    found = find_json(answer)
    return list(_walk(found.value)) if found else []


def _walk(value: object, kind: str = "", depth: int = 0) -> Iterator[tuple[str, str]]:
    """The strings below names that speak of rubrics or actions."""
    if depth > _DEEPEST_JSON:
        raise ParseError("the JSON is too deep")
    if isinstance(value, str) and kind and value.strip():
        yield kind, value.strip()
    elif isinstance(value, list):
        for element in value:
            yield from _walk(element, kind, depth + 1)
    elif isinstance(value, dict):
        if kind and len(value) > 1 and not all(name[-1:].isdigit() for name in value):
            raise ParseError(f"one {kind} has several parts")
        for name, part in value.items():
            named = next((known for known in _KINDS if known in name.casefold()), kind)
            yield from _walk(part, named, depth + 1)


def _from_labels(answer: str) -> Parts:
    parts: list[tuple[str, list[str]]] = []
    is_open = False
    for line in answer.split("\n"):
        ink = line.strip()
        if found := _label_of(line):
            kind, rest = found
            parts.append((kind, [rest] if rest.strip() else []))
            is_open = True
        elif is_open and ink:
            is_open = not (
                read_marker(line) or ink.startswith("#") or is_rule(line) or _heading(line)
            )
            if is_open:
                parts[-1][1].append(ink)
        elif not ink and parts and parts[-1][1]:
            is_open = False
    texts = [(kind, "\n".join(lines).strip()) for kind, lines in parts]
    divided = [part for kind, text in texts for part in _divided(kind, text)]
    return [(kind, unquote(text)) for kind, text in divided if text]


def _label_of(line: str) -> tuple[str, str] | None:
    """The kind of the label that ``line`` begins with, after a marker or not, and what follows it."""
    if not _names_a_kind(line):
        return None
    marker = read_marker(line)
    if marker and marker.form in _KINDS:
        return marker.form, marker.content
    for kind, form in _LABELS.items():
        if (rest := cut_label(form, marker.content if marker else line)) is not None:
            return kind, rest
    return None


def _names_a_kind(line: str) -> bool:
    """Whether ``line`` can be a label or a heading at all: most lines are told apart here, cheaply."""
    folded = line.casefold()
    return "rubric" in folded or "action" in folded


def _divided(kind: str, text: str) -> Parts:
    """A rubric whose action stands in the same line as two parts."""
    actions = list(_ACTION_IN_LINE.finditer(text)) if kind == "rubric" else []
    if len(actions) != 1:
        return [(kind, text)]
    rubric, action = text[: actions[0].start()], text[actions[0].end() :]
    return [(kind, rubric.rstrip(" \t\n-–—→|/;*(")), ("action", action.strip(" \t)"))]


def _from_headings(answer: str) -> Parts:
    lines = answer.split("\n")
    headings = [(place, kind) for place, line in enumerate(lines) if (kind := _heading(line))]
    if not headings:
        return []
    if {kind for _, kind in headings} == {"action"}:
        headings.insert(0, (-1, "rubric"))
    ends = [*(place for place, _ in headings[1:]), len(lines)]
    parts: Parts = []
    for (place, kind), end in zip(headings, ends, strict=True):
        section = lines[place + 1 : end]
        marker = next(each_marker(section), None) if parts else None
        goes_on = marker is not None and marker.number == len(parts) + 1
        items = read_list("\n".join(section), first=len(parts) + 1 if goes_on else 1)
        if items and any(kind == known for known, _ in parts):
            raise ParseError(f"the answer holds several lists of {kind}s")
        parts += [(kind, item) for item in items]
    return parts


def _heading(line: str) -> str:
    """The kind of list that ``line`` is the heading of, or ""."""
    if not _names_a_kind(line):
        return ""
    marker = read_marker(line)
    text = (marker.content if marker else line).strip(" \t\r#*_>")
    words = re.findall(r"\w+", text.casefold())
    kinds = [kind for word in words for kind in _KINDS if word in {kind, f"{kind}s"}]
    is_heading = bool(_HEADING.fullmatch(line.strip())) or announces(text)
    if not kinds or len(words) > (1 if marker else _MOST_HEADING_WORDS) or _BOTH.search(text):
        return ""
    return kinds[0] if is_heading or len(words) == 1 else ""


def _from_two_lists(answer: str) -> Lists:
    lines = answer.split("\n")
    markers = [marker for marker in read_markers(lines) if marker.number]
    level = [
        m for m in markers if m.style == markers[0].style and m.indent <= markers[0].indent + 1
    ]
    restarts = [place for place, marker in enumerate(level) if marker.number == 1]
    runs = (level[: restarts[-1]], level[restarts[-1] :]) if len(restarts) == 2 else ((), ())
    if any(m.number != number for run in runs for number, m in enumerate(run, 1)) or not runs[0]:
        return [], []
    rubrics = cut_items(lines[: runs[1][0].place], runs[0])
    return [*rubrics[:-1], _without_heading(rubrics[-1])] if rubrics else [], cut_items(
        lines, runs[1]
    )


def _without_heading(item: str) -> str:
    """The first paragraph of ``item``, without a line that announces the next list."""
    first, *rest = re.split(r"\n[ \t\r]*\n", item, maxsplit=1)[0].split("\n")
    if rest and announces(rest[-1]):
        rest.pop()
    return "\n".join([first, *rest])
