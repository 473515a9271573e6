"""A directory that belongs to one user and, while it is held, to one process."""

from __future__ import annotations

import errno
import os
import stat
import sys
from contextlib import suppress
from itertools import count
from pathlib import Path

from codeclm.errors import UsageError

if sys.platform != "win32":
    import fcntl

__all__ = ["HeldDirectory", "Unusable", "check_private"]

LOCK = "cache.lock"
NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0)
MEDIUM = {errno.EDQUOT, errno.EIO, errno.ENOSPC, errno.EROFS}


class Unusable(UsageError):
    """Raised where the medium is the trouble (full, read-only, failing): what is in it may be good."""


class HeldDirectory:
    """Holds ``path``, created for this user alone where it is missing, until ``release``.

    Raises UsageError where it belongs to somebody else, others may write to it, one of ``files`` in
    it is a symbolic link, or another process holds it; Unusable where the medium takes nothing.
    """

    def __init__(self, path: Path, files: tuple[str, ...] = ()) -> None:
        self.path = path
        self._files = files
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            check_private(path, "the cache directory ")
            _refuse_links(path, (*files, LOCK))
            flags = os.O_RDWR | os.O_CREAT | NOT_FOLLOWED
            self._lock: int | None = os.open(path / LOCK, flags, 0o600)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            kind = Unusable if error.errno in MEDIUM else UsageError
            raise kind(f"the cache directory {path} cannot be used: {reason}") from None
        self._take()

    def create_private(self, name: str) -> None:
        """Create the file ``name`` for this user alone where it is missing."""
        os.close(os.open(self.path / name, os.O_RDWR | os.O_CREAT | NOT_FOLLOWED, 0o600))

    def set_aside(self) -> str:
        """Rename the files to ``NAME.broken-N``, the first of them last; the new name of that one."""
        main = self._files[0]
        used = {entry.name for entry in self.path.iterdir()}
        number = next(n for n in count(1) if not any(f"{main}.broken-{n}" in name for name in used))
        aside = f"{main}.broken-{number}"
        for name in reversed(self._files):  # a log that stayed would be played into the new file
            with suppress(FileNotFoundError):
                (self.path / name).rename(self.path / (aside + name.removeprefix(main)))
        return aside

    def release(self) -> None:
        """Let others have it; harmless when done twice."""
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None

    def _take(self) -> None:
        assert self._lock is not None
        if sys.platform != "win32":
            try:
                fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                holder = os.read(self._lock, 20).decode("ascii", "replace").strip() or "unknown"
                self.release()
                raise UsageError(
                    f"the cache {self.path} is in use by another run (process {holder}); "
                    "wait for it, stop it, or choose another cache directory"
                ) from None
            except OSError as error:
                self.release()
                raise UsageError(
                    f"the cache {self.path} cannot be locked: {error.strerror}"
                ) from None
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)


def check_private(path: Path, what: str = "") -> None:
    """Raises UsageError where ``path`` belongs to somebody else or others may write to it."""
    if sys.platform == "win32":
        return
    status = path.stat()
    if status.st_uid != os.getuid():
        raise UsageError(f"{what}{path} belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(f"{what}{path} can be written by others: chmod go-w {path}")


def _refuse_links(path: Path, files: tuple[str, ...]) -> None:
    for name in files:
        if (path / name).is_symlink():
            raise UsageError(f"{path / name} is a symbolic link; a cache does not follow links")
