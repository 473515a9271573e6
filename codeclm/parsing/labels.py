"""A label: a word or two and a colon before what they name, decorated as models do it.

``Use case: x``, ``**Use case:** x``, ``**Use case**: x``, ``### Use case`` with x on the next line, and
``**Use case: x**``, where the bold that the label opened stays with x.
"""

from __future__ import annotations

import re

from codeclm.parsing.patterns import lazy

__all__ = ["cut_label", "label"]

_LINE_ENDS = r"(?=[ \t\r]*+(?:\n|\Z))"


def label(words: str, *, delimiter: str = "[:：]") -> re.Pattern[str]:
    """Matches a label of ``words`` (a regular expression) at the start of a text.

    As a heading, or in bold on a line of its own, it needs no ``delimiter``.
    """
    return lazy(
        rf"""
        [ \t>]*+ (?P<heading>\#{{1,6}}[ \t]++)? (?:(?P<bold>\*{{1,3}}|_{{1,3}})[ \t]*+)?
        (?-x:{words})
        [ \t]*+ (?:
            (?P<before>(?P=bold)) [ \t]*+ (?:{delimiter}|{_LINE_ENDS})
          | {delimiter} (?P<after>(?P=bold))?
          | (?(heading){_LINE_ENDS}|(?!))
        )
        """,
        re.VERBOSE | re.IGNORECASE,
    )


def cut_label(pattern: re.Pattern[str], text: str) -> str | None:
    """What follows the label that ``text`` opens with, stripped, or None where it opens otherwise."""
    found = pattern.match(text)
    if not found:
        return None
    closed = not found["bold"] or found["before"] or found["after"]
    return ("" if closed else found["bold"]) + text[found.end() :].strip()
