"""The entries of a run, on disk: they are gone through again and again and never held."""

from __future__ import annotations

import json
from array import array
from bisect import bisect_left, insort
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

from codeclm.records import Entry, Metadata

__all__ = ["EntryBook"]


class EntryBook:
    """The entries that exist, in the order of their numbers, and the numbers of those that do not."""

    def __init__(self) -> None:
        self.count = 0
        self._missing: list[int] = []
        self._offsets = array("q")  # by number: where its line begins, -1 where there is none
        self._file: IO[bytes] = TemporaryFile("w+b")  # noqa: SIM115 - it is one itself
        self._end = 0

    def __enter__(self) -> EntryBook:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def add(self, entry: Entry) -> None:
        if self._file.closed:  # the run is being drained: nothing will be read back
            return
        self.count += 1
        row = (
            entry.number,
            entry.id,
            entry.metadata.use_case,
            entry.metadata.skills,
            entry.seed_id,
        )
        self._offsets.extend([-1] * (entry.number + 1 - len(self._offsets)))
        self._offsets[entry.number] = self._end
        line = json.dumps(row).encode() + b"\n"
        self._file.write(line)
        self._end += len(line)

    def lose(self, number: int) -> None:
        insort(self._missing, number)

    def rank(self, entry: Entry) -> int:
        """Its place among the entries that exist, from 0."""
        return entry.number - bisect_left(self._missing, entry.number)

    def __iter__(self) -> Iterator[Entry]:
        at = -1
        for offset in self._offsets:
            if offset < 0:
                continue
            if offset != at:  # what came in order is read in one go
                self._file.seek(offset)
            line = self._file.readline()
            at = offset + len(line)
            number, identity, use_case, skills, seed_id = json.loads(line)
            yield Entry(number, identity, Metadata(use_case, tuple(skills)), seed_id)
