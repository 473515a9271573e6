"""Two scores from what a judge wrote: every form a careful person could read, and none that needs a guess."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ParseError
from codeclm.stages.judge import parse_scores

GOLDEN: list[tuple[str, tuple[float, float]]] = [
    # two numbers
    ("8 7", (8, 7)),
    ("8.5 9", (8.5, 9)),
    ("10 1", (10, 1)),
    ("8  7", (8, 7)),
    ("8\t7", (8, 7)),
    ("8 7.", (8, 7)),
    ("8.0 7.0\n", (8, 7)),
    ("８ ７", (8, 7)),
    ("8, 7", (8, 7)),
    ("8,7", (8, 7)),
    ("8; 7", (8, 7)),
    ("8 and 7", (8, 7)),
    ("8 vs 7", (8, 7)),
    ("8 vs. 7", (8, 7)),
    ("8:7", (8, 7)),
    ("8-7", (8, 7)),
    ("8 – 7", (8, 7)),
    ("[8, 7]", (8, 7)),
    ("(8, 7)", (8, 7)),
    ('"8 7"', (8, 7)),
    ("- 8 7", (8, 7)),
    ("8\n7", (8, 7)),
    ("8.\n\n7.", (8, 7)),
    ("**8 7**", (8, 7)),
    ("**8** **7**", (8, 7)),
    ("`8 7`", (8, 7)),
    ("```\n8 7\n```", (8, 7)),
    ("### 8 7", (8, 7)),
    ("8,5 9", (8.5, 9)),
    ("8,5, 7,5", (8.5, 7.5)),
    ("8,5; 9", (8.5, 9)),
    # out of the scale
    ("8/10 7/10", (8, 7)),
    ("8/10, 7/10", (8, 7)),
    ("8 / 10 and 7 / 10", (8, 7)),
    ("10/10 9/10", (10, 9)),
    ("9 out of 10 and 7 out of 10", (9, 7)),
    ("8 points, 7 points", (8, 7)),
    ("8分 7分", (8, 7)),
    ("on a scale of 1 to 10 I give 8 6", (8, 6)),
    ("8 6 (on a scale from 1 to 10)", (8, 6)),
    ("Ratings (1-10): 8 7", (8, 7)),
    ("Scores (out of 10): 8, 7", (8, 7)),
    # labels
    ("Score: 8 7", (8, 7)),
    ("**Scores:** 8 7", (8, 7)),
    ("Final answer: 8 7", (8, 7)),
    ("评分：8 7", (8, 7)),
    ("scores for assistants 1 and 2: 8 9", (8, 9)),
    ("Assistant 1, Assistant 2: 8, 9", (8, 9)),
    ("8 9 for assistants 1 and 2", (8, 9)),
    ("| Assistant 1 | Assistant 2 |\n|---|---|\n| 8 | 7 |", (8, 7)),
    ("Score: 8\nScore: 7", (8, 7)),
    # one score beside each name
    ("Assistant 1: 8, Assistant 2: 6", (8, 6)),
    ("Assistant 2: 6, Assistant 1: 8", (8, 6)),
    ("**Assistant 1:** 8\n**Assistant 2:** 6", (8, 6)),
    ("Assistant 1: 8/10\n\nAssistant 2: 6/10", (8, 6)),
    ("Assistant 1: 8,5; Assistant 2: 9", (8.5, 9)),
    ("Assistant 1 (8), Assistant 2 (6)", (8, 6)),
    ("Assistant 1 - 8, Assistant 2 - 6", (8, 6)),
    ("Assistant 1 = 8, Assistant 2 = 6", (8, 6)),
    ("Assistant #1: 8 Assistant #2: 6", (8, 6)),
    ("Assistant 1's score: 8\nAssistant 2's score: 6", (8, 6)),
    ("Score of Assistant 1: 8\nScore of Assistant 2: 6", (8, 6)),
    ("Assistant 1 gets 8 and Assistant 2 gets 6.", (8, 6)),
    ("Assistant 1:\n8\nAssistant 2:\n6", (8, 6)),
    ("Assistant A: 8\nAssistant B: 6", (8, 6)),
    ("Response 1: 8\nResponse 2: 6", (8, 6)),
    ("A: 8, B: 6", (8, 6)),
    ("First: 8 Second: 6", (8, 6)),
    ("1st: 8, 2nd: 6", (8, 6)),
    ("8 for Assistant 1 and 6 for Assistant 2", (8, 6)),
    ("I give 8 to the first and 6 to the second.", (8, 6)),
    ("I'd give the first one an 8 and the second a 6", (8, 6)),
    ("助手1：8，助手2：6", (8, 6)),
    ('{"assistant_1": 8, "assistant_2": 6}', (8, 6)),
    ('```json\n{\n  "assistant_1": 8,\n  "assistant_2": 6.5\n}\n```', (8, 6.5)),
    ('{"scores": [8, 6]}', (8, 6)),
    ('{"assistant_1": {"score": 8, "reason": "x"}, "assistant_2": {"score": 6}}', (8, 6)),
    # explanations
    ("8 7\n\nThe first has 3 errors, the second 5 of 9.", (8, 7)),
    ("8 7\n\nAssistant 1: 3 errors. Assistant 2: 5 errors.", (8, 7)),
    ("Of 4 facts, 3 are right.\n8 7\nThe other 1 is not.", (8, 7)),
    ("8 7. The first is better.", (8, 7)),
    ("8 7 - Assistant 1 is more helpful", (8, 7)),
    ("8 7 because the first is better", (8, 7)),
    ("8 7\nBoth are good.\n\nFinal scores: 8 7", (8, 7)),
    ("My scores are 8 and 6.", (8, 6)),
    ("I would rate them 8 and 6, as the first is better.", (8, 6)),
    ("<think>9 9</think>8 7", (8, 7)),
    ("9 9?\n</think>\n8 7", (8, 7)),
]  # fmt: skip

UNREADABLE = [
    "",
    "8",
    "8/10",
    "8 7 6",
    "8 7\n6",
    "eight seven",
    "8 seven",
    "11 7",
    "0 5",
    "-8 7",
    "8 -7",
    "8e0 7",
    "nan inf",
    "8..5 7",
    "8/7",
    "4/5 3/5",
    "1: 8",
    "1. 8",
    "1. 8\n2. 7",
    "8 7\n\n9 6",
    "8 7\nScores: 7 8",
    "8 7\nAssistant 1: 9",
    "Assistant 1: 8",
    "Assistant 1: 8\nAssistant 1: 7",
    "Assistant 1: 8 or 9, Assistant 2: 7",
    "Assistant 1: 8-9, Assistant 2: 7",
    "Assistant 1: 11, Assistant 2: 7",
    "Assistants 2 and 1: 6 8",
    "Score: 7-8",
    "The score is between 7 and 9.",
    "on a scale of 1 to 5 I give 4 3",
    "The answer lists two primes: 3, 5",
    "Both deserve an 8.",
    "I'm sorry, but I can't help with that request.",
    "<think>8 7",
]  # fmt: skip


@pytest.mark.parametrize(("text", "scores"), GOLDEN)
def test_golden(text: str, scores: tuple[float, float]) -> None:
    """Each text of the table gives its two scores, in the order of the assistants."""
    assert parse_scores(text) == scores


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    """No scores, one, three, two different pairs, or scores out of range are an error that carries the text."""
    with pytest.raises(ParseError) as caught:
        parse_scores(text)
    assert caught.value.raw == text


@pytest.mark.parametrize(
    ("text", "scale", "scores"),
    [
        ("4/5 3/5", 5, (4, 3)),
        ("4 3", 5, (4, 3)),
        ("on a scale of 1 to 5, 4 3", 5, (4, 3)),
        ("80/100 75/100", 100, (80, 75)),
        ("100 1", 100, (100, 1)),
    ],
)
def test_other_scales(text: str, scale: int, scores: tuple[float, float]) -> None:
    """Scores are read on the scale that was asked for."""
    assert parse_scores(text, scale=scale) == scores


def test_scores_above_another_scale_are_refused() -> None:
    """What fits a scale of 10 does not fit a scale of 5."""
    with pytest.raises(ParseError):
        parse_scores("8 7", scale=5)


FORMATS = [
    "{a} {b}",
    "{a}, {b}",
    "**{a}** **{b}**",
    "[{a}, {b}]",
    "{a}\n{b}",
    "{a}/{scale} {b}/{scale}",
    "Scores: {a} {b}",
    "{a} {b}\n\nThe first names 2 of 3 causes.",
    "Assistant 1: {a}\nAssistant 2: {b}",
    "Assistant 2: {b}\nAssistant 1: {a}",
    "Response A: {a}/{scale}, Response B: {b}/{scale}",
    '{{"assistant_1": {a}, "assistant_2": {b}}}',
    "I'd give the first one a {a} and the second a {b}.",
    "On a scale of 1 to {scale} I give {a} {b}.",
    "Of 4 facts 3 are right.\nFinal scores: {a} and {b}",
]


@given(st.sampled_from(FORMATS), st.sampled_from([5, 10, 100]), st.data())
def test_pairs_come_back(form: str, scale: int, data: st.DataObject) -> None:
    """Any two scores on any scale come back from every format."""
    score = st.decimals(1, scale, places=1) | st.integers(1, scale).map(Decimal)
    a, b = data.draw(score), data.draw(score)
    assert parse_scores(form.format(a=a, b=b, scale=scale), scale=scale) == (float(a), float(b))


@given(st.text(alphabet="0123456789 .,/-\n:AB12and"))
def test_scores_are_in_range_or_refused(text: str) -> None:
    """Whatever numbers a text holds, what comes out lies on the scale."""
    try:
        scores = parse_scores(text)
    except ParseError:
        return
    assert all(1 <= score <= 10 for score in scores)
