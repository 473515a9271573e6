"""File systems that fail on purpose, beneath the real code."""

from __future__ import annotations

import errno
import os
from collections.abc import Mapping
from pathlib import Path
from random import Random

from codeclm.disk import RealDisk

__all__ = ["FaultyDisk", "Killed", "LossyDisk"]


class Killed(BaseException):
    """What a dead process does from here on: nothing."""


class FaultyDisk(RealDisk):
    """Takes ``at_most`` bytes a write; fails the calls in ``errors`` ({"sync": {2: EIO}}: the second sync).

    With ``kill_after`` nothing is done any more after so many calls; with ``torn`` the last one of them, if it is a
    write, is done by half.
    """

    def __init__(
        self,
        *,
        errors: Mapping[str, Mapping[int, int]] | None = None,
        at_most: int = 1 << 40,
        kill_after: int = 1 << 40,
        torn: bool = False,
    ) -> None:
        self._errors = errors or {}
        self._at_most = at_most
        self._kill_after = kill_after
        self._torn = torn
        self.calls: dict[str, int] = {}
        self.done = 0

    def write(self, fd: int, data: bytes) -> int:
        self._begin("write")
        last = self.done == self._kill_after
        taken = super().write(fd, data[: len(data) // 2 if last and self._torn else self._at_most])
        self._end()
        return taken

    def sync(self, fd: int) -> None:
        self._begin("sync")  # only a power cut could tell whether it was done
        self._end()

    def truncate(self, fd: int, size: int) -> None:
        self._begin("truncate")
        super().truncate(fd, size)
        self._end()

    def open(self, path: Path, flags: int) -> int:
        self._begin("open")
        fd = super().open(path, flags)
        try:
            self._end()
        except Killed:
            os.close(fd)
            raise
        return fd

    def replace(self, path: Path, other: Path) -> None:
        self._begin("replace")
        super().replace(path, other)
        self._end()

    def sync_directory(self, path: Path) -> None:
        self._begin("sync_directory")
        self._end()

    def _begin(self, call: str) -> None:
        if self.done >= self._kill_after:
            raise Killed
        self.done += 1
        number = self.calls[call] = self.calls.get(call, 0) + 1
        error = self._errors.get(call, {}).get(number)
        if error is not None:
            raise OSError(error, os.strerror(error))

    def _end(self) -> None:
        if self.done >= self._kill_after:
            raise Killed


class LossyDisk(FaultyDisk):
    """Knows what would outlast a power cut: contents that were synced, names whose directory was."""

    def __init__(self, *, kill_after: int = 1 << 40) -> None:
        super().__init__(kill_after=kill_after)
        self._file_of: dict[int, int] = {}
        self._names: dict[Path, int] = {}
        self._durable_names: dict[Path, int] = {}
        self._durable: list[bytes] = []

    def open(self, path: Path, flags: int) -> int:
        existed = path.exists()
        fd = super().open(path, flags)
        if not existed or path not in self._names:
            self._names[path] = len(self._durable)
            self._durable.append(path.read_bytes() if existed else b"")
            if existed:
                self._durable_names[path] = self._names[path]
        self._file_of[fd] = self._names[path]
        return fd

    def sync(self, fd: int) -> None:
        live = (
            os.pread(fd, os.fstat(fd).st_size, 0) if _readable(fd) else self._path(fd).read_bytes()
        )
        super().sync(fd)
        self._durable[self._file_of[fd]] = live

    def replace(self, path: Path, other: Path) -> None:
        super().replace(path, other)
        self._names[other] = self._names.pop(path)

    def sync_directory(self, path: Path) -> None:
        super().sync_directory(path)
        self._durable_names = {
            name: file for name, file in self._names.items() if name.parent == path
        }

    def after_the_cut(self, directory: Path, random: Random) -> None:
        """Write into ``directory`` what the disk may hold when the power is back."""
        directory.mkdir(mode=0o700)
        for name in {*self._names, *self._durable_names}:
            choices = [names.get(name) for names in (self._names, self._durable_names)]
            file = random.choice(choices)
            if file is not None:
                (directory / name.name).write_bytes(self._survivor(name, file, random))

    def _survivor(self, name: Path, file: int, random: Random) -> bytes:
        durable = self._durable[file]
        if self._names.get(name) != file or not name.exists():
            return durable
        live = name.read_bytes()
        if not live.startswith(durable):  # cut or replaced, and not synced since
            return random.choice([live, durable])
        new = live[len(durable) :]
        kept = new[: random.randint(0, len(new))]
        return durable + random.choice([kept, bytes(len(kept))])  # or only its length was written

    def _path(self, fd: int) -> Path:
        return next(path for path, file in self._names.items() if file == self._file_of[fd])


def _readable(fd: int) -> bool:
    try:
        os.pread(fd, 1, 0)
    except OSError as error:
        return error.errno != errno.EBADF
    return True
