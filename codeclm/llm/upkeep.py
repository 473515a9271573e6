"""Looks after a cache between runs: what is in it, whether it is good, what may go."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, ParamSpec, TypeVar

from codeclm.errors import UsageError
from codeclm.llm.cache import decode
from codeclm.llm.inspection import cause
from codeclm.llm.rawcache import LEGIBLE, TROUBLE
from codeclm.llm.seal import BadRow
from codeclm.llm.shelf import Shelf

__all__ = [
    "Health",
    "Row",
    "Stock",
    "compact",
    "each_row",
    "examine",
    "forget",
    "has_race",
    "older_than",
    "take_stock",
]

P = ParamSpec("P")
T = TypeVar("T")

RACE = ((3, 7, 0), (3, 51, 3))
MENDED_BEFORE = (((3, 44, 6), (3, 45, 0)), ((3, 50, 7), (3, 51, 0)))


@dataclass(frozen=True, slots=True)
class Stock:
    """What there is: times are seconds since 1970, None where nothing is in it."""

    rows: int
    value_bytes: int
    file_bytes: int
    free_bytes: int
    oldest: float | None
    newest: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """A row by its number; ``value`` is None where it would not be served."""

    number: int
    key: str
    value: bytes | None
    created: float


@dataclass(frozen=True, slots=True)
class Health:
    """``bad`` are the numbers of the rows that would not be served; ``problems`` what SQLite finds."""

    rows: int
    bad: tuple[int, ...]
    problems: tuple[str, ...]


def take_stock(shelf: Shelf) -> Stock:
    """What is on ``shelf``. Raises UsageError where it cannot be read."""
    ((rows, size, oldest, newest),) = _run(
        shelf, "SELECT count(*), total(length(value)), min(store_time), max(store_time) FROM Cache"
    )
    pages, page_bytes, free = (
        _run(shelf, f"PRAGMA {name}")[0][0]
        for name in ("page_count", "page_size", "freelist_count")
    )
    return Stock(rows, int(size), pages * page_bytes, free * page_bytes, oldest, newest)


def each_row(shelf: Shelf) -> Iterator[Row]:
    """Every row, in the order of keys. Raises UsageError where the database cannot be read to its end."""
    statement = f"SELECT {LEGIBLE} FROM Cache ORDER BY key, raw"  # noqa: S608
    try:
        for number, key, value, created in shelf.cache.each(statement):
            name = (key or b"").decode(errors="replace")
            yield Row(number, name, None if key is None else _good(shelf, name, value), created)
    except TROUBLE as error:
        raise _unreadable(shelf, error) from None


def examine(shelf: Shelf) -> Health:
    """Check the database, and the seal and the content of every row."""
    bad: list[int] = []
    problems: list[str] = []
    rows = 0
    try:
        found = _run(shelf, "PRAGMA integrity_check(20)")
        problems += [str(line) for (line,) in found if line != "ok"]
        for row in each_row(shelf):
            rows += 1
            if row.value is None:
                bad.append(row.number)
    except UsageError as error:
        problems.append(str(error))
    return Health(rows, tuple(bad), tuple(problems))


def older_than(shelf: Shelf, moment: float) -> tuple[int, ...]:
    """The numbers of the rows that were kept before ``moment``."""
    rows = _run(shelf, "SELECT rowid FROM Cache WHERE store_time < ?", (moment,))
    return tuple(number for (number,) in rows)


def forget(shelf: Shelf, numbers: Sequence[int]) -> None:
    """Delete these rows in one commit. Raises UsageError where that fails."""

    def delete() -> None:
        with shelf.cache.transact():
            for number in numbers:
                shelf.cache.run("DELETE FROM Cache WHERE rowid = ?", (number,))

    _try(shelf, delete)


def compact(shelf: Shelf) -> None:
    """Give free space back to the disk. Raises UsageError where there is no room to do it."""
    _run(shelf, "VACUUM")
    _run(shelf, "PRAGMA wal_checkpoint(TRUNCATE)")


def has_race(version: tuple[int, ...]) -> bool:
    """Whether this SQLite can lose commits where two connections write to one database."""
    mended = any(first <= version < last for first, last in MENDED_BEFORE)
    return RACE[0] <= version < RACE[1] and not mended


def _good(shelf: Shelf, key: str, value: bytes) -> bytes | None:
    try:
        answer = shelf.unseal(key, value)
    except BadRow:
        return None
    return None if decode(answer) is None else answer


def _run(shelf: Shelf, statement: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
    return _try(shelf, shelf.cache.run, statement, values)


def _try(shelf: Shelf, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    try:
        return function(*args, **kwargs)
    except TROUBLE as error:
        raise _unreadable(shelf, error) from None


def _unreadable(shelf: Shelf, error: BaseException) -> UsageError:
    return UsageError(f"the cache {shelf.path.parent}: {cause(error)}")
