"""An answer is what a model wrote, less its thoughts; what cannot be read of it is reported with all of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from codeclm.errors import ParseError
from codeclm.llm.thoughts import split_thoughts

__all__ = ["answer_in"]


@contextmanager
def answer_in(text: str) -> Iterator[str]:
    """The answer in ``text``, in which a ParseError gets ``text`` as its ``raw``."""
    try:
        yield split_thoughts(text)[1]
    except ParseError as error:
        raise ParseError(str(error), raw=text) from None
