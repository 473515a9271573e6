"""Whatever a model writes, every parser gives a well-formed value or a ParseError, and soon."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import ParseError
from codeclm.llm.thoughts import split_thoughts
from codeclm.records import Metadata
from codeclm.stages.augment import parse_yes_no
from codeclm.stages.decode import parse_instructions
from codeclm.stages.encode import parse_metadata
from codeclm.stages.improve import parse_instruction
from codeclm.stages.judge import parse_scores
from codeclm.stages.rubrics import parse_rubrics
from tests import (
    test_parsers_improve,
    test_parsers_listing,
    test_parsers_metadata,
    test_parsers_rubrics,
    test_parsers_scores,
    test_parsers_thoughts,
    test_parsers_yes_no,
)

TABLES = (
    test_parsers_improve.GOLDEN,
    test_parsers_listing.GOLDEN,
    test_parsers_metadata.GOLDEN,
    test_parsers_rubrics.GOLDEN,
    test_parsers_scores.GOLDEN,
    test_parsers_thoughts.GOLDEN,
    test_parsers_yes_no.GOLDEN,
)
TEXTS: list[str] = [row[0] for table in TABLES for row in table]


def _texts(values: object) -> bool:
    """Whether ``values`` are one or more texts that are not blank."""
    return (
        isinstance(values, list | tuple)
        and len(values) > 0
        and all(isinstance(value, str) and value.strip() for value in values)
    )


def _is_metadata(value: object) -> bool:
    return (
        isinstance(value, Metadata)
        and _texts((value.use_case, *value.skills))
        and 1 <= len(value.skills) <= 3
    )


def _are_scores(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(1 <= score <= 10 for score in value)


def _are_lists(value: object) -> bool:
    return isinstance(value, tuple) and len(value) == 2 and all(map(_texts, value))


REFUSED = "refused, with the text"

PARSERS: list[tuple[Callable[[str], object], Callable[[object], bool]]] = [
    (parse_metadata, _is_metadata),
    (
        partial(parse_metadata, use_cases=["a", "creative writing"], skills=["b, c", "role-play"]),
        _is_metadata,
    ),
    (parse_instructions, _texts),
    (parse_rubrics, _are_lists),
    (parse_instruction, lambda value: _texts([value])),
    (parse_yes_no, lambda value: isinstance(value, bool)),
    (parse_scores, _are_scores),
    (split_thoughts, lambda value: isinstance(value, tuple) and len(value) == 2),
]


def _check(text: str) -> None:
    for parse, is_well_formed in PARSERS:
        value = _read(parse, text)
        assert value == REFUSED or is_well_formed(value), (parse, value)


def _read(parse: Callable[[str], object], text: str) -> object:
    try:
        return parse(text)
    except ParseError as error:
        return REFUSED if error.raw == text else error


@given(st.text())
def test_any_text(text: str) -> None:
    """Text of any kind is read or refused."""
    _check(text)


PIECES = [
    "1. ", "\n2. ", "\n\n", "\n", "```", "```json\n", "**", '"', "{", "]", "\\", "8", " 7", "Rubric 1: ", "Action: ",
    "Use case: ", "Skills:", "<think>", "</think>", "Assistant 1", "①", "一、", "\t", "\r\n", "\x00", "\ud800",
]  # fmt: skip


@given(
    st.lists(st.sampled_from([*TEXTS, *PIECES]), min_size=1, max_size=4),
    st.integers(0),
    st.integers(0, 9),
)
def test_spoiled_answers(parts: list[str], cut: int, width: int) -> None:
    """Answers put together, torn and cut anywhere are read or refused."""
    text = "".join(parts)
    place = cut % (len(text) + 1)
    _check(text[:place] + text[place + width :])


LONG = [
    " ", "\n", "\t \r\n", "1", "1.", "1.\n", "1. a\n", "1. a:\n1. b\n2. c\n", "- ", "- a\n", "- - ", "#", "**", "*a*",
    "`", "```\n", "```a\n", "<think>", "a <think> </think>", "[", '{"a":', '"\\', "[1]\n", ", ", "(a, ", "8 ", "8 7\n",
    "Assistant 1: ", "score: ", "yes no ", "Use case: ", "Skills:\n", "Rubric 1:\n\n", "Actions:\n", "Instruction: ",
    "①", "Action: a\n", "Here is the new ", "Sure!\n\n", "Let me know if more\n\n", "---\n\n", "\u3000", "first one ",
]  # fmt: skip


@pytest.mark.timeout(30)
@pytest.mark.parametrize("unit", LONG)
def test_long_repetitions_end(unit: str) -> None:
    """100 kB of what pattern matching dislikes is read or refused without a walk through all combinations."""
    _check("Rubric 1: 8 7\n1. " + unit * (100_000 // len(unit)) + "x")
