"""Yes or no, with whatever a model adds to the one word."""

from __future__ import annotations

import pytest

from codeclm.errors import ParseError
from codeclm.stages.augment import parse_yes_no

GOLDEN = [
    ("yes", True),
    ("No", False),
    ("Yes.", True),
    ("**No.**", False),
    ('"yes"', True),
    ("- No", False),
    ("YES!", True),
    ("Yes, a person could well ask for this; there is nothing odd in it.", True),
    ("No, this pair is odd. Yesterday's news needs no algebra at all.", False),
    ("Yes - it is reasonable", True),
    ("Yes because they fit.", True),
    ("No\n\nThe skills do not fit the use case.", False),
    ("Answer: yes", True),
    ("**Answer:** No.", False),
    ("The answer is no.", False),
    ("The skills fit the use case.\n\nYes", True),
    ("Reasonable: yes", True),
    ('{"answer": "no"}', False),
    ('```json\n{\n  "answer": "yes"\n}\n```', True),
    ("<think>no?</think>yes", True),
]

UNREADABLE = [
    "",
    "maybe",
    "yes/no",
    "Yes and no.",
    "Yes.\n\nOn second thought: no",
    "No one would ask for this.",
    "Yesterday",
    "casino",
    "I'm sorry, but I can't help with that request.",
    "<think>yes",
]


@pytest.mark.parametrize(("text", "said"), GOLDEN)
def test_golden(text: str, said: bool) -> None:
    """Each text of the table says what a careful reader would take it to say."""
    assert parse_yes_no(text) is said


@pytest.mark.parametrize("text", UNREADABLE)
def test_unreadable(text: str) -> None:
    """Neither word, or both, is an error that carries the text."""
    with pytest.raises(ParseError) as caught:
        parse_yes_no(text)
    assert caught.value.raw == text
