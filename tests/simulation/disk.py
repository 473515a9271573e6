"""The disk of a simulated run: real files, failures, writes by halves, and what a power cut leaves of them."""

from __future__ import annotations

import os
from pathlib import Path

from codeclm.disk import RealDisk
from tests.simulation.universe import Dead, Universe

__all__ = ["SeededDisk"]


class SeededDisk(RealDisk):
    """Each operation is an event: it may fail, or be the last, done or not done, a write also by half.

    Knows what of each file is safe: its size at the last sync, its name once the directory was synced.
    """

    def __init__(self, universe: Universe) -> None:
        self._universe = universe
        self._path_of: dict[int, Path] = {}
        self._safe_size: dict[Path, int] = {}
        self._new: dict[Path, None] = {}
        self._replaced: dict[Path, bytes | None] = {}

    def open(self, path: Path, flags: int) -> int:
        self._begin("open")
        is_new = not path.exists()
        fd = super().open(path, flags)
        self._path_of[fd] = path
        if is_new:
            self._new[path] = None
        self._safe_size.setdefault(path, 0 if is_new else path.stat().st_size)
        return fd

    def write(self, fd: int, data: bytes) -> int:
        was_dead = self._universe.dead
        try:
            self._begin("write")
        except Dead:
            if not was_dead:
                super().write(fd, data[: self._universe.random.randint(0, len(data))])
            raise
        if self._universe.random.random() < 0.02:
            data = data[: max(1, len(data) // 2)]
        return super().write(fd, data)

    def sync(self, fd: int) -> None:
        self._begin("sync")
        self._safe_size[self._path_of[fd]] = os.fstat(fd).st_size

    def truncate(self, fd: int, size: int) -> None:
        self._begin("truncate")
        super().truncate(fd, size)
        path = self._path_of[fd]
        self._safe_size[path] = min(self._safe_size[path], size)

    def close(self, fd: int) -> None:
        self._path_of.pop(fd, None)
        super().close(fd)

    def replace(self, path: Path, other: Path) -> None:
        self._begin("replace")
        self._replaced.setdefault(other, other.read_bytes() if other.exists() else None)
        super().replace(path, other)
        self._new.pop(path, None)
        self._safe_size[other] = self._safe_size.pop(path, 0)

    def sync_directory(self, path: Path) -> None:
        self._begin("sync_directory")
        self._new.clear()
        self._replaced.clear()

    def cut_power(self) -> None:
        """Leave what a power cut may leave: of what was not synced any part, or its length alone."""
        random = self._universe.random
        for path, safe in self._safe_size.items():
            if path.exists():
                data = path.read_bytes()
                kept = data[safe : random.randint(safe, max(safe, len(data)))]
                path.write_bytes(data[:safe] + random.choice((kept, bytes(len(kept)))))
        for path in self._new:
            if random.random() < 0.5:
                path.unlink(missing_ok=True)
        for path, before in self._replaced.items():
            if random.random() < 0.5:
                if before is None:
                    path.unlink()
                else:
                    path.write_bytes(before)

    def _begin(self, kind: str) -> None:
        self._universe.happen(kind)
        error = self._universe.disk_error()
        if error is not None:
            raise error
