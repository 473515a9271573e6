"""What is not worth an expensive call: an instruction that repeats another, or overlaps an evaluation set."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from codeclm.records import Draft, Dropped, Unit
from codeclm.stages.overlap import EvaluationTexts, find_overlap
from codeclm.stages.repeats import INDEX_BITS, RepeatBook

__all__ = ["REPEAT", "Screen", "number_of"]

REPEAT = "near-duplicate of an instruction of a lower number"

Sketch = Callable[[str], Sequence[int]]

_DRAW_BITS, _ENTRY_BITS = 26, 32


def number_of(unit: Unit, *, entry_major: bool = False) -> int:
    """The number of its first instruction: draw-major, or where each entry has all its draws at once, entry-major."""
    if entry_major:
        return ((unit.entry.number << _DRAW_BITS) | unit.draw) << INDEX_BITS
    return ((unit.draw << _ENTRY_BITS) | unit.entry.number) << INDEX_BITS


@dataclass(frozen=True, slots=True)
class Screen:
    """Looks at instructions before anything is paid for them.

    ``sketch`` tells the bands of a text, None where repeats are let through; ``repeats`` knows which are repeats.
    """

    repeats: RepeatBook
    sketch: Sketch | None = None
    evaluation: Sequence[EvaluationTexts] = ()
    entry_major: bool = False

    def bands(self, texts: Sequence[str]) -> list[Sequence[int]]:
        """Of each text."""
        return [] if self.sketch is None else [self.sketch(text) for text in texts]

    def number(self, unit: Unit) -> int:
        """See ``number_of``."""
        return number_of(unit, entry_major=self.entry_major)

    def basic(self, drafts: Sequence[Draft]) -> list[Draft | Dropped]:
        """What becomes of basic instructions, whose bands are known."""
        return [self.overlapping(one) or self.repeating(one) or one for one in drafts]

    def improved(self, drafts: Sequence[Draft]) -> list[Draft | Dropped]:
        """What becomes of improved ones: they are made from one that is no repeat."""
        return [self.overlapping(one) or one for one in drafts]

    def repeating(self, draft: Draft) -> Dropped | None:
        """``draft`` as dropped where it is known to be a repeat; which one it repeats, only the end of a run shows."""
        return _repeat(draft) if draft.id in self.repeats else None

    def late(self, draft: Draft) -> Dropped | None:
        """The same for one that was no repeat when it was ``basic``."""
        return _repeat(draft) if draft.id in self.repeats.late else None

    def overlapping(self, draft: Draft) -> Dropped | None:
        """``draft`` as dropped where it overlaps an evaluation set."""
        found = find_overlap(draft.instruction, self.evaluation) if self.evaluation else None
        if found is None:
            return None
        reason = f'overlaps {found.file}: "{found.words}"'
        return Dropped(draft, reason, {"overlap": {"file": found.file, "words": found.words}})


def _repeat(draft: Draft) -> Dropped:
    return Dropped(draft, REPEAT, {"repeats": None})
