"""Two scores and the explanation that follows them.

The scores are those of the first line, where it holds them (or of the first lines, where each assistant has one of
its own); what the explanation says later is not looked at. Only where no such line comes first is the whole answer
read as one without an explanation would be. JSON with two numbers and a text is read as well.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass

from codeclm.errors import ParseError
from codeclm.parsing.answers import answer_in
from codeclm.parsing.embedded_json import find_json
from codeclm.parsing.patterns import lazy
from codeclm.parsing.scores import parse_scores

__all__ = ["ExplainedScores", "parse_explained_scores"]

_LABEL = lazy(r"[*_#\s]*(?:explanation|reason(?:ing)?|justification)[*_\s]*:[*_\s]*", re.IGNORECASE)

FIRST_LINES = 3
"""A title and a line for each assistant."""


@dataclass(frozen=True, slots=True)
class ExplainedScores:
    """The scores of the response shown first and of the other one, and why ("" where nothing is said)."""

    first: float
    second: float
    explanation: str


def parse_explained_scores(text: str, *, scale: int = 10) -> ExplainedScores:
    """The scores of assistant 1 and assistant 2, from 1 to ``scale``, and the explanation.

    Raises ParseError as ``parse_scores`` does.
    """
    with answer_in(text) as answer:
        found = _in_json(answer, scale) or _in_first_lines(answer, scale)
        return found or ExplainedScores(*parse_scores(answer, scale=scale), answer.strip())


def _in_first_lines(answer: str, scale: int) -> ExplainedScores | None:
    lines = answer.strip().split("\n")
    ends = [place for place, line in enumerate(lines, 1) if line.strip()][:FIRST_LINES]
    for end in ends:
        try:
            scores = parse_scores("\n".join(lines[:end]), scale=scale)
        except ParseError:
            continue
        after = _without_label("\n".join(lines[end:]).strip())
        # "8 6 because ...": the line itself is the explanation.
        return ExplainedScores(*scores, after or _remark("\n".join(lines[:end])))
    return None


def _without_label(text: str) -> str:
    label = _LABEL.match(text)
    return text[label.end() :] if label else text


def _remark(lines: str) -> str:
    return lines.strip() if sum(map(str.isalpha, lines)) > 40 else ""


def _in_json(answer: str, scale: int) -> ExplainedScores | None:
    found = find_json(answer)
    if found is None or not isinstance(found.value, dict) or found.before:
        return None
    texts = [value for value in found.value.values() if isinstance(value, str) and len(value) > 9]
    rest = {name: value for name, value in found.value.items() if value not in texts}
    scores = parse_scores(json.dumps(rest), scale=scale)
    return ExplainedScores(*scores, "\n".join([*texts, found.after]).strip())
