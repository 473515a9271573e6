"""Improve: the actions of an entry are asked for when it first needs them, and those used last are at hand."""

from __future__ import annotations

import pytest

from codeclm.llm.chat import ChatRequest
from codeclm.llm.scripted import ScriptedModel
from codeclm.records import Again, Draft, Entry, Metadata
from codeclm.stages.improve import Improve, parse_instruction
from codeclm.stages.prompt import Question, Sampling
from codeclm.stages.rubrics import parse_rubrics
from codeclm.stages.templates import load_templates

pytestmark = pytest.mark.anyio

RUBRICS = "Rubrics:\n1. depth\nActions:\n1. Ask for a reason."


def answer(request: ChatRequest) -> str:
    return RUBRICS if "Number of rubrics" in str(request) else "Explain the sky, with a reason."


@pytest.mark.parametrize(
    ("at_hand", "entries", "asked"),
    [(2, "aaa", 1), (1, "aba", 3), (2, "abab", 2), (2, "abaca", 3), (2, "abcab", 5)],
)
async def test_those_used_last_are_at_hand(at_hand: int, entries: str, asked: int) -> None:
    """Of more entries than that the one used longest ago is asked for again: memory has its bound."""
    model, templates = ScriptedModel(answer), load_templates()
    sampling = Sampling(0.7, 99)
    rubrics = Question(templates["rubrics"], model, parse_rubrics, sampling, 0, {"count": 1})
    question = Question(templates["improve"], model, parse_instruction, sampling)
    improve = Improve(question, rubrics, at_hand=at_hand)
    for name in entries:
        draft = Draft(name, Entry(0, name, Metadata(name, ("tone",))), "Explain the sky.")
        [improved] = await improve(Again(draft))
        assert improved.actions == ("Ask for a reason.",)
    assert len(model.requests) - len(entries) == asked
