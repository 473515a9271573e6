"""A disk that is full soon: a real one, of a few hundred kilobytes."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

__all__ = ["SmallDisk", "small_disk"]


class SmallDisk:
    """A file system of its own at ``path``."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def resize(self, size: str) -> None:
        """Let it have ``size``, like "4m"."""
        _mount("-o", f"remount,size={size}", self.path)

    def protect(self) -> None:
        """Let nobody write to it."""
        _mount("-o", "remount,ro", self.path)

    def fill(self) -> Path:
        """Take what is left of it; the file to delete."""
        filler = self.path / "filler"
        with filler.open("wb", buffering=0) as file:
            for size in (4096, 1):
                try:
                    while True:
                        file.write(b"x" * size)
                except OSError:
                    pass
        return filler


@contextmanager
def small_disk(path: Path, size: str) -> Iterator[SmallDisk]:
    """Skips the test where this user may not mount."""
    if os.getuid() != 0:
        pytest.skip("only root can mount a small disk")
    path.mkdir()
    try:
        _mount("-t", "tmpfs", "-o", f"size={size},mode=700", "tmpfs", path)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no file system can be mounted here")
    try:
        yield SmallDisk(path)
    finally:
        subprocess.run(["umount", "--lazy", str(path)], check=True)


def _mount(*arguments: object) -> None:
    subprocess.run(["mount", *map(str, arguments)], check=True, capture_output=True)
