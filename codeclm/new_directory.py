"""A directory that comes to be whole or not at all."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from codeclm.errors import UsageError

__all__ = ["check_new", "new_directory"]


def check_new(path: Path, *, mark: str = "", force: bool = False) -> None:
    """Raises UsageError where ``path`` is taken: nothing that is there is ever written over.

    With ``force`` a directory goes that holds a file ``mark``, which shows that the same command made it.
    """
    if path.is_symlink() or (path.exists() and not path.is_dir()):
        raise UsageError(f"{path}: it is there, and no directory; give another -o")
    if not path.exists() or not any(path.iterdir()):
        return
    if not mark or not (path / mark).is_file():
        raise UsageError(f"{path}: not empty; give a new directory")
    if not force:
        raise UsageError(f"{path}: it is there; give another -o, or --force to replace it")


@contextmanager
def new_directory(path: Path, *, mark: str = "", force: bool = False) -> Iterator[Path]:
    """A place to write what is to be ``path``: it gets that name at the end of the block, if nothing is raised.

    See ``check_new`` for when that is refused. Raises UsageError where it cannot be written.
    """
    check_new(path, mark=mark, force=force)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        beside = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".new", dir=path.parent))
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
    try:
        yield beside
        check_new(path, mark=mark, force=force)  # somebody else may have been quicker
        _sync(beside)
        _put(beside, path)
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
    finally:
        shutil.rmtree(beside, ignore_errors=True)


def _sync(directory: Path) -> None:
    for place, _, names in os.walk(directory, topdown=False):
        for name in [*names, "."]:
            fd = os.open(Path(place, name), os.O_RDONLY)
            try:
                os.fsync(fd)
            finally:
                os.close(fd)


def _put(beside: Path, path: Path) -> None:
    """What is at ``path`` is moved out of the way first, so that there is never half of each."""
    before = Path(tempfile.mkdtemp(prefix=f".{path.name}.", suffix=".old", dir=path.parent))
    if path.exists():
        path.replace(before)
    try:
        beside.replace(path)
    except OSError:
        before.replace(path)
        raise
    shutil.rmtree(before, ignore_errors=True)
