"""diskcache, hardened: text keys and raw bytes in one database, and nothing that a row asks for."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import diskcache
from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_RAW

from codeclm.llm.seal import BadRow

__all__ = [
    "DATABASE",
    "FOUND_AT_ONCE",
    "LEGIBLE",
    "MARK",
    "NAMES",
    "PARTS",
    "SETTINGS",
    "TROUBLE",
    "Columns",
    "RawCache",
    "RawDisk",
]

DATABASE = "cache.db"
NO_LIMIT = 2**62
SETTINGS = {
    "cull_limit": 0,
    "disk_min_file_size": NO_LIMIT,  # a value in a file of its own can be lost or left behind
    "disk_pickle_protocol": 0,
    "eviction_policy": "none",
    "size_limit": NO_LIMIT,
    "sqlite_auto_vacuum": 0,
    "sqlite_cache_size": 2**13,
    "sqlite_journal_mode": "wal",
    "sqlite_mmap_size": 0,  # a mapped file that somebody cuts kills the process
    "sqlite_synchronous": 1,
    "sqlite_trusted_schema": 0,
    "sqlite_wal_autocheckpoint": 10_000,  # pages; each checkpoint rewrites the same index pages
    "statistics": 0,
    "tag_index": 0,
}
NAMES = {*SETTINGS, *DEFAULT_SETTINGS, *METADATA}
"""Settings that may be found in the database."""
MARK = "sqlite_trusted_schema"
"""A setting that no other user of diskcache has."""
EXPIRY = "Cache_expire_time"
PARTS = {
    ("table", "Settings"),
    ("table", "Cache"),
    ("index", "sqlite_autoindex_Settings_1"),
    ("index", "Cache_key_raw"),
    ("index", EXPIRY),
    ("trigger", "Settings_count_insert"),
    ("trigger", "Settings_count_delete"),
    ("trigger", "Settings_size_insert"),
    ("trigger", "Settings_size_update"),
    ("trigger", "Settings_size_delete"),
}
"""What diskcache makes in a database."""
KEEP = """
INSERT INTO Cache (key, raw, store_time, access_time, mode, value) VALUES (?, 1, ?, ?, ?, ?)
ON CONFLICT (key, raw) DO UPDATE SET
    store_time = excluded.store_time, access_time = excluded.access_time, access_count = 0,
    expire_time = NULL, tag = NULL, size = 0, filename = NULL,
    mode = excluded.mode, value = excluded.value
"""
FOUND_AT_ONCE = 32
_FIND_ONE = "SELECT key, mode, filename, value FROM Cache WHERE raw = 1 AND key IN (?)"
_FIND_MANY = _FIND_ONE.replace("?", ",".join("?" * FOUND_AT_ONCE))
FIND = {1: _FIND_ONE, FOUND_AT_ONCE: _FIND_MANY}
_OURS = (
    "raw = 1 AND mode = 1 AND filename IS NULL AND typeof(key) = 'text' AND typeof(value) = 'blob'"
)
LEGIBLE = (
    f"rowid, CASE WHEN {_OURS} THEN CAST(key AS BLOB) END, CASE WHEN {_OURS} THEN value END,"
    " CASE WHEN typeof(store_time) IN ('integer', 'real') THEN store_time ELSE 0 END"
)
"""Columns that any row can be read by: number, key (bytes) and value, both NULL where it is none of ours, and time."""
# The last ones are what diskcache and sqlite3 raise over names, numbers and settings that are rubbish.
TROUBLE = (
    sqlite3.Error,
    diskcache.Timeout,
    OSError,
    MemoryError,
    ArithmeticError,
    AttributeError,
    TypeError,
    ValueError,
)


Columns = Sequence[Any]
"""Mode, file name and value of a row."""


class RawDisk(diskcache.Disk):  # type: ignore[misc]
    """Text keys and raw bytes in the database itself.

    diskcache's own one unpickles what a row tells it to and opens and deletes the files it names.
    """

    def put(self, key: Any) -> tuple[str, bool]:
        """The key as it is stored."""
        if type(key) is not str:
            raise TypeError("a key is text")
        return key, True

    def get(self, key: Any, raw: Any) -> str:
        """The stored key as it was put."""
        if type(key) is not str or raw != 1:
            raise BadRow
        return key

    def store(
        self, value: Any, read: bool, key: object = None
    ) -> tuple[int, int, None, sqlite3.Binary]:
        """The columns size, mode, filename and value."""
        if type(value) is not bytes or read:
            raise TypeError("a value is bytes")
        return 0, MODE_RAW, None, sqlite3.Binary(value)

    def fetch(self, mode: Any, filename: Any, value: Any, read: bool) -> bytes:
        """The value of a row."""
        if mode != MODE_RAW or filename is not None or type(value) is not bytes or read:
            raise BadRow
        return value

    def filename(self, key: object = None, value: object = None) -> tuple[str, str]:
        """There are no files."""
        raise BadRow

    def remove(self, file_path: object) -> None:
        """There are no files, whatever a row says."""


class RawCache(diskcache.Cache):  # type: ignore[misc]
    """diskcache's table, connection and transactions, at half the cost of a ``get`` or a ``set``."""

    def slim(self) -> None:
        """Do without the upkeep of counts and of expiry times, which are never read here."""
        for kind, name in PARTS:
            if kind == "trigger":
                self._sql(f"DROP TRIGGER IF EXISTS {name}")
        ((statement,),) = self._sql("SELECT sql FROM sqlite_master WHERE name = ?", (EXPIRY,))
        if "WHERE" not in statement:
            self._sql(f"DROP INDEX {EXPIRY}")
            self._sql(f"CREATE INDEX {EXPIRY} ON Cache (expire_time) WHERE expire_time NOT NULL")

    def run(self, statement: str, values: Iterable[object] = ()) -> list[tuple[Any, ...]]:
        """The rows of one statement of ours."""
        rows: list[tuple[Any, ...]] = self._sql(statement, tuple(values)).fetchall()
        return rows

    def each(self, statement: str) -> Iterable[tuple[Any, ...]]:
        """The same, one by one."""
        rows: Iterable[tuple[Any, ...]] = self._sql(statement)
        return rows

    def keep(self, rows: Iterable[tuple[str, bytes, float]]) -> None:
        """What ``set`` does for raw values without expiry, in one statement each: key, value, time."""
        self._con.executemany(KEEP, ((key, at, at, MODE_RAW, value) for key, value, at in rows))

    def find(self, keys: Sequence[str]) -> dict[str, Columns]:
        """The rows of those of ``keys`` that there are, by key: of 1, or of 32, which costs a quarter less for each."""
        return {key: columns for key, *columns in self._con.execute(FIND[len(keys)], keys)}

    def value_of(self, columns: Columns) -> bytes:
        """What ``get`` makes of a row without expiry. Raises BadRow for one that is none of ours."""
        value: bytes = self.disk.fetch(*columns, False)
        return value

    def abandon(self) -> None:
        """End a transaction that is still open."""
        self._txn_id = None
        if self._con.in_transaction:
            self._con.rollback()
