"""What an evaluation is told: flags, files, and files of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeclm.errors import UsageError
from codeclm.evaluation.answers import read_answers
from codeclm.evaluation.records import TestItem
from codeclm.evaluation.settings import AnswersSettings, load_settings, party_of
from codeclm.settings import ModelSettings
from tests.running import write_rows

ITEMS = [TestItem(0, "a", "Sing."), TestItem(1, "b", "Dance.")]


@pytest.mark.parametrize(
    ("text", "name", "settings"),
    [
        ("openai:m", "m", {"model": "openai:m"}),
        ("openai:org/m:v2@http://127.0.0.1:8/v1", "org/m:v2", {"model": "openai:org/m:v2@http://127.0.0.1:8/v1"}),
        ("ours=openai:m@http://127.0.0.1:8/v1?x=1", "ours", {"model": "openai:m@http://127.0.0.1:8/v1?x=1"}),
        ("openai:m@http://127.0.0.1:8/v1?x=1", "m", {"model": "openai:m@http://127.0.0.1:8/v1?x=1"}),
        ("answers/theirs.jsonl", "theirs", {"answers": "answers/theirs.jsonl"}),
        ("Their best = a/b.CSV", "Their best", {"answers": "a/b.CSV"}),
        ("run/x=y.jsonl", "x=y", {"answers": "run/x=y.jsonl"}),
    ],
)  # fmt: skip
def test_a_flag_names_a_model_or_a_file(text: str, name: str, settings: dict[str, str]) -> None:
    """With a name of the user's own, or the model's, or the file's."""
    assert party_of(text) == (name, settings)


def test_flags_go_over_the_file(tmp_path: Path) -> None:
    """A party as a whole; the judge is the reference where none is given."""
    file = tmp_path / "evaluation.yaml"
    file.write_text(
        "candidates: {a: {answers: a.jsonl}}\n"
        "reference: {model: 'openai:r', temperature: 0.3}\nscale: 5\nmax_tokens: 100\n"
    )
    settings = load_settings(file, {"candidates": {"b": {"model": "openai:b"}}, "max_tokens": 9})
    assert [*settings.candidates] == ["b"]
    assert (settings.scale, settings.max_tokens) == (5, 9)
    assert settings.judging.model == "openai:r"
    assert settings.temperature_of_judge == 0
    assert isinstance(load_settings(file, {}).candidates["a"], AnswersSettings)
    limited = settings.with_max_in_flight(3)
    assert isinstance(limited.reference, ModelSettings)
    assert limited.reference.max_in_flight == 3
    assert limited.with_max_in_flight(9, at_most=True).judging.max_in_flight == 3


@pytest.mark.anyio
async def test_answers_are_found_by_id_or_by_instruction(tmp_path: Path) -> None:
    """Under any of their names; an empty answer is one; what nobody asked for is passed over."""
    rows = [
        {"id": "b", "response": "(dances)"},
        {"instruction": "Sing.", "output": ""},
        {"id": "z", "answer": "?"},
    ]
    answers = read_answers(write_rows(tmp_path / "answers.jsonl", rows), ITEMS)
    assert [(await answers.respond(item)).text for item in ITEMS] == ["", "(dances)"]
    other = read_answers(write_rows(tmp_path / "other.jsonl", rows[1::-1]), ITEMS)
    assert other.content == answers.content


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([{"id": "a", "response": "x"}], r"no answer to 1 of 2 items \(b\)"),
        ([{"id": "a", "response": "x"}, {"id": "a", "response": "y"}], "line 2: another answer to 'a'"),
        ([{"id": "a", "text": "x"}], "line 1: no text in 'response', 'output' or 'answer'"),
        ([{"response": "x"}], "line 1: neither 'id' nor 'instruction'"),
        (["x"], "line 1: not an object"),
    ],
)  # fmt: skip
def test_answers_that_do_not_do_are_said(tmp_path: Path, rows: list[Any], message: str) -> None:
    """With file and line, before anything is spent."""
    with pytest.raises(UsageError, match=message):
        read_answers(write_rows(tmp_path / "answers.jsonl", rows), ITEMS)
