"""What can still be read in a damaged database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from codeclm.llm.rawcache import RAW, TROUBLE
from codeclm.llm.seal import BadRow, unseal

__all__ = ["legible_rows"]

COLUMNS = "rowid, key, mode, filename, value, store_time"


def legible_rows(path: Path) -> Iterator[tuple[str, bytes, float]]:
    """Key, value and time of each row whose seal is whole, from both ends of the table up to the damage."""
    with suppress(*TROUBLE), closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA trusted_schema = 0")
        connection.execute("PRAGMA query_only = 1")
        connection.execute("PRAGMA writable_schema = 1")  # else a file that is cut gives nothing
        kind = connection.execute("SELECT type, sql FROM sqlite_master WHERE name = 'Cache'")
        if [(type_, sql[:20]) for type_, sql in kind] != [("table", "CREATE TABLE Cache (")]:
            return
        reached = -(2**63)
        with suppress(*TROUBLE):
            for row in connection.execute(f"SELECT {COLUMNS} FROM Cache ORDER BY rowid"):  # noqa: S608
                reached = row[0]
                yield from _legible(row)
            return
        for row in connection.execute(f"SELECT {COLUMNS} FROM Cache ORDER BY rowid DESC"):  # noqa: S608
            if row[0] <= reached:
                return
            yield from _legible(row)


def _legible(row: tuple[Any, ...]) -> Iterator[tuple[str, bytes, float]]:
    _, key, mode, filename, value, created = row
    if mode != RAW or filename is not None or type(key) is not str or type(value) is not bytes:
        return
    with suppress(BadRow, ValueError):
        yield key, unseal(key, value, old=True), float(created or 0)
