"""The words of a text as texts are compared by: how they are written, set and stopped makes no difference."""

from __future__ import annotations

from unicodedata import normalize

from codeclm.parsing.patterns import lazy

__all__ = ["signs_in", "words_in"]

# Scripts that put no space between words: each character stands for itself.
_UNSPACED = (
    "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
)
_WORD = rf"[{_UNSPACED}]|[^\W{_UNSPACED}]+"
_WORDS = lazy(_WORD)
# Between "3 + 4" and "3 - 4" a sign is all the difference; a full stop is none.
_SIGNS = lazy(rf"{_WORD}|[^\w\s.,;:?\"'`\u00b4\u2018-\u201f\u00ab\u00bb\u3001\u3002]")


def words_in(text: str) -> list[str]:
    """The words alone, without any sign."""
    return _WORDS.findall(_plain(text))


def signs_in(text: str) -> list[str]:
    """Words, and signs that may carry meaning (``+``, ``(``, ``!``): not the marks that end and quote sentences."""
    return _SIGNS.findall(_plain(text))


def _plain(text: str) -> str:
    return normalize("NFKC", text).casefold()
