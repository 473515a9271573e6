"""An append-only file of JSON lines that survives kills: whole lines or none, each id once."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, BinaryIO

import orjson

from codeclm.disk import REAL, Disk, replace_file, write_all
from codeclm.errors import RunStopped, UsageError
from codeclm.number_set import IdSet

__all__ = ["READ_BYTES", "LinesFile", "Row", "each_once", "line_of", "row_of"]

Row = dict[str, Any]

READ_BYTES = 1 << 18
"""At once: a resumed run reads all rows at its start, and with Python's 8 KB that takes twice as long."""


class LinesFile:
    """Opened for appending. A torn last line, left by a kill, is moved to ``NAME.torn`` and cut off.

    Raises UsageError where the file cannot be opened. One thread may append while another one syncs.
    """

    def __init__(self, path: Path, disk: Disk = REAL) -> None:
        self.path = path
        self._disk = disk
        self._guard = threading.Lock()
        self._refusal = ""
        self._fd = -1
        self._end = self._opened_end = self._synced = 0
        self.quarantined = 0
        try:
            self._open()
        except OSError as error:
            raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None

    def recover(self) -> Iterator[Row]:
        """Every row on file.

        Once all are read, lines that are no rows of a run are moved to ``NAME.quarantine`` and counted in
        ``quarantined``. Raises UsageError where they cannot be.
        """
        strange: set[int] = set()
        with self._opened() as file:
            for number, line in enumerate(file, 1):
                row = row_of(line)
                if row is None:
                    strange.add(number)
                else:
                    yield row
        if strange:
            self._quarantine(strange)
            self.quarantined += len(strange)

    def rows(self) -> Iterator[Row]:
        """Every row on file."""
        with self._opened() as file:
            for number, line in enumerate(file, 1):
                row = row_of(line)
                if row is None:
                    raise UsageError(f"{self.path}, line {number}: no row of a run")
                yield row

    def _opened(self) -> BinaryIO:
        return self.path.open("rb", buffering=READ_BYTES)

    def rewrite(self, lines: Iterator[bytes]) -> None:
        """Replace all that is on file by ``lines``, or nothing of it. Raises UsageError."""
        replace_file(self.path, lines, self._disk)
        self.close()
        try:
            self._open()
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be opened ({error.strerror or error})") from None

    def append(self, row: Row) -> None:
        """Write one row with one write. Raises RunStopped, with the file as it was, where that fails."""
        data = line_of(row)
        with self._guard:
            self._check()
            try:
                write_all(self._disk, self._fd, data)
            except OSError as error:
                self._cut(self._end)
                raise RunStopped(
                    f"{self.path}: cannot be written ({error.strerror or error})"
                ) from None
            self._end += len(data)

    def sync(self) -> None:
        """Have the disk hold what was written. Blocks.

        Raises RunStopped where the disk cannot: now and ever after, for it may have forgotten what it could not write
        and say yes when asked again. What it did not hold is cut off.
        """
        with self._guard:
            self._check()
            end, first = self._end, self._synced < 0
        if end == self._synced:
            return
        try:
            self._disk.sync(self._fd)
            if first:
                self._disk.sync_directory(self.path.parent)
        except OSError as error:
            with self._guard:
                self._refusal = f"{self.path}: the disk does not keep it ({error.strerror})"
                self._cut(self._opened_end if first else self._synced)
            raise RunStopped(self._refusal) from None
        self._synced = end

    def close(self) -> None:
        """Close the file; it is not synced here. Harmless when done twice."""
        fd, self._fd = self._fd, -1
        if fd >= 0:
            self._disk.close(fd)

    def _open(self) -> None:
        self._synced = -1  # a process that was killed may have left all of it unsynced
        self._fd = self._disk.open(self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND)
        try:
            self._end = self._opened_end = self._cut_torn_line()
        except BaseException:
            self.close()
            raise

    def _check(self) -> None:
        if self._refusal:
            raise RunStopped(self._refusal)

    def _cut(self, size: int) -> None:
        """Give up what is after ``size``; where even that fails, nothing more is appended."""
        try:
            self._disk.truncate(self._fd, size)
            self._end = size
        except OSError as error:
            self._refusal = f"{self.path}: cannot be written any more ({error.strerror or error})"

    def _cut_torn_line(self) -> int:
        """Move what follows the last line end elsewhere; the size that is left."""
        size = os.fstat(self._fd).st_size
        good = self._end_of_last_line(size)
        if good < size:
            self._put_by("torn", [os.pread(self._fd, size - good, good) + b"\n"])
            self._disk.truncate(self._fd, good)
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

    def _quarantine(self, numbers: set[int]) -> None:
        def lines(*, strange: bool) -> Iterator[bytes]:
            with self._opened() as file:
                for number, line in enumerate(file, 1):
                    if (number in numbers) is strange:
                        yield line

        try:
            self._put_by("quarantine", lines(strange=True))
            replace_file(self.path, lines(strange=False), self._disk)
            self.close()
            self._open()
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be mended ({error.strerror or error})") from None

    def _put_by(self, ending: str, lines: Iterator[bytes] | list[bytes]) -> None:
        """Append ``lines`` to ``NAME.ending``."""
        path = self.path.with_name(f"{self.path.name}.{ending}")
        fd = self._disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        try:
            for line in lines:
                write_all(self._disk, fd, line)
            self._disk.sync(fd)
        finally:
            self._disk.close(fd)


def line_of(row: Row) -> bytes:
    """``row`` as a line of a file."""
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def row_of(line: bytes) -> Row | None:
    """The row in ``line``; None where it is no row of a run."""
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        return None
    return row if isinstance(row, dict) and isinstance(row.get("id"), str) else None


def each_once(rows: Iterable[Row]) -> Iterator[Row]:
    """``rows``; of equal ids the first counts."""
    seen = IdSet()
    return (row for row in rows if seen.add(row["id"]))
