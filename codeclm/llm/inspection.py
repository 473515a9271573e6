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
NEVER_REACHED = 255
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


def inspect(path: Path, busy_s: float) -> int:
    """The format of the database at ``path``, which is marked as ours where it is empty.

    A foreign lock on it is waited for so long. Raises Broken, Unusable where this program cannot read the format, and
    UsageError for the database of another program: that one is not touched.
    """
    uri = path.resolve().as_uri()
    with suppress(*TROUBLE), closing(sqlite3.connect(f"{uri}?immutable=1", uri=True)) as connection:
        _judge(path, connection)  # a first look that changes no byte, past a log that was left
    with closing(sqlite3.connect(f"{uri}?mode=rw", busy_s, uri=True)) as connection:
        empty, version = _judge(path, connection)
        connection.execute("BEGIN IMMEDIATE")  # diskcache would wait a minute for a foreign lock
        connection.rollback()
        if not empty:
            return version
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {FORMAT}")
        return FORMAT


def _judge(path: Path, connection: sqlite3.Connection) -> tuple[bool, int]:
    """Whether there is nothing in the database, and its format."""
    parts = set(connection.execute("SELECT type, name FROM sqlite_master"))
    names = set()
    if ("table", "Settings") in parts:
        names = {name for (name,) in connection.execute("SELECT key FROM Settings")}
    application, version, pages = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("application_id", "user_version", "page_count")
    )
    if parts and application != APPLICATION and MARK not in names:
        raise UsageError(f"{path} is not a cache of this program: choose another cache directory")
    if parts - PARTS or names - NAMES:
        raise Broken("there are parts in it that are not ours", rows=False)
    if not parts and pages > 1:
        raise Broken("its table of contents is lost", rows=False)
    if not 0 <= version <= NEVER_REACHED:
        raise Broken("its format has no meaning")
    if version > FORMAT:
        raise Unusable(f"{path} is a cache of another version of this program (format {version})")
    return not parts, version


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
