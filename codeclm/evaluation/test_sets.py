"""Test sets: files of instructions, among them the four of the paper in the form that their authors give them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.evaluation.records import TestItem
from codeclm.records import digest
from codeclm.seeds import parse_seed, parsed_rows

__all__ = ["PAPER_SETS", "PaperSet", "TestSet", "content_of", "read_test_set", "split"]


@dataclass(frozen=True, slots=True)
class PaperSet:
    """A test set of the paper. ``content`` is the digest of its ids and instructions (see ``content_of``)."""

    name: str
    title: str
    items: int
    content: str
    source: str
    licence: str
    note: str = ""


PAPER_SETS = (
    PaperSet(
        "evol-instruct",
        "Evol-Instruct",
        218,
        "d96de631cdeb037743f63a33aca2bad3a6ca835c2f3b251cb63b5fcf6c6e31d9",
        "nlpxucan/WizardLM, WizardLM/data/WizardLM_testset.jsonl",
        "CC BY-NC 4.0",
    ),
    PaperSet(
        "vicuna",
        "Vicuna",
        80,
        "f2e9aa27c35b8f7dd1c31508d07c0d59a94d20e0d1654bca34b8f6c69dbf8d24",
        "lm-sys/FastChat, fastchat/llm_judge/data/vicuna_bench/question.jsonl",
        "Apache-2.0 (the repository's; none of its own)",
    ),
    PaperSet(
        "koala",
        "Koala",
        180,
        "63cf4314f690c9a6ea8d9adf405a7856ec8e7d31592cf3c14e791370fef2db88",
        "arnav-gudibande/koala-test-set, koala_test_set.jsonl",
        "Apache-2.0",
        "its authors ask not to train on it: as seeds only its metadata goes on",
    ),
    PaperSet(
        "self-instruct",
        "Self-Instruct",
        252,
        "5daafae422931a9eb269f84d73ddd5a764dcaa752f1b3fbfa0479813ac01544a",
        "yizhongw/self-instruct, human_eval/user_oriented_instructions.jsonl",
        "Apache-2.0",
        "its authors ask not to train on it: as seeds only its metadata goes on",
    ),
)
"""Nothing of them is part of this package; the repositories are where their authors publish them."""


@dataclass(frozen=True, slots=True)
class TestSet:
    """Instructions to be judged on. ``known`` is the set of the paper that this is, where it is one.

    ``by_length`` tells that the file has no categories, so that those of the items are classes of length.
    """

    __test__ = False

    path: Path
    items: tuple[TestItem, ...]
    content: str
    known: PaperSet | None
    by_length: bool

    @property
    def categories(self) -> str:
        """A digest of the categories: they decide no verdict, only how the results are broken down."""
        return digest(*(item.category for item in self.items))

    @property
    def name(self) -> str:
        """What people call it."""
        return self.known.title if self.known else self.path.stem


def read_test_set(path: Path, field: str = "instruction", category: str | None = None) -> TestSet:
    """The test set in ``path``: any file of seeds, or a set of the paper as it is published.

    ``category`` names the field to break results down by; else ``category`` or ``skill`` is, where there is one, and
    the length where there is none. Raises UsageError with file and line.
    """
    items: list[TestItem] = []
    seen: set[str] = set()
    for line, found, problem in parsed_rows(path, lambda row: _parse(row, field, category)):
        if problem is not None:
            raise problem
        instruction, identity, group = found
        item = TestItem(len(items), identity or f"line-{line}", instruction, group)
        if item.id in seen:
            raise UsageError(f"{path}, line {line}: the id {item.id!r} is there twice")
        seen.add(item.id)
        items.append(item)
    if not items:
        raise UsageError(f"{path}: no instruction in it")
    content = content_of(items)
    known = next((one for one in PAPER_SETS if one.content == content), None)
    by_length = not any(item.category for item in items)
    classed = _classes_of_length(items) if by_length else items
    return TestSet(path, tuple(classed), content, known, by_length)


def content_of(items: Iterable[TestItem]) -> str:
    """A digest of ids and instructions: the same in whatever form a file holds them."""
    lines = (json.dumps([item.id, item.instruction], ensure_ascii=False) for item in items)
    return hashlib.sha256("\n".join(lines).encode()).hexdigest()


def split(
    items: Sequence[TestItem], share: float, seed: int = 0
) -> tuple[list[TestItem], list[TestItem]]:
    """Seeds and test items: ``share`` of ``items``, rounded, are seeds; both in their order.

    Which ones depends on the instructions and ``seed`` alone, not on ids or the order of the file.
    """
    if not 0 < share < 1:
        raise UsageError(f"--seeds is {share:g}; it must lie between 0 and 1")
    ranked = sorted(items, key=lambda item: _rank(item, seed))
    chosen = {item.number for item in ranked[: round(share * len(items))]}
    return (
        [item for item in items if item.number in chosen],
        [item for item in items if item.number not in chosen],
    )


def _rank(item: TestItem, seed: int) -> tuple[str, int]:
    return hashlib.sha256(f"{seed}\x1f{item.instruction}".encode()).hexdigest(), item.number


def _parse(row: object, field: str, category: str | None) -> tuple[str, str, str]:
    plain = _plain(row, field) if isinstance(row, dict) else row
    instruction, identity = parse_seed(plain, field)
    return instruction, identity, _category(row, category)


def _category(row: object, field: str | None) -> str:
    if not isinstance(row, dict):
        return ""
    if field is not None and field not in row:
        raise UsageError(f"no field {field!r}; it has {', '.join(map(repr, row))}")
    names = ("category", "skill", "Skill") if field is None else (field,)
    value = next((row[name] for name in names if row.get(name) is not None), "")
    return str(value).strip()


def _plain(row: dict[str, Any], field: str) -> dict[str, Any]:
    """``row`` with one instruction and the id it is known by, where it is a row of a set of the paper."""
    match row:
        case {"Instruction": str(text), "idx": number}:
            return {field: text, "id": f"evol_{number}"}
        case {"turns": [str(text)], "question_id": number}:
            return {field: text, "id": f"vicuna_{number}"}
        case {"prompt": str(text)} if field not in row:
            return {**row, field: text}
        case {"instruction": str(text), "instances": [{"input": str(given)}, *_]}:
            return {**row, field: f"{text}\n\n{given}" if given else text}
    return row


def _classes_of_length(items: Sequence[TestItem]) -> list[TestItem]:
    """The items by thirds: the shortest, the middle and the longest, named by their numbers of words."""
    lengths = [len(item.instruction.split()) for item in items]
    ordered = sorted(lengths)
    ends = [ordered[(third * len(ordered) + 2) // 3 - 1] for third in (1, 2, 3)]
    names: dict[int, str] = {}
    shortest = ordered[0]
    for end in dict.fromkeys(ends):
        names[end] = f"{shortest} to {end} words" if shortest < end else f"{end} words"
        shortest = end + 1
    classed = zip(items, lengths, strict=True)
    return [
        replace(item, category=next(names[end] for end in ends if length <= end))
        for item, length in classed
    ]
