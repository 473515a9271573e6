"""Quotation marks around a whole text, which are the model's and not part of what it wrote."""

from __future__ import annotations

__all__ = ["unquote"]

_CLOSING = {'"': '"', "'": "'", "“": "”", "„": "“”", "‘": "’", "«": "»", "「": "」", "『": "』"}


def unquote(text: str) -> str:
    """``text`` without the pair of quotes that wraps it, if such quotes occur nowhere else in it.

    ``"Hello" and "bye"`` stays, and so does all that has an apostrophe between single quotes.
    """
    closing = _CLOSING.get(text[:1])
    if not closing or len(text) < 3 or text[-1] not in closing:
        return text
    inside = text[1:-1]
    if any(mark in inside for mark in text[0] + closing):
        return text
    return inside.strip() or text
