"""Where entries come from: seeds, metadata that is given, and pairs that are mixed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from codeclm.records import Entry, Metadata, Seed, digest

__all__ = ["Augmentation", "Pair", "entry_in", "entry_of"]


@dataclass(frozen=True, slots=True)
class Pair:
    """An entry made by mix and match that is still to be checked."""

    entry: Entry


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Extends the pool to ``size`` entries: ``make`` turns the metadata found and a number into so many more."""

    size: int
    make: Callable[[Sequence[Metadata], int], Iterable[Metadata]]
    checked: bool = False


def entry_of(seed: Seed, metadata: Metadata | None = None) -> Entry:
    """The entry of a seed; its id does not depend on the metadata."""
    identity = digest("entry", seed.number, seed.instruction)
    return Entry(seed.number, identity, metadata or Metadata("", ()), seed.id)


def entry_in(item: Seed | Pair | Entry) -> Entry:
    """The entry that ``item`` is, or becomes."""
    if isinstance(item, Seed):
        return entry_of(item)
    return item.entry if isinstance(item, Pair) else item
