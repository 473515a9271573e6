"""What travels through the pipeline.

    Seed -> Entry(metadata) -> Unit -> Draft | Dropped -> Comparison -> Verdict -> Example | Again | Rejection

Every record is frozen and holds the one before it, so lineage needs no bookkeeping. Ids are digests of
content and place in the lineage: stable between runs, independent of the order in which answers arrive.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Literal

__all__ = [
    "Again",
    "Comparison",
    "Draft",
    "Dropped",
    "Entry",
    "Example",
    "Metadata",
    "Rejection",
    "Responder",
    "Seed",
    "Unit",
    "Verdict",
    "digest",
    "draft_id",
    "draft_of",
    "unit_id",
]

Responder = Literal["strong", "target"]


def digest(*parts: object) -> str:
    """16 hexadecimal digits that identify ``parts`` (64 bits of BLAKE2b)."""
    text = "\x1f".join(map(str, parts))
    return blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()


def unit_id(entry_id: str, draw: int) -> str:
    """The id of the unit of work that is this draw (from 0) of an entry."""
    return digest("unit", entry_id, draw)


def draft_id(unit_id: str, index: int) -> str:
    """The id of the instruction that has this place (from 0) among those that a unit kept."""
    return digest("draft", unit_id, index)


@dataclass(frozen=True, slots=True)
class Metadata:
    """What an instruction is for (use case) and what answering it takes (1 to 3 skills)."""

    use_case: str
    skills: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Seed:
    """An instruction of the downstream task. ``number`` is its place in the source, from 0."""

    number: int
    id: str
    instruction: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One metadata entry; equal metadata of several seeds stays several entries (the distribution).

    ``seed_id`` is None for entries made by augmentation or given as metadata.
    """

    number: int
    id: str
    metadata: Metadata
    seed_id: str | None = None


@dataclass(frozen=True, slots=True)
class Unit:
    """The unit of work: one decode call. Asks for ``count`` instructions, takes the first ``keep``."""

    entry: Entry
    draw: int
    count: int
    keep: int

    @property
    def id(self) -> str:
        return unit_id(self.entry.id, self.draw)


@dataclass(frozen=True, slots=True)
class Draft:
    """An instruction before it is judged. ``previous`` is the verdict that sent it round again."""

    id: str
    entry: Entry
    instruction: str
    iteration: int = 1
    actions: tuple[str, ...] = ()
    previous: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Dropped:
    """An instruction that is not worth a further call, and why. ``details`` are further fields of its row."""

    draft: Draft
    reason: str
    details: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class Comparison:
    """A draft with the responses of both models; ``target`` is None where none was asked for."""

    draft: Draft
    strong: str
    target: str | None
    target_cut_off: bool = False
    target_refused: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """Scores of both responses: first from the call that showed strong first, then from the swapped one."""

    comparison: Comparison
    strong_scores: tuple[float, ...]
    target_scores: tuple[float, ...]

    @property
    def gap(self) -> float:
        """Mean score of strong minus mean score of target."""
        strong = sum(self.strong_scores) / len(self.strong_scores)
        return strong - sum(self.target_scores) / len(self.target_scores)


@dataclass(frozen=True, slots=True)
class Again:
    """Within theta: the draft goes to the next Self-Rubrics iteration.

    ``verdict`` is None where nothing is filtered and the draft is improved regardless.
    """

    draft: Draft
    verdict: Verdict | None = None


@dataclass(frozen=True, slots=True)
class Example:
    """A selected pair. ``verdict`` is None where nothing was filtered; ``rating`` where nothing was rated by itself."""

    comparison: Comparison
    responder: Responder
    verdict: Verdict | None = None
    rating: float | None = None


@dataclass(frozen=True, slots=True)
class Rejection:
    """A discarded instruction and why."""

    verdict: Verdict
    reason: str


def draft_of(record: object) -> Draft | None:
    """The instruction that ``record`` is about; None where it is about none yet."""
    match record:
        case Draft():
            return record
        case Again() | Comparison() | Dropped():
            return record.draft
        case Verdict() | Example():
            return record.comparison.draft
        case Rejection():
            return record.verdict.comparison.draft
    return None
