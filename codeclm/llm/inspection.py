"""Looks at a database before it is used: whose it is, and whether it is whole."""

from __future__ import annotations

import sqlite3
from contextlib import closing, suppress
from pathlib import Path

import diskcache

from codeclm.errors import UsageError
from codeclm.llm.directory import Unusable
from codeclm.llm.rawcache import MARK, NAMES, PARTS, TROUBLE

__all__ = ["FORMAT", "Broken", "cause", "inspect", "is_damage", "translate"]

FORMAT = 1
"""Kept as the database's ``user_version``; 0 are databases that hold rows in the old form."""
APPLICATION = 0x434C4D43
"""Kept as its ``application_id``, so that a damaged cache is still known as ours."""

DAMAGED = {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB}
LOCKED = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
MEDIUM = {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
SHORT_READ = 522  # SQLITE_IOERR_SHORT_READ: the file is cut


class Broken(UsageError):
    """Raised where the database is ours and damaged; ``rows`` tells whether its rows may be looked at."""

    def __init__(self, message: str, *, rows: bool = True) -> None:
        super().__init__(message)
        self.rows = rows


def inspect(path: Path) -> int:
    """The format of the database at ``path``, which is marked as ours where it is empty.

    Raises Broken, Unusable where this program cannot read the format, and UsageError for the database of another
    program: that one is not touched.
    """
    with suppress(*TROUBLE):  # a first look that changes no byte, past a log that was left
        _look(path, f"{path.resolve().as_uri()}?immutable=1", mark=False)
    return _look(path, f"{path.resolve().as_uri()}?mode=rw", mark=True)


def _look(path: Path, uri: str, *, mark: bool) -> int:
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        parts = set(connection.execute("SELECT type, name FROM sqlite_master"))
        names = set()
        if ("table", "Settings") in parts:
            names = {name for (name,) in connection.execute("SELECT key FROM Settings")}
        ((application,),) = connection.execute("PRAGMA application_id")
        ((version,),) = connection.execute("PRAGMA user_version")
        if parts and application != APPLICATION and MARK not in names:
            raise UsageError(
                f"{path} is not a cache of this program: choose another cache directory"
            )
        if parts - PARTS or names - NAMES:
            raise Broken("there are parts in it that are not ours", rows=False)
        ((pages,),) = connection.execute("PRAGMA page_count")
        if not parts and pages > 1:
            raise Broken("its table of contents is lost", rows=False)
        if version not in range(FORMAT + 1):
            raise Unusable(
                f"{path} is a cache of another version of this program (format {version})"
            )
        if mark and not parts:
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {FORMAT}")
            return FORMAT
        return int(version)


def translate(path: Path, error: BaseException) -> UsageError:
    """What ``error`` means for the database at ``path``: Broken, Unusable, or that somebody locks it."""
    reason = cause(error)
    code = getattr(_first(error), "sqlite_errorcode", None)
    primary = None if code is None else code & 0xFF
    if primary in LOCKED or isinstance(error, diskcache.Timeout):
        return UsageError(f"the cache {path} is in use by another program: {reason}")
    if code != SHORT_READ and (primary in MEDIUM or isinstance(error, (OSError, MemoryError))):
        return Unusable(f"the cache {path} cannot be opened: {reason}")
    return Broken(reason)


def is_damage(error: BaseException) -> bool:
    """Whether ``error`` says that the database itself is damaged."""
    code = getattr(_first(error), "sqlite_errorcode", None)
    return code is not None and code & 0xFF in DAMAGED


def cause(error: BaseException) -> str:
    """What went wrong first, in words."""
    first = _first(error)
    return str(first) or type(first).__name__


def _first(error: BaseException) -> BaseException:
    """A failed roll-back, say, is only the last link of the chain."""
    while isinstance(error.__context__, TROUBLE):
        error = error.__context__
    return error
