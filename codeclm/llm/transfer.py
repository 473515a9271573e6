"""Answers as a file to hand on: JSON lines with checksums, data and nothing else.

The first line names the format; each line after it is one answer, ``{"key", "value", "created", "sha256"}``, where
``sha256`` is that of key, line end and value; the last line has their number and the SHA-256 of all their lines.
"""

from __future__ import annotations

import math
import re
import time
import zlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from typing import BinaryIO

import orjson

from codeclm.errors import UsageError
from codeclm.llm.cache import decode
from codeclm.llm.inspection import cause
from codeclm.llm.rawcache import TROUBLE
from codeclm.llm.shelf import AT_ONCE, KeptRow, Shelf
from codeclm.llm.upkeep import each_row

__all__ = [
    "Exported",
    "Imported",
    "check_header",
    "compressed",
    "export_lines",
    "import_lines",
    "limited_lines",
]

NAME = "codeclm-cache"
VERSION = 1
LONGEST = 32 << 20
KEY = re.compile(r"[0-9a-f]{64}", re.ASCII)
CUT = (EOFError, OSError, zlib.error)


@dataclass(slots=True)
class Exported:
    """How many answers were written, how many bad rows left out."""

    rows: int = 0
    bad: int = 0


@dataclass(slots=True)
class Imported:
    """What came of an import. ``complete``: the file had its last line, and that was right."""

    added: int = 0
    present: int = 0
    bad: int = 0
    complete: bool = False


class BadLine(Exception):
    """Raised for a line that is no answer."""


def export_lines(shelf: Shelf, done: Exported) -> Iterator[bytes]:
    """The file, line by line, in the order of keys; rows that would not be served are left out."""
    yield _line({"format": NAME, "version": VERSION})
    digest = sha256()
    for row in each_row(shelf):
        if row.value is None:
            done.bad += 1
            continue
        fields = {"created": row.created, "key": row.key, "sha256": _sha(row.key, row.value)}
        line = _line({**fields, "value": row.value.decode()})
        digest.update(line)
        done.rows += 1
        yield line
    yield _line({"rows": done.rows, "sha256": digest.hexdigest()})


def check_header(lines: Iterator[bytes]) -> None:
    """Take the first line. Raises UsageError where it is not that of an export of this version."""
    try:
        header = orjson.loads(next(lines, b""))
    except (orjson.JSONDecodeError, *CUT):
        header = None
    if not isinstance(header, dict) or header.get("format") != NAME:
        raise UsageError("no export of a cache")
    if header.get("version") != VERSION:
        raise UsageError(f"its version is {header.get('version')}, this program reads {VERSION}")


def import_lines(shelf: Shelf, lines: Iterable[bytes], *, strict: bool = False) -> Imported:
    """Keep the answers in ``lines``, which follow the header, that ``shelf`` does not have.

    A bad line is counted and skipped; with ``strict`` it ends the import by a UsageError, and what came before it is
    kept. Raises UsageError where the cache cannot be written.
    """
    done = Imported()
    waiting: dict[str, KeptRow] = {}
    size = 0
    for row in _rows(lines, done, strict=strict):
        if waiting.setdefault(row[0], row) is not row:
            done.present += 1
        size += len(row[1])
        if len(waiting) >= AT_ONCE or size >= LONGEST:
            _keep(shelf, waiting, done)
            size = 0
    _keep(shelf, waiting, done)
    if strict and not done.complete:
        raise UsageError("cut short, or changed: its last line is missing or wrong")
    return done


def compressed(lines: Iterable[bytes]) -> Iterator[bytes]:
    """The same as gzip; equal lines give equal bytes."""
    squeeze = zlib.compressobj(wbits=31)
    for line in lines:
        if piece := squeeze.compress(line):
            yield piece
    yield squeeze.flush()


def limited_lines(file: BinaryIO) -> Iterator[bytes]:
    """The lines of ``file``; of one that is too long to be an answer only the beginning, without its end."""
    while line := file.readline(LONGEST):
        yield line
        while len(line) == LONGEST and not line.endswith(b"\n"):
            line = file.readline(LONGEST)


def _rows(lines: Iterable[bytes], done: Imported, *, strict: bool) -> Iterator[KeptRow]:
    digest, count = sha256(), 0
    numbered = enumerate(lines, 2)
    try:
        for number, line in numbered:
            if line == _line({"rows": count, "sha256": digest.hexdigest()}):
                done.complete = next(numbered, None) is None
                return
            digest.update(line)
            count += 1
            try:
                yield _row(line)
            except BadLine as why:
                done.bad += 1
                if strict:
                    raise UsageError(f"line {number}: {why}") from None
    except CUT as error:
        if strict:
            raise UsageError(f"cannot be read to its end: {error}") from None


def _row(line: bytes) -> KeptRow:
    if not line.endswith(b"\n"):
        raise BadLine("too long, or cut short")
    try:
        fields = orjson.loads(line)
        key, text, created, digest = (
            fields[name] for name in ("key", "value", "created", "sha256")
        )
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise BadLine("not JSON, or without key, value, created and sha256") from None
    if type(key) is not str or not KEY.fullmatch(key) or type(text) is not str:
        raise BadLine("the key is no name of an answer, or the value is no text")
    if type(created) not in (int, float) or not math.isfinite(created):
        raise BadLine("the time is no number")
    value = text.encode()
    if digest != _sha(key, value):
        raise BadLine("the checksum is another")
    if decode(value) is None:
        raise BadLine("the value is no answer of a model")
    return key, value, min(max(0.0, created), time.time())


def _keep(shelf: Shelf, waiting: dict[str, KeptRow], done: Imported) -> None:
    present = shelf.serve([(key, None) for key in waiting])
    new = [
        row
        for row, there in zip(waiting.values(), present, strict=True)
        if type(there) is not bytes
    ]
    done.present += len(waiting) - len(new)
    waiting.clear()
    try:
        shelf.keep(new)
    except TROUBLE as error:
        raise UsageError(
            f"the cache {shelf.path.parent} cannot be written: {cause(error)}"
        ) from None
    done.added += len(new)


def _sha(key: str, value: bytes) -> str:
    return sha256(key.encode() + b"\n" + value).hexdigest()


def _line(fields: dict[str, object]) -> bytes:
    return orjson.dumps(fields, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_SORT_KEYS)
