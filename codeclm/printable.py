"""What others wrote, made safe for a terminal: it may say anything, and do nothing."""

from __future__ import annotations

import re
from unicodedata import category

__all__ = ["printable"]

# Controls, invisible marks that turn the direction of text, halves of characters, line separators.
UNSAFE = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
JOINERS = frozenset("\u200c\u200d")  # scripts and emoji need them, and no terminal obeys them
PLAIN = re.compile(r"[\x20-\x7e]*")


def printable(text: str) -> str:
    """``text`` on one line; what a terminal might obey, or could not show, stands there as its escape (``\\x1b``)."""
    if PLAIN.fullmatch(text):
        return text
    return "".join(letter if _is_safe(letter) else _escaped(letter) for letter in text)


def _is_safe(letter: str) -> bool:
    return letter in JOINERS or category(letter) not in UNSAFE


def _escaped(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
