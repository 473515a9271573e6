"""Scores on the first line, explanation after."""

from __future__ import annotations

import pytest

from codeclm.errors import ParseError
from codeclm.parsing.explained_scores import ExplainedScores, parse_explained_scores

WHY = "Assistant 1 gives 3 examples, Assistant 2 gives 1. On balance 5 against 4 points matter."


@pytest.mark.parametrize(
    ("text", "first", "second", "explanation"),
    [
        (f"8 6\n{WHY}", 8, 6, WHY),
        (f"8.5 6\n\n{WHY}\n", 8.5, 6, WHY),
        (f"**8 6**\n\n{WHY}", 8, 6, WHY),
        (f"8/10 6/10\n{WHY}", 8, 6, WHY),
        (f"Scores: 8 6\n{WHY}", 8, 6, WHY),
        (f"Assistant 1: 8\nAssistant 2: 6\n\n{WHY}", 8, 6, WHY),
        (f"Scores:\nAssistant 1: 8\nAssistant 2: 6\n{WHY}", 8, 6, WHY),
        ("\n\n7 9\nThe second is better.", 7, 9, "The second is better."),
        ("<think>First 9 9, then lower.</think>7 8\nFine.", 7, 8, "Fine."),
        (f"8 6\n**Explanation:** {WHY}", 8, 6, WHY),
        ("8 6", 8, 6, ""),
        ('{"assistant_1": 7, "assistant_2": 9.5, "explanation": "Assistant 2 lists 4 steps."}', 7, 9.5,
         "Assistant 2 lists 4 steps."),
        ('```json\n{"assistant_1": 7, "assistant_2": 9, "explanation": "It is shorter."}\n```', 7, 9,
         "It is shorter."),
    ],
)  # fmt: skip
def test_scores_and_explanation(text: str, first: float, second: float, explanation: str) -> None:
    """What the explanation counts is no score."""
    assert parse_explained_scores(text) == ExplainedScores(first, second, explanation)


def test_an_explanation_on_the_line_of_the_scores_is_kept() -> None:
    """Nothing that the judge says is lost."""
    text = "8 6 because the first response is far more specific than the second one."
    assert parse_explained_scores(text) == ExplainedScores(8, 6, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Both are good in their way.",
        "12 3\nThe first is better.",
        "8\nOnly one.",
        "I cannot rate this.",
    ],
)
def test_what_gives_no_scores_is_no_answer(text: str) -> None:
    """Asked for again rather than guessed; the raw text is kept."""
    with pytest.raises(ParseError) as caught:
        parse_explained_scores(text)
    assert caught.value.raw == text


def test_another_scale_has_other_limits() -> None:
    """On a scale of 100, 85 is a score."""
    assert parse_explained_scores("85 62\nWell.", scale=100) == ExplainedScores(85, 62, "Well.")
