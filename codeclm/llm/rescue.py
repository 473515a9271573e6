"""What can still be read in a damaged database."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

from codeclm.llm.rawcache import LEGIBLE, TROUBLE
from codeclm.llm.seal import BadRow, unseal

__all__ = ["legible_rows"]

SELECT = f"SELECT {LEGIBLE} FROM Cache"  # noqa: S608


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
            for number, *rest in connection.execute(f"{SELECT} ORDER BY rowid"):
                reached = number
                yield from _legible(*rest)
            return
        for number, *rest in connection.execute(f"{SELECT} ORDER BY rowid DESC"):
            if number <= reached:
                return
            yield from _legible(*rest)


def _legible(key: bytes | None, value: bytes, created: float) -> Iterator[tuple[str, bytes, float]]:
    if key is not None:
        with suppress(BadRow, ValueError):
            name = key.decode()
            yield name, unseal(name, value, old=True), created
