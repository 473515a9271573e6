"""Files of rows that belong together: each id once, recovered at the start, synced and closed together."""

from __future__ import annotations

from collections.abc import Iterator

from codeclm.lines import LinesFile
from codeclm.number_set import IdSet

__all__ = ["RowBooks"]


class RowBooks:
    """What the books of a run and of an evaluation share."""

    def __init__(self) -> None:
        self._files: dict[str, LinesFile] = {}  # in the order in which they are synced
        self._ids = IdSet()
        self._doubled = 0

    def __contains__(self, identity: str) -> bool:
        """Whether what has this id has its outcome on record."""
        return identity in self._ids

    @property
    def quarantined(self) -> int:
        """How many lines on file were no rows, and were moved aside at the start."""
        return sum(file.quarantined for file in self._files.values())

    def oddities(self) -> Iterator[str]:
        """What was wrong with the files at the start, in words."""
        for file in self._files.values():
            if file.quarantined:
                name = file.path.name
                yield f"{file.quarantined:,} bad lines of {name} are now in {name}.quarantine"
        if self._doubled:
            yield f"{self._doubled:,} rows are on file twice; the first of each counts"

    def sync(self) -> None:
        """Have the disk hold every row. Blocks."""
        for file in self._files.values():
            file.sync()

    def close(self) -> None:
        """Close the files."""
        for file in self._files.values():
            file.close()
        self._files = {}
