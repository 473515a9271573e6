"""An append-only file of JSON lines that survives kills: whole lines or none, each id once."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson

from codeclm.errors import RunStopped, UsageError

__all__ = ["LinesFile"]


class LinesFile:
    """Opened for appending. A torn last line, left by a kill, is moved to ``NAME.torn`` and cut off.

    Raises UsageError where the file cannot be opened or holds a line that is no row of ours.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            self._fd = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | _NO_LINK, 0o600)
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
        try:
            self._end = self._cut_torn_line()
        except BaseException:
            os.close(self._fd)
            raise

    def rows(self) -> Iterator[dict[str, Any]]:
        """Every row on file."""
        with self.path.open("rb") as file:
            for number, line in enumerate(file, 1):
                yield self._row(number, line)

    def append(self, row: dict[str, Any]) -> None:
        """Write one row with one write. Raises RunStopped, with the file as it was, where that fails."""
        data = orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)
        try:
            written = os.write(self._fd, data)
            while written < len(data):
                written += os.write(self._fd, data[written:])
        except OSError as error:
            os.ftruncate(self._fd, self._end)
            raise RunStopped(
                f"{self.path}: cannot be written ({error.strerror or error})"
            ) from None
        self._end += len(data)

    def sync(self) -> None:
        """Have the disk hold what was written. Blocks; raises RunStopped where the disk cannot."""
        try:
            os.fsync(self._fd)
        except OSError as error:
            raise RunStopped(f"{self.path}: the disk does not keep it ({error.strerror})") from None

    def close(self) -> None:
        """Close the file; it is not synced here."""
        os.close(self._fd)

    def _row(self, number: int, line: bytes) -> dict[str, Any]:
        try:
            row = orjson.loads(line)
        except orjson.JSONDecodeError:
            row = None
        if not isinstance(row, dict) or not isinstance(row.get("id"), str):
            raise UsageError(
                f"{self.path}, line {number}: no row of a run; restore the file or remove the line"
            )
        return row

    def _cut_torn_line(self) -> int:
        """Move what follows the last line end elsewhere; the size that is left."""
        size = os.fstat(self._fd).st_size
        good = self._end_of_last_line(size)
        if good < size:
            torn = os.pread(self._fd, size - good, good)
            flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _NO_LINK
            fd = os.open(self.path.with_name(self.path.name + ".torn"), flags, 0o600)
            with open(fd, "ab") as file:
                file.write(torn + b"\n")
            os.ftruncate(self._fd, good)
        return good

    def _end_of_last_line(self, size: int) -> int:
        end = size
        while end:
            start = max(0, end - (1 << 16))
            found = os.pread(self._fd, end - start, start).rfind(b"\n")
            if found >= 0:
                return start + found + 1
            end = start
        return 0


_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
