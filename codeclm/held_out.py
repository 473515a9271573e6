"""Evaluation sets that nothing may be trained on: read from files, in all the forms that seeds have."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from codeclm.errors import UsageError
from codeclm.seeds import parsed_rows
from codeclm.stages.overlap import EvaluationTexts

__all__ = ["NOTHING", "HeldOut", "read_held_out"]


@dataclass(frozen=True, slots=True)
class HeldOut:
    """The texts of some files, and digests of what those hold, sorted: it does not matter what they are called."""

    files: Sequence[EvaluationTexts] = ()
    contents: Sequence[str] = ()


NOTHING = HeldOut()


def read_held_out(paths: Iterable[Path], ngram: int) -> HeldOut:
    """Every text in every field of the rows of ``paths``, but their ids. Raises UsageError with file and line."""
    files: list[EvaluationTexts] = []
    contents: set[str] = set()
    for path in paths:
        texts = EvaluationTexts(path.name, ngram)
        found = 0
        for _, values, problem in parsed_rows(path, _texts):
            if problem is not None:
                raise problem
            for text in values:
                found += texts.add(text)
        if not found:
            raise UsageError(f"{path}: no text in it")
        files.append(texts)
        with path.open("rb") as file:
            contents.add(hashlib.file_digest(file, "sha256").hexdigest())
    return HeldOut(files, sorted(contents))


def _texts(value: object) -> list[str]:
    return list(_texts_in(value))


def _texts_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for name, inner in value.items():
            if name != "id":
                yield from _texts_in(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _texts_in(inner)
