"""One score in an answer: a number by itself, after a label, or "out of" the best one."""

from __future__ import annotations

import re

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.patterns import lazy

__all__ = ["parse_rating"]

_NUMBER = r"([0-9]+(?:[.,][0-9]+)?)"
_SCALE = r"(?:\s?(?:/|out of|von|sur|de)\s?[0-9]+)?"
_LABELLED = lazy(
    rf"(?:score|rating|note|punkte|punktzahl|评分|分数)\W{{0,6}}(?:(?:is|of|ist)\s)?{_NUMBER}{_SCALE}(?![\w.,]*\d|\s?[-–]\s?\d)",
    re.IGNORECASE,
)
_ALONE = lazy(rf"\W*{_NUMBER}{_SCALE}\W*", re.IGNORECASE)


def parse_rating(text: str, scale: float) -> float:
    """The score in ``text``, from 0 to ``scale``: in its first line by itself, or wherever it has a label.

    Raises ParseError where there is none, where there are several that differ, or where it is beyond the scale.
    """
    with answer_in(text) as answer:
        found = {float(number.replace(",", ".")) for number in _numbers(answer)}
        if len(found) != 1:
            raise ParseError("the answer holds no score" if not found else "the scores differ")
        [score] = found
        if score > scale:
            raise ParseError(f"the score is beyond {scale:g}")
        return score


def _numbers(answer: str) -> list[str]:
    first = next((line for line in answer.splitlines() if line.strip()), "")
    alone = _ALONE.fullmatch(first)
    return [alone[1]] if alone else _LABELLED.findall(answer)
