"""Instructions that differ: one too much like another of the pool is not taken (ROUGE-L, as in Self-Instruct)."""

from __future__ import annotations

import re
import sys

from rapidfuzz import process
from rapidfuzz.distance import Indel

__all__ = ["InstructionPool"]

# A script without spaces has a word a character.
_WORDS = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_FIRST = 0xE000  # above the halves of surrogate pairs


class InstructionPool:
    """Texts whose ROUGE-L F1 is below ``similarity`` for each two of them.

    F1 of the longest common subsequence of words is twice its length over the sum of both lengths, which is the
    normalised indel similarity of the two sequences; each word is written as one character for it.
    """

    def __init__(self, similarity: float) -> None:
        self._similarity = similarity
        self._letters: dict[str, str] = {}
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._texts)

    def add(self, text: str, *, always: bool = False) -> bool:
        """Take ``text`` in; False, and not taken, where it is too much like one that is there."""
        written = self._written(text)
        if not always and self._nearest(written):
            return False
        self._texts.append(written)
        return True

    def _nearest(self, written: str) -> bool:
        found = process.extractOne(
            written,
            self._texts,
            scorer=Indel.normalized_similarity,
            score_cutoff=self._similarity,
            processor=None,
        )
        return found is not None

    def _written(self, text: str) -> str:
        return "".join(map(self._letter, _WORDS.findall(text.lower())))

    def _letter(self, word: str) -> str:
        letter = self._letters.get(word)
        if letter is None:
            # A million words are more than any pool has; the last letter then stands for all others.
            letter = chr(min(_FIRST + len(self._letters), sys.maxunicode))
            self._letters[word] = letter
        return letter
