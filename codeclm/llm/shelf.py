"""diskcache, hardened: bytes by name in one database, trusting nothing that is found in it."""

from __future__ import annotations

import sqlite3
import time
import zlib
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import diskcache
from diskcache.core import DEFAULT_SETTINGS, METADATA, MODE_RAW

from codeclm.errors import UsageError
from codeclm.llm.directory import HeldDirectory

__all__ = ["BUSY_S", "Job", "Outcome", "Shelf", "Trouble", "seal"]

DATABASE = "cache.db"
FILES = (DATABASE, f"{DATABASE}-wal", f"{DATABASE}-shm")
BUSY_S = 5
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
KEEP = """
INSERT INTO Cache (key, raw, store_time, access_time, mode, value) VALUES (?, 1, ?, ?, ?, ?)
ON CONFLICT (key, raw) DO UPDATE SET
    store_time = excluded.store_time, access_time = excluded.access_time, access_count = 0,
    expire_time = NULL, tag = NULL, size = 0, filename = NULL,
    mode = excluded.mode, value = excluded.value
"""
# The last three are what diskcache and sqlite3 raise over names and settings that are rubbish.
TROUBLE = (sqlite3.Error, diskcache.Timeout, OSError, AttributeError, TypeError, ValueError)


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with one job; ``reason`` is the same for all that fail for it."""

    reason: str


class BadRow(Exception):
    """Raised for a row that this store cannot have written."""


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
    """diskcache's table, connection and transactions, at half the cost of a ``set``."""

    def slim(self) -> None:
        """Do without the upkeep of counts and of expiry times, which are never read here."""
        for kind, name in PARTS:
            if kind == "trigger":
                self._sql(f"DROP TRIGGER IF EXISTS {name}")
        ((statement,),) = self._sql("SELECT sql FROM sqlite_master WHERE name = ?", (EXPIRY,))
        if "WHERE" not in statement:
            self._sql(f"DROP INDEX {EXPIRY}")
            self._sql(f"CREATE INDEX {EXPIRY} ON Cache (expire_time) WHERE expire_time NOT NULL")

    def keep(self, rows: Iterable[tuple[str, bytes]]) -> None:
        """What ``set`` does for raw values without expiry, in one statement each."""
        now = time.time()
        self._con.executemany(KEEP, ((key, now, now, MODE_RAW, value) for key, value in rows))

    def abandon(self) -> None:
        """End a transaction that is still open."""
        self._txn_id = None
        if self._con.in_transaction:
            self._con.rollback()


def seal(key: str, value: bytes) -> bytes:
    """``value`` behind a checksum of key and value, so that a row cannot answer for another."""
    return zlib.crc32(value, zlib.crc32(key.encode())).to_bytes(4, "big") + value


def unseal(key: str, sealed: bytes) -> bytes:
    """The value in ``sealed``. Raises BadRow where the checksum is another."""
    value = sealed[4:]
    if seal(key, value) != sealed:
        raise BadRow
    return value


Job = tuple[str, bytes | None]
Outcome = bytes | Trouble | None


class Shelf:
    """The database, opened, used and closed by one thread.

    SQLite before 3.51.3 can lose commits when two connections of one database checkpoint at once.
    """

    def __init__(self, directory: Path, busy_s: float = BUSY_S) -> None:
        self._held = HeldDirectory(directory, FILES)
        try:
            self._held.create_private(DATABASE)
            _inspect(directory / DATABASE)
            self._cache = RawCache(str(directory), busy_s, RawDisk, **SETTINGS)
            self._cache.slim()
        except TROUBLE as error:
            self._held.release()
            raise UsageError(f"the cache {directory} cannot be opened: {_cause(error)}") from None
        except BaseException:
            self._held.release()
            raise

    def serve(self, jobs: Sequence[Job]) -> list[Outcome]:
        """Write where a job has a value, in one commit; then read where it has none."""
        rows = [(key, seal(key, value)) for key, value in jobs if value is not None]
        failure = self._write(rows) if rows else None
        return [self._read(key) if value is None else failure for key, value in jobs]

    def close(self) -> None:
        """Fold the write-ahead log into the database and let go of the directory."""
        try:
            with suppress(*TROUBLE):
                self._cache.close()
        finally:
            self._held.release()

    def _read(self, key: str) -> Outcome:
        try:
            sealed = self._cache.get(key)
            return None if sealed is None else unseal(key, sealed)
        except BadRow:
            return Trouble("a kept answer was damaged and is asked for again")
        except TROUBLE as error:
            return Trouble(f"a kept answer could not be read: {_cause(error)}")

    def _write(self, rows: list[tuple[str, bytes]]) -> Trouble | None:
        try:
            with self._cache.transact():
                self._cache.keep(rows)
        except TROUBLE as error:
            with suppress(*TROUBLE):
                self._cache.abandon()
            return Trouble(f"an answer could not be kept: {_cause(error)}")
        return None


def _cause(error: BaseException) -> str:
    """What went wrong first: a failed roll-back, say, is only the last link of the chain."""
    while isinstance(error.__context__, TROUBLE):
        error = error.__context__
    return str(error) or type(error).__name__


def _inspect(path: Path) -> None:
    """Refuse a database with parts of others in it: settings become statements, triggers run."""
    connection = sqlite3.connect(path)
    try:
        parts = set(connection.execute("SELECT type, name FROM sqlite_master"))
        names = set()
        if ("table", "Settings") in parts:
            names = {name for (name,) in connection.execute("SELECT key FROM Settings")}
    finally:
        connection.close()
    if parts - PARTS or names - {*SETTINGS, *DEFAULT_SETTINGS, *METADATA}:
        raise UsageError(f"{path} is not a cache of this program: choose another cache directory")
