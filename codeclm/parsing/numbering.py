"""Which of the numbers at the start of lines are those of one list: 1, 2, 3 ..., lists within its items aside.

Indented markers, and lists in another style, belong to items. Where an inner list has the style and column of the outer
one, all ways to read the numbers are followed at once; ``1 2 1 2 3 3`` has one reading, with ``1 2 3`` inside
item 2, and ``1 2 1 2 3`` has two. A colon before each inner list, then blank lines between the items and none
between the steps, decide between several; otherwise there is no telling.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from codeclm.errors import ParseError
from codeclm.parsing.chatter import announces
from codeclm.parsing.markers import PLAIN_FORMS, Marker
from codeclm.parsing.patterns import lazy

__all__ = ["follow_numbers"]

_MOST_MARKERS = 500
_MOST_READINGS = 16
_ANSWER_HEADING = lazy(
    r"\W*(?:the |new |final )*(?:instructions|prompts|rubrics|actions)\W*", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class _Reading:
    """One way to read the markers so far. ``openings`` and ``steps`` are of inner lists in the list's own style.

    ``counts`` holds the last number of each style within the current item. ``stray`` says that a number too high
    for the list came by; it is content if the list still goes on as expected.
    """

    first: int
    items: tuple[Marker, ...] = ()
    openings: tuple[Marker, ...] = ()
    steps: tuple[Marker, ...] = ()
    counts: Mapping[str, int] = field(default_factory=dict)
    stray: bool = False

    def extended(self, marker: Marker) -> Iterator[_Reading]:
        """Every way to go on with ``marker``; none where it contradicts the list."""
        outer = self.items[0] if self.items else marker
        own = marker.style == outer.style
        count = self.counts.get(marker.style)
        expected = self.first + len(self.items)
        is_next = marker.number == expected
        counts = {**self.counts, marker.style: marker.number}
        if is_next and (own or (count is None and marker.form == outer.form)):
            yield replace(self, items=(*self.items, marker), counts={}, stray=False)
        if count is not None and marker.number == count + 1:
            yield replace(self, steps=(*self.steps, marker) if own else self.steps, counts=counts)
        elif marker.number == 1 and self.items:
            openings = (*self.openings, marker) if own else self.openings
            yield replace(self, openings=openings, counts=counts)
        elif own and marker.number > expected:
            yield replace(self, stray=True)
        elif not own and not (is_next and marker.form in PLAIN_FORMS | {outer.form}):
            yield self


def follow_numbers(markers: Sequence[Marker], lines: Sequence[str], first: int = 1) -> list[Marker]:
    """The markers of the items of the list that ``markers[0]`` begins and that counts from ``first``.

    Raises ParseError where they cannot be told.
    """
    level = _same_level(markers, first)
    style = level[0].style
    if level[0].number != first:
        raise ParseError(f"the list begins with {level[0].number} instead of {first}")
    if _counts_up(level, first):
        return level
    if len(level) > _MOST_MARKERS:
        raise ParseError("too many numbers for one list")
    if all(marker.number == 1 and marker.style == style for marker in level):
        if any(_is_announced(marker, lines) for marker in level[1:]):
            raise ParseError("every number is 1, of items or of steps")
        return level
    return _read(level, lines, first)


def _same_level(markers: Sequence[Marker], first: int) -> list[Marker]:
    """The numbers no deeper than the first one.

    Where that is the first alone, the others may only seem deeper: a stripped answer loses its first indentation.
    """
    numbered = [marker for marker in markers if marker.number]
    level = [marker for marker in numbered if marker.indent <= numbered[0].indent + 1]
    if len(level) == 1:
        indent = min((marker.indent for marker in numbered[1:]), default=0)
        stripped = [
            numbered[0],
            *(marker for marker in numbered[1:] if marker.indent <= indent + 1),
        ]
        return stripped if _counts_up(stripped, first) else level
    return level


def _counts_up(level: Sequence[Marker], first: int) -> bool:
    style = level[0].style
    return all(
        marker.number == number and marker.style == style
        for number, marker in enumerate(level, first)
    )


def _read(level: Sequence[Marker], lines: Sequence[str], first: int) -> list[Marker]:
    readings = [_Reading(first)]
    for marker in level:
        readings = [longer for reading in readings for longer in reading.extended(marker)]
        if not readings or len(readings) > _MOST_READINGS:
            raise ParseError("the numbers of the list do not follow each other")
    readings = [reading for reading in readings if not reading.stray]
    if len(readings) > 1:
        readings = [r for r in readings if all(_is_announced(o, lines) for o in r.openings)]
    if len(readings) > 1:
        readings = [r for r in readings if _is_spaced(r, lines)]
    if len(readings) != 1:
        raise ParseError("the numbers of the list can be read in more than one way, or in none")
    [reading] = readings
    last = reading.items[-1]
    if any(o.place > last.place and not _is_announced(o, lines) for o in reading.openings):
        raise ParseError("the numbers start again, for steps of the last item or for another list")
    return list(reading.items)


def _is_announced(opening: Marker, lines: Sequence[str]) -> bool:
    """Whether the line before an inner list ends with a colon, and is no heading of the whole answer."""
    places = range(opening.place - 1, -1, -1)
    before = next((lines[place] for place in places if lines[place].strip()), "")
    return announces(before) and not _ANSWER_HEADING.fullmatch(before)


def _is_spaced(reading: _Reading, lines: Sequence[str]) -> bool:
    """Whether blank lines stand before all items and before none of the steps."""
    return all(not lines[item.place - 1].strip() for item in reading.items[1:]) and all(
        lines[step.place - 1].strip() for step in reading.steps
    )
