"""The file system as this program writes to it: a method a system call, so that each can fail in a test."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from codeclm.errors import UsageError

__all__ = ["NO_LINK", "REAL", "Disk", "RealDisk", "replace_file", "replace_json", "write_all"]

NO_LINK = getattr(os, "O_NOFOLLOW", 0)
CHUNK = 1 << 20


class Disk(Protocol):
    """Changes files; each method raises OSError. Nothing is sure to outlast a power cut before it is synced."""

    def open(self, path: Path, flags: int) -> int:
        """A descriptor; what is created is for this user alone, and a link is not followed."""
        ...

    def write(self, fd: int, data: bytes) -> int:
        """How many of the bytes were taken; perhaps not all."""
        ...

    def sync(self, fd: int) -> None:
        """Have the disk hold what was written."""
        ...

    def truncate(self, fd: int, size: int) -> None:
        """Cut the file to ``size``."""
        ...

    def close(self, fd: int) -> None:
        """Close it."""
        ...

    def replace(self, path: Path, other: Path) -> None:
        """Rename ``path`` to ``other``, in whose place it is."""
        ...

    def sync_directory(self, path: Path) -> None:
        """Have the disk hold the names in ``path``."""
        ...


class RealDisk:
    """The one there is."""

    def open(self, path: Path, flags: int) -> int:
        return os.open(path, flags | NO_LINK, 0o600)

    def write(self, fd: int, data: bytes) -> int:
        return os.write(fd, data)

    def sync(self, fd: int) -> None:
        getattr(os, "fdatasync", os.fsync)(fd)

    def truncate(self, fd: int, size: int) -> None:
        os.ftruncate(fd, size)

    def close(self, fd: int) -> None:
        os.close(fd)

    def replace(self, path: Path, other: Path) -> None:
        path.replace(other)

    def sync_directory(self, path: Path) -> None:
        fd = os.open(path, os.O_RDONLY)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)


REAL = RealDisk()


def write_all(disk: Disk, fd: int, data: bytes) -> None:
    """Write ``data`` to its end, however little is taken at a time."""
    written = disk.write(fd, data)
    while written < len(data):
        taken = disk.write(fd, data[written:])
        if not taken:
            raise OSError(errno.EIO, "nothing is taken any more")
        written += taken


def replace_file(path: Path, chunks: Iterable[bytes], disk: Disk = REAL) -> None:
    """Write ``path`` whole or not at all: beside it, synced, then renamed over it. Raises UsageError."""
    beside = path.with_name(f".{path.name}.new")
    try:
        beside.unlink(missing_ok=True)  # a left-over, or a link that leads elsewhere
        fd = disk.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
        try:
            for data in _gathered(chunks):
                write_all(disk, fd, data)
            disk.sync(fd)
        finally:
            disk.close(fd)
        disk.replace(beside, path)
        disk.sync_directory(path.parent)
    except OSError as error:
        with suppress(OSError):
            beside.unlink(missing_ok=True)
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None


def _gathered(chunks: Iterable[bytes]) -> Iterable[bytes]:
    """The same bytes in pieces that are worth a call."""
    pieces: list[bytes] = []
    size = 0
    for chunk in chunks:
        pieces.append(chunk)
        size += len(chunk)
        if size >= CHUNK:
            yield b"".join(pieces)
            pieces, size = [], 0
    if pieces:
        yield b"".join(pieces)


def replace_json(path: Path, value: Mapping[str, Any], disk: Disk = REAL) -> None:
    """As ``replace_file``, with an object in the form in which people read it."""
    replace_file(path, [json.dumps(value, indent=2, ensure_ascii=False).encode() + b"\n"], disk)
