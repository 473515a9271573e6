"""What overlaps an evaluation set is found, what only sounds like it is not."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.held_out import read_held_out
from codeclm.stages.overlap import EvaluationTexts, Overlap, find_overlap
from codeclm.stages.wording import words_in

LONG = (
    "A train leaves the station at noon and travels north at eighty kilometres an hour while another "
    "one leaves an hour later."
)
SHORT = "What is the boiling point of water on top of Mount Everest?"  # 12 words
TINY = "Write a poem."


def texts(*held_out: str, ngram: int = 13) -> EvaluationTexts:
    found = EvaluationTexts("test.jsonl", ngram)
    for text in held_out:
        found.add(text)
    return found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (LONG, "a train leaves the station at noon and travels north at eighty kilometres"),
        (
            f"Solve this: {LONG.upper().replace(' ', '  ')} When do they meet?",
            "a train leaves the station at noon and travels north at eighty kilometres",
        ),
        (
            "Say: travels north, at eighty kilometres an hour; while another one leaves an hour!",
            "travels north at eighty kilometres an hour while another one leaves an hour",
        ),
        (f"Answer in one word. {SHORT}", " ".join(words_in(SHORT))),
        ("write a POEM", "write a poem"),
    ],
)
def test_what_overlaps(text: str, words: str) -> None:
    """13 words in a row, however they are written and set; a shorter text wholly, a tiny one only by itself."""
    assert find_overlap(text, [texts(LONG, SHORT, TINY)]) == Overlap("test.jsonl", words)


@pytest.mark.parametrize(
    "text",
    [
        "A train leaves the station at noon and travels north at eighty.",
        "What is the boiling point of water?",
        "Write a poem about a train that leaves the station at noon.",
        "",
        "?!",
    ],
)
def test_what_does_not(text: str) -> None:
    """Twelve words of a longer text, a part of a short one, a tiny one in something else."""
    assert find_overlap(text, [texts(LONG, SHORT, TINY)]) is None


words = st.lists(st.sampled_from("abc"), max_size=12)


@given(held_out=st.lists(words, max_size=3), own=words, ngram=st.integers(1, 10))
def test_it_is_the_rule(held_out: list[list[str]], own: list[str], ngram: int) -> None:
    """Held against it: an n-gram in common, the whole of a shorter text, or the same tiny text."""

    def parts(one: list[str], size: int) -> set[tuple[str, ...]]:
        return {tuple(one[n : n + size]) for n in range(len(one) - size + 1)}

    expected = False
    for one in filter(None, held_out):
        if len(one) < min(8, ngram):
            expected |= one == own
        else:
            size = min(len(one), ngram)
            expected |= not parts(one, size).isdisjoint(parts(own, size))
    found = find_overlap(" ".join(own), [texts(*map(" ".join, held_out), ngram=ngram)])
    assert (found is not None) == expected


def test_files_in_all_forms(tmp_path: Path) -> None:
    """Every text of a row but its id, at any depth; what the files hold is told by digests, not by their names."""
    rows = [{"id": LONG, "turns": [{"content": SHORT}], "answer": "84 C"}]
    (tmp_path / "a.jsonl").write_text(json.dumps(rows[0]) + "\n")
    (tmp_path / "b.json").write_text(json.dumps(rows))
    (tmp_path / "c.csv").write_text(f'id,question\n1,"{SHORT}"\n')
    (tmp_path / "d.txt").write_text(SHORT)
    contents: list[str] = []
    for path in sorted(tmp_path.iterdir()):
        evaluation = read_held_out([path], 13)
        assert find_overlap(SHORT, evaluation.files) == Overlap(
            path.name, " ".join(words_in(SHORT))
        )
        assert find_overlap(LONG, evaluation.files) is None
        contents += evaluation.contents
    assert len(set(contents)) == 4
    moved = (tmp_path / "a.jsonl").rename(tmp_path / "z.jsonl")
    both = read_held_out([tmp_path / "d.txt", moved], 13)
    assert both.contents == read_held_out([moved, tmp_path / "d.txt"], 13).contents


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("none.jsonl", None, "cannot be read"),
        ("a.jsonl", "{", "line 1: not JSON"),
        ("a.jsonl", '{"id": "x", "n": 3}', "no text in it"),
        ("a.pdf", "x", "unknown kind of file"),
    ],
)
def test_what_cannot_be_read_is_told(
    tmp_path: Path, name: str, content: str | None, message: str
) -> None:
    """One line with the file, before anything is asked."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(UsageError, match=message):
        read_held_out([tmp_path / name], 13)
