"""The words of a text, as the simulated models see them."""

from __future__ import annotations

__all__ = ["words"]

# Hyphens and apostrophes stay inside a word ("step-by-step", "don't").
_SPACES = {
    ord(mark): " " for mark in '.,;:!?()[]{}<>"/\\|*_#=+`~$%&@^\u2018\u201c\u201d\u2026\u2014'
}


def words(text: str) -> set[str]:
    """The distinct lower-case words of ``text``."""
    return set(text.lower().translate(_SPACES).split())
