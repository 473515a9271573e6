"""Thoughts are split off an answer in every form in which servers leave them in it, and mentions of tags stay."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.llm.thoughts import part_thoughts, split_thoughts

GOLDEN = [
    # text, thoughts, answer
    ("8 7", "", "8 7"),
    ("", "", ""),
    ("  kept as it is \n", "", "  kept as it is \n"),
    ("<think>hm</think>8 7", "hm", "8 7"),
    ("<think>\nhm\n</think>\n\n8 7\n", "hm", "8 7"),
    ("<thinking>hm</thinking> 8 7", "hm", "8 7"),
    ("<THINK>hm</Think>8 7", "hm", "8 7"),
    ("<think>hm</thinking>8 7", "hm", "8 7"),
    ("hm, the first is better\n</think>\n\n8 7", "hm, the first is better", "8 7"),
    ('I would say "8 7"</think>8 7', 'I would say "8 7"', "8 7"),
    ("some thoughts </think> answer", "some thoughts", "answer"),
    ("<think>the tokens ran out", "the tokens ran out", ""),
    ("8 7\n<think>too late", "too late", "8 7"),
    ("</think>8 7", "", "8 7"),
    ("<think></think>8 7", "", "8 7"),
    ("<think>a</think>8 <think>b</think>7", "a\n\nb", "8 7"),
    ("<think>a<think>b</think>c</think>8 7", "a<think>b\n\nc", "8 7"),
    ("<think>I saw `</think>` there</think>8 7", "I saw `</think>` there", "8 7"),
    ("<think>1. a\n```\ncode</think>1. b", "1. a\n```\ncode", "1. b"),
    ("1. a\n```\ncode</think>1. b", "1. a\n```\ncode", "1. b"),
    ("Sure. <think>hm</think>8 7", "hm", "Sure. 8 7"),
    ("Explain what `<think>` does.", "", "Explain what `<think>` does."),
    ("Explain the <think> tag.", "", "Explain the <think> tag."),
    ("Compare <think> and </think> tags.", "", "Compare <think> and </think> tags."),
    ("1. Why do models write <think>?\n2. b", "", "1. Why do models write <think>?\n2. b"),
    ("1. Fix:\n```xml\n<think>\n</think>\n```\n2. b", "", "1. Fix:\n```xml\n<think>\n</think>\n```\n2. b"),
    ("<think>x</think>1. Explain <think> and </think>.", "x", "1. Explain <think> and </think>."),
]  # fmt: skip


@pytest.mark.parametrize(("text", "thoughts", "answer"), GOLDEN)
def test_golden(text: str, thoughts: str, answer: str) -> None:
    """Each text of the table splits as a careful reader would split it."""
    assert split_thoughts(text) == (thoughts, answer)


@pytest.mark.parametrize(
    ("text", "is_cut"),
    [
        ("<think>the tokens ran out", True),
        ("<think>a</think>8 7\n<think>b", True),
        ("<think>", True),
        ("<think>a</think>8 7", False),
        ("a</think>8 7", False),
        ("8 7", False),
        ("Explain the <think> tag.", False),
        ("Explain `<think>`.", False),
        ("1. Fix:\n```xml\n<think>\n```\n2. b", False),
    ],
)
def test_thoughts_without_an_end_are_told(text: str, is_cut: bool) -> None:
    """A block that is never closed is an answer cut short; a mention of the tag is none."""
    assert part_thoughts(text).is_cut == is_cut


@given(st.text(), st.text())
def test_thoughts_before_an_answer_leave_it_unchanged(thoughts: str, answer: str) -> None:
    """Whatever a model thinks, tags and fences aside, the answer after it comes out as written, stripped."""
    for tag in ("<think>", "</think>", "<thinking>", "</thinking>", "`", "~~~"):
        thoughts, answer = thoughts.replace(tag, ""), answer.replace(tag, "")
    for text in (f"<think>{thoughts}</think>\n{answer}", f"{thoughts}\n</think>\n{answer}"):
        assert split_thoughts(text)[1] == answer.strip()


@given(st.text(alphabet="<>/think`\n a"))
def test_an_answer_is_never_invented(text: str) -> None:
    """What comes out of a text was in it."""
    thoughts, answer = split_thoughts(text)
    assert len(thoughts) + len(answer) <= len(text) + 2
    rest = iter(text)
    assert all(character in rest for character in answer)
