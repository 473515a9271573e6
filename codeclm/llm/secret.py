"""A key that cannot be printed by accident, and the removal of keys from what others wrote."""

from __future__ import annotations

import re
from typing import TypeVar

__all__ = ["Secret", "bare", "masked", "redact"]

E = TypeVar("E", bound=Exception)

MASK = "***"

# Endpoints echo keys, whole or half masked, in their error messages. What is half masked is looked for
# from the beginning of each word only, and before what may begin within it: a body may be one long word.
LOOKS_SECRET = re.compile(
    r"""
      (?<=bearer\s)[^\s"'\\,;<>]+
    | (?<=key=)[^\s"'\\&<>]+
    | (?<=key:\s)[^\s"'\\,;<>]+
    | (?<![^\s"'\\:=,;<>&])
      [^\s"'\\:=,;<>&*]*+ (?: \*{1,2} [^\s"'\\:=,;<>&*]++ )*+ \*{3} [^\s"'\\,;<>]*
    | (?<![A-Za-z0-9])sk-[A-Za-z0-9_*.-]{4,}
    | (?<![A-Za-z0-9])(?:AIza|gsk_|hf_|tgp_v1_)[A-Za-z0-9_*-]{8,}
    """,
    re.VERBOSE | re.IGNORECASE,
)

SHOWN_CHARACTERS = 2000
SHORTEST_SECRET = 4  # replacing every "x" would garble all messages and protect nothing


class Secret:
    """Text that shows as ``***`` unless it is asked for by ``reveal``."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """The text itself; for the moment of sending only."""
        return self._value

    def __repr__(self) -> str:
        return MASK


def redact(text: str, secret: Secret | None = None) -> str:
    """The first 2,000 characters of ``text``, without ``secret`` or what else looks like a key."""
    if secret is not None and len(secret.reveal()) >= SHORTEST_SECRET:
        text = text.replace(secret.reveal(), MASK)
    return masked(text[:SHOWN_CHARACTERS])


def masked(text: str) -> str:
    """``text`` without what looks like a key, in a time that grows as the text does."""
    return LOOKS_SECRET.sub(MASK, text)


def bare(error: E) -> E:
    """``error`` without causes and frames, whose variables may hold a key."""
    error.__context__ = error.__cause__ = None
    return error.with_traceback(None)
