"""What an attacker or a bad disk can do to a cache."""

from __future__ import annotations

import pickle
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path

from codeclm.llm.seal import seal

KEY = "k" * 64
OTHER = "o" * 64
STRANGE = [
    "CREATE TRIGGER evil AFTER INSERT ON Cache BEGIN DELETE FROM Cache; END",
    "CREATE VIEW extra AS SELECT 1",
    "CREATE TABLE extra (x)",
    "INSERT INTO Settings VALUES ('sqlite_writable_schema = 1; --', 1)",
    "INSERT INTO Settings VALUES ('disk_evil', 1)",
    "INSERT INTO Settings VALUES ('set', 1)",
]


@contextmanager
def database(directory: Path) -> Iterator[sqlite3.Connection]:
    """The database of a closed store, as an attacker or a bad disk would change it."""
    with closing(sqlite3.connect(directory / "cache.db")) as connection:
        yield connection
        connection.commit()


class Canary:
    """Unpickling it writes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return (open, (str(self.path), "w"))


def poisons(trap: Path, outside: Path) -> dict[str, tuple[str, Sequence[object]]]:
    code = pickle.dumps(Canary(trap))
    return {
        "a pickle": ("UPDATE Cache SET mode = 4, value = ?", [code]),
        "a raw pickle": ("UPDATE Cache SET value = ?", [code]),
        "a pickled file": ("UPDATE Cache SET mode = 4, value = NULL, filename = ?", [str(trap)]),
        "a binary file": ("UPDATE Cache SET mode = 2, value = NULL, filename = ?", [str(outside)]),
        "a text file": ("UPDATE Cache SET mode = 3, value = NULL, filename = ?", [str(outside)]),
        "traversal": (
            "UPDATE Cache SET mode = 2, value = NULL, filename = ?",
            [f"../{outside.name}"],
        ),
        "a name beside the value": ("UPDATE Cache SET filename = ?", [str(outside)]),
        "no mode": ("UPDATE Cache SET mode = NULL", []),
        "an odd mode": ("UPDATE Cache SET mode = 'raw'", []),
        "text": ("UPDATE Cache SET value = 'text'", []),
        "a number": ("UPDATE Cache SET value = 5", []),
        "nothing": ("UPDATE Cache SET value = NULL", []),
        "empty": ("UPDATE Cache SET value = x''", []),
        "short": ("UPDATE Cache SET value = x'0011'", []),
        "a flipped bit": (
            "UPDATE Cache SET value = ?",
            [flip(seal(KEY, b"value of " + KEY.encode()))],
        ),
        "another's answer": ("UPDATE Cache SET value = ?", [seal(OTHER, b"stolen")]),
    }


def flip(value: bytes) -> bytes:
    return value[:-1] + bytes([value[-1] ^ 1])
