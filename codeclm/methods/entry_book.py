"""The entries of a run, on disk: they are gone through again and again and never held."""

from __future__ import annotations

import json
from bisect import bisect_left, insort
from collections.abc import Iterator
from tempfile import TemporaryFile
from typing import IO

from codeclm.records import Entry, Metadata

__all__ = ["EntryBook"]


class EntryBook:
    """The entries that exist, in order of arrival, and the numbers of those that do not."""

    def __init__(self) -> None:
        self.count = 0
        self._missing: list[int] = []
        self._file: IO[str] = TemporaryFile("w+", encoding="utf-8")  # noqa: SIM115 - it is one itself

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
        self._file.write(json.dumps(row) + "\n")

    def lose(self, number: int) -> None:
        insort(self._missing, number)

    def rank(self, entry: Entry) -> int:
        """Its place among the entries that exist, from 0."""
        return entry.number - bisect_left(self._missing, entry.number)

    def __iter__(self) -> Iterator[Entry]:
        self._file.seek(0)
        for line in self._file:
            number, identity, use_case, skills, seed_id = json.loads(line)
            yield Entry(number, identity, Metadata(use_case, tuple(skills)), seed_id)
