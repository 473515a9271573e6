"""Records as JSON lines, written as they come."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from codeclm.lines import line_of

__all__ = ["JsonLines"]


class JsonLines:
    """A new file at ``path``, open while the block lasts."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> JsonLines:
        self._file = self._path.open("xb")
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()

    def write(self, record: dict[str, Any]) -> None:
        """Append one record."""
        self._file.write(line_of(record))
