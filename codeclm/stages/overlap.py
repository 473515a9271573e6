"""Instructions that share a run of words with an evaluation set must not be trained on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from codeclm.number_set import NumberSet
from codeclm.records import digest
from codeclm.stages.wording import words_in

__all__ = ["EvaluationTexts", "Overlap", "find_overlap"]

LEAST_PART = 8
"""A shorter text ("Write a poem") may stand in any other; only the very same one overlaps it."""


@dataclass(frozen=True, slots=True)
class Overlap:
    """The file that a text overlaps, and the words that both have."""

    file: str
    words: str


@dataclass(slots=True)
class EvaluationTexts:
    """The texts of one file, as digests of their n-grams of ``ngram`` words: 8 to 9 bytes a word.

    Of a text with fewer words all of it is one n-gram; of one with fewer than eight, only as a whole text.
    """

    file: str
    ngram: int = 13
    _parts: dict[int, NumberSet] = field(default_factory=dict)
    _whole: NumberSet = field(default_factory=NumberSet)

    def add(self, text: str) -> bool:
        """Take in ``text``; whether there are words in it."""
        words = words_in(text)
        size = min(len(words), self.ngram)
        if not words:
            return False
        if size < min(LEAST_PART, self.ngram):
            self._whole.add(_number(words))
            return True
        parts = self._parts.setdefault(size, NumberSet())
        for part in _ngrams(words, size):
            parts.add(_number(part))
        return True

    def shared(self, words: Sequence[str]) -> str:
        """The words that a text of ``words`` has in common with one of the file; "" where it has none."""
        for size in sorted(self._parts, reverse=True):
            parts = self._parts[size]
            for part in _ngrams(words, size):
                if _number(part) in parts:
                    return " ".join(part)
        return " ".join(words) if words and _number(words) in self._whole else ""


def find_overlap(text: str, files: Iterable[EvaluationTexts]) -> Overlap | None:
    """The first of ``files`` that ``text`` overlaps."""
    words = words_in(text)
    for one in files:
        shared = one.shared(words)
        if shared:
            return Overlap(one.file, shared)
    return None


def _ngrams(words: Sequence[str], size: int) -> Iterator[Sequence[str]]:
    return (words[start : start + size] for start in range(len(words) - size + 1))


def _number(words: Sequence[str]) -> int:
    return int(digest(*words), 16)
