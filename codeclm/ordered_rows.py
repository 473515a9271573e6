"""Rows in the order of their keys, however many there are: they wait in a file, and only keys in memory."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Any

from codeclm.errors import UsageError
from codeclm.lines import line_of, row_of

__all__ = ["OrderedRows"]

_PLACE_BYTES = 8


class OrderedRows:
    """Takes rows in any order and gives them back sorted by key, some 70 bytes of memory each.

    The file is in ``directory``, has no name and goes with the block. Of equal keys the first added comes first.
    Raises UsageError where it cannot be written.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._keys: list[bytes] = []
        self._end = 0

    def __enter__(self) -> OrderedRows:
        self._file = tempfile.TemporaryFile(dir=self._directory)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._file.close()

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, key: str, row: dict[str, Any]) -> None:
        """Keep ``row`` under ``key``."""
        line = line_of(row)
        try:
            self._file.write(line)
        except OSError as error:
            raise UsageError(
                f"{self._directory}: cannot be written ({error.strerror or error})"
            ) from None
        # A NUL after the key keeps a short key before a longer one that begins with it.
        self._keys.append(key.encode() + b"\0" + self._end.to_bytes(_PLACE_BYTES, "big"))
        self._end += len(line)

    def __iter__(self) -> Iterator[dict[str, Any]]:
        self._keys.sort()
        for key in self._keys:
            self._file.seek(int.from_bytes(key[-_PLACE_BYTES:], "big"))
            row = row_of(self._file.readline())
            assert row is not None
            yield row
