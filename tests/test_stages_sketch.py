"""Sketches: near-equal texts meet in a band, real instructions do not, and no upgrade changes that."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codeclm.stages.sketch import Sketcher, shingles
from codeclm.stages.wording import signs_in, words_in

DEFAULT = Sketcher(0.8)
LETTER = (
    "Write a letter to the editor of a local paper about the closing of the old library on the market square, "
    "in the voice of a retired teacher who has borrowed a book there every week for thirty years."
)


def near(first: str, second: str, sketcher: Sketcher = DEFAULT) -> bool:
    return not set(sketcher(first)).isdisjoint(sketcher(second))


def jaccard(first: str, second: str) -> float:
    one, other = shingles(first), shingles(second)
    return len(one & other) / len(one | other)


def test_a_sketch_is_the_same_in_every_version() -> None:
    """A run that is resumed after an upgrade compares with what is on record from before it."""
    assert [f"{band:016x}" for band in DEFAULT("Write a poem about the sea.")[:3]] == GOLDEN


GOLDEN = ["c305b33f04a0e0e1", "3df9dcde047c2649", "e207d5558934a300"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("Write a haiku about autumn.", "write a  haiku about autumn"),
        (
            'Explain "entropy" to a child.',
            "Explain \u201centropy\u201d to a child!".replace("!", "."),
        ),
        ("\uff37rite a haiku", "Write a haiku"),
        (LETTER, LETTER.replace("thirty", "forty")),
        (LETTER, f"{LETTER} Please."),
    ],
)
def test_near_equal_texts_meet(first: str, second: str) -> None:
    """Case, spacing, quotes and full stops make no difference; a word in a long text makes little."""
    assert near(first, second)


@pytest.mark.parametrize(
    ("first", "second"),
    [
        ("What is 12 + 7?", "What is 12 - 7?"),
        ("What is 12 + 7?", "What is 13 + 7?"),
        ("Write a haiku about autumn.", "Write a haiku about spring."),
        ("Translate to French: good morning", "Translate to German: good morning"),
        (
            "\u5199\u4e00\u9996\u5173\u4e8e\u79cb\u5929\u7684\u8bd7",
            "\u5199\u4e00\u9996\u5173\u4e8e\u5927\u6d77\u7684\u6b4c",
        ),
        ("\u2211", "\u222b"),
        ("Sing", "Dance"),
    ],
)
def test_other_texts_do_not(first: str, second: str) -> None:
    """A number, a sign or a word that is all the difference in a short text is enough of one."""
    assert not near(first, second)


@settings(max_examples=30)
@given(text=st.text(max_size=200))
def test_any_text_has_a_sketch(text: str) -> None:
    """Whatever is in it; and it is near to itself, at any threshold."""
    for threshold in (0.5, 0.8, 1.0):
        sketcher = Sketcher(threshold)
        assert len(sketcher(text)) == sketcher.bands
        assert near(text, text, sketcher)


@pytest.mark.parametrize("threshold", [0.5, 0.6, 0.7, 0.8, 0.9])
def test_half_of_those_at_the_threshold_meet(threshold: float) -> None:
    """The rise is where it is said to be, and steep."""
    sketcher = Sketcher(threshold)
    assert 0.4 <= sketcher.probability(threshold) < 0.57
    assert sketcher.probability(threshold - 0.3) < 0.05
    assert sketcher.probability(min(1.0, threshold + 0.1)) > 0.78


def test_words_of_scripts_without_spaces() -> None:
    """Each character is a word, beside words of other scripts; signs are no words."""
    assert words_in("\u5199\u8bd7 in Python 3.11!") == [
        "\u5199",
        "\u8bd7",
        "in",
        "python",
        "3",
        "11",
    ]
    assert signs_in("f(x) = 3 + 4.") == ["f", "(", "x", ")", "=", "3", "+", "4"]


def test_real_instructions_are_left_alone(benchmark_seeds: Path) -> None:
    """Of 730 instructions two fall at 0.8: one that is there twice, and one with other numbers in the same words."""
    for file in sorted(benchmark_seeds.glob("*.jsonl")):
        texts = [json.loads(line)["instruction"] for line in file.read_text("utf-8").splitlines()]
        pairs: list[tuple[str, str]] = []
        seen: dict[int, str] = {}
        for text in texts:
            bands = DEFAULT(text)
            pairs += [(seen[band], text) for band in bands if band in seen]
            seen |= dict.fromkeys(bands, text)
        met = {frozenset(pair) for pair in pairs}
        assert all(jaccard(*pair) > 0.9 for pair in map(sorted, met) if len(pair) == 2)
        assert len(met) == (2 if file.stem == "evol_instruct" else 0)
