"""A directory that belongs to one user and, while it is held, to one process."""

from __future__ import annotations

import os
import stat
import sys
from contextlib import suppress
from pathlib import Path

from codeclm.errors import UsageError

if sys.platform != "win32":
    import fcntl

__all__ = ["HeldDirectory"]

LOCK = "cache.lock"
NOT_FOLLOWED = getattr(os, "O_NOFOLLOW", 0)


class HeldDirectory:
    """Holds ``path``, created for this user alone where it is missing, until ``release``.

    Raises UsageError where it belongs to somebody else, others may write to it, one of ``files`` in
    it is a symbolic link, or another process holds it.
    """

    def __init__(self, path: Path, files: tuple[str, ...] = ()) -> None:
        self.path = path
        try:
            path.mkdir(mode=0o700, parents=True, exist_ok=True)
            _check(path, (*files, LOCK))
            flags = os.O_RDWR | os.O_CREAT | NOT_FOLLOWED
            self._lock: int | None = os.open(path / LOCK, flags, 0o600)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise UsageError(f"the cache directory {path} cannot be used: {reason}") from None
        self._take()

    def create_private(self, name: str) -> None:
        """Create the file ``name`` for this user alone where it is missing."""
        os.close(os.open(self.path / name, os.O_RDWR | os.O_CREAT | NOT_FOLLOWED, 0o600))

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
            except OSError:
                holder = os.read(self._lock, 20).decode("ascii", "replace").strip() or "unknown"
                self.release()
                raise UsageError(
                    f"the cache {self.path} is in use by another run (process {holder}); "
                    "wait for it, stop it, or choose another cache directory"
                ) from None
        with suppress(OSError):  # a full disk: the lock holds all the same
            os.ftruncate(self._lock, 0)
            os.pwrite(self._lock, b"%d\n" % os.getpid(), 0)


def _check(path: Path, files: tuple[str, ...]) -> None:
    if sys.platform == "win32":
        return
    status = path.stat()
    if status.st_uid != os.getuid():
        raise UsageError(f"the cache directory {path} belongs to another user")
    if status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        raise UsageError(f"the cache directory {path} can be written by others: chmod go-w {path}")
    for name in files:
        if (path / name).is_symlink():
            raise UsageError(f"{path / name} is a symbolic link; a cache does not follow links")
