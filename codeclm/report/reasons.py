"""Why instructions were discarded and items failed: like reasons are counted together."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from codeclm.report.lineage import Lineage

__all__ = ["Reason", "Reasons"]

KINDS = 2_000
KIND_LETTERS = 160


@dataclass(frozen=True, slots=True)
class Reason:
    """A kind of reason, the stage it arose in, and the first that was said in full."""

    fate: str
    stage: str
    kind: str
    number: int
    example: str


class Reasons:
    """Bounded: once there are ``KINDS`` of them, all others count as one."""

    def __init__(self) -> None:
        self._counts: Counter[tuple[str, str, str]] = Counter()
        self._examples: dict[tuple[str, str, str], str] = {}

    def add(self, lineage: Lineage) -> None:
        """Count the reason of something that was discarded or failed."""
        key = lineage.fate, lineage.stage or "filter", _kind(lineage.reason)
        if key not in self._counts and len(self._counts) >= KINDS:
            key = lineage.fate, "", "all others"
        self._counts[key] += 1
        self._examples.setdefault(key, lineage.reason[:400])

    def listed(self) -> list[Reason]:
        """The most frequent ones first."""
        ordered = sorted(self._counts.items(), key=lambda one: (-one[1], one[0]))
        return [Reason(*key, number, self._examples[key]) for key, number in ordered]


def _kind(reason: str) -> str:
    """What stands before the colon names a kind of error; a sentence is its own kind."""
    head, colon, _ = reason.partition(": ")
    if colon and head and " " not in head and len(head) <= 40:
        return head
    return reason[:KIND_LETTERS] or "no reason on record"
