"""What is small about a text and alike where texts are alike: bands of MinHash values of its word n-grams."""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from hashlib import blake2b

from rensa import RMinHash

from codeclm.stages.wording import signs_in

__all__ = ["Sketcher", "shingles"]

NGRAM = 3
MOST_VALUES = 128
_SEED = 20404


def shingles(text: str, size: int = NGRAM) -> set[str]:
    """The n-grams of ``size`` words that occur in ``text``; of a shorter text all of it is one."""
    signs = signs_in(text) or [text]
    if len(signs) <= size:
        return {" ".join(signs)}
    return {*map(" ".join, zip(*(signs[start:] for start in range(size)), strict=False))}


class Sketcher:
    """Text -> digests of 64 bits, one a band. Two texts are near-equal where they have a digest in common.

    By the MinHash argument that happens to texts whose n-grams have the Jaccard similarity s with the probability
    1 - (1 - s^rows)^bands, which rises steeply and passes one half at about ``threshold``. It is the same whenever
    it is asked, so it is a rule and no chance.
    """

    def __init__(self, threshold: float) -> None:
        self.bands, self.rows = _shape(threshold)

    def __call__(self, text: str) -> Sequence[int]:
        minhash = RMinHash(num_perm=self.bands * self.rows, seed=_SEED)
        minhash.update(shingles(text))
        values, rows = array("I", minhash.digest()).tobytes(), 4 * self.rows
        return [
            int.from_bytes(
                blake2b(
                    values[at * rows : (at + 1) * rows], digest_size=8, key=bytes([at])
                ).digest(),
                "little",
            )
            for at in range(self.bands)
        ]

    def probability(self, similarity: float) -> float:
        """How likely texts of this similarity are taken for near-equal."""
        return _probability(similarity, self.bands, self.rows)


def _shape(threshold: float) -> tuple[int, int]:
    """Bands and rows for the steepest rise that passes one half nearest to ``threshold``."""
    if threshold >= 1:
        return 1, MOST_VALUES

    def miss(rows: int) -> float:
        return abs(_probability(threshold, MOST_VALUES // rows, rows) - 0.5)

    rows = min(range(1, MOST_VALUES + 1), key=miss)
    return MOST_VALUES // rows, rows


def _probability(similarity: float, bands: int, rows: int) -> float:
    return float(1 - (1 - similarity**rows) ** bands)
