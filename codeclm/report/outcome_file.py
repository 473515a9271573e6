"""A file of outcomes that may still grow: each row once, with its place, from where one left off."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from codeclm.errors import UsageError
from codeclm.lines import READ_BYTES, Row, row_of
from codeclm.number_set import IdSet

__all__ = ["OutcomeFile", "Replaced"]


class Replaced(Exception):
    """Raised when the file is another one than before, or shorter: what was read of it no longer holds."""


class OutcomeFile:
    """Reads ``path``, which may be absent. Of equal ids the first on file counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._ids = IdSet()
        self._offset = 0
        self._identity: tuple[int, int] | None = None

    def new_rows(self) -> Iterator[tuple[int, Row]]:
        """Rows that came since the last time, with their places. A last line without an end waits.

        Raises Replaced, and UsageError where the file cannot be read.
        """
        try:
            with self.path.open("rb", buffering=READ_BYTES) as file:
                self._check(os.fstat(file.fileno()))
                file.seek(self._offset)
                for line in file:
                    if not line.endswith(b"\n"):
                        return
                    place, self._offset = self._offset, self._offset + len(line)
                    row = row_of(line)
                    if row is not None and self._ids.add(row["id"]):
                        yield place, row
        except FileNotFoundError:
            if self._identity is not None:
                raise Replaced from None
        except OSError as error:
            raise self._unreadable(error) from None

    def row_at(self, place: int) -> Row | None:
        """The row that was found at ``place``; None where there is none any more."""
        try:
            with self.path.open("rb") as file:
                file.seek(place)
                return row_of(file.readline())
        except FileNotFoundError:
            return None
        except OSError as error:
            raise self._unreadable(error) from None

    def _check(self, now: os.stat_result) -> None:
        identity = now.st_dev, now.st_ino
        if self._identity not in (None, identity) or now.st_size < self._offset:
            raise Replaced
        self._identity = identity

    def _unreadable(self, error: OSError) -> UsageError:
        return UsageError(f"{self.path}: cannot be read ({error.strerror or error})")
