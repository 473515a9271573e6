"""``codeclm cache``: looks after a cache that no run is using."""

from __future__ import annotations

import gzip
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, BinaryIO

import typer

from codeclm.console import complain, print_line
from codeclm.disk import replace_file
from codeclm.errors import UsageError
from codeclm.llm.inspection import Broken
from codeclm.llm.rawcache import DATABASE
from codeclm.llm.shelf import Shelf, Trouble
from codeclm.llm.transfer import (
    Exported,
    check_header,
    compressed,
    export_lines,
    import_lines,
    limited_lines,
)
from codeclm.llm.upkeep import (
    compact,
    examine,
    forget,
    has_race,
    older_than,
    take_stock,
)

__all__ = ["cache"]

BAD = 1
PARTLY = 3
AGE = re.compile(r"(\d+)([hdw])", re.ASCII)
AGE_S = {"h": 3600, "d": 86_400, "w": 604_800}

cache = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Look after a cache that no run is using: its directory is OUTPUT/cache, or what --cache named.",
    epilog="Exit codes: 0 good, 1 bad rows remain, 2 usage or cache in use, 3 done but for what was bad.",
)

Place = Annotated[Path, typer.Argument(metavar="DIR", help="The cache's directory.")]
File = Annotated[
    str, typer.Argument(metavar="FILE", help="JSON lines; .gz is compressed; - is a pipe.")
]


@cache.command(epilog="Example: codeclm cache stats runs/first/cache")
def stats(directory: Place) -> int:
    """Say how much is in the cache."""
    with _opened(directory) as shelf:
        stock = take_stock(shelf)
    print_line(f"answers: {stock.rows:,} ({_size(stock.value_bytes)})")
    if stock.oldest is not None and stock.newest is not None:
        print_line(f"kept: {_day(stock.oldest)} to {_day(stock.newest)}")
    print_line(f"database: {_size(stock.file_bytes)}, of which {_size(stock.free_bytes)} are free")
    race = " (loses commits where two connections write; here only one does)"
    print_line(
        f"SQLite: {sqlite3.sqlite_version}{race if has_race(sqlite3.sqlite_version_info) else ''}"
    )
    return 0


@cache.command(epilog="Example: codeclm cache verify --mend runs/first/cache")
def verify(
    directory: Place,
    mend: Annotated[
        bool,
        typer.Option("--mend", help="Delete bad rows; set a damaged database aside for a new one."),
    ] = False,
) -> int:
    """Check the database and every answer in it. Exit code 1 where something bad remains."""
    try:
        with _opened(directory, mend=mend) as shelf:
            health = examine(shelf)
            print_line(f"{health.rows:,} answers, {len(health.bad):,} of them bad")
            for problem in health.problems:
                print_line(f"damaged: {problem}")
            if mend and health.problems:
                shelf.set_aside(health.problems[0])
                health = examine(shelf)
            if mend and health.bad:
                forget(shelf, health.bad)
                print_line(f"{len(health.bad):,} bad rows deleted")
    except Broken as broken:
        print_line(f"damaged: {broken}; --mend sets the database aside and keeps what can be read")
        return BAD
    return BAD if health.problems or (health.bad and not mend) else 0


@cache.command(epilog="Example: codeclm cache prune --older-than 30d --dry-run runs/first/cache")
def prune(
    directory: Place,
    older: Annotated[
        str | None, typer.Option("--older-than", metavar="AGE", help="Like 12h, 30d or 8w.")
    ] = None,
    bad: Annotated[bool, typer.Option("--bad", help="What would not be served.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
) -> int:
    """Delete answers, and give the space back. Runs that need them again pay for them again."""
    if older is None and not bad:
        raise UsageError("give --older-than AGE, or --bad, or both")
    moment = None if older is None else time.time() - _age_s(older)
    with _opened(directory) as shelf:
        numbers = set() if moment is None else set(older_than(shelf, moment))
        if bad:
            numbers |= set(examine(shelf).bad)
        before = take_stock(shelf)
        if dry_run:
            print_line(f"{len(numbers):,} of {before.rows:,} answers would be deleted")
            return 0
        forget(shelf, sorted(numbers))
        compact(shelf)
        after = take_stock(shelf)
    freed = _size(before.file_bytes - after.file_bytes)
    print_line(f"{len(numbers):,} of {before.rows:,} answers deleted, {freed} freed")
    return 0


@cache.command(epilog="Example: codeclm cache export runs/first/cache answers.jsonl.gz")
def export(directory: Place, file: File) -> int:
    """Write every good answer into FILE, to be imported elsewhere. An earlier export there is replaced."""
    if file != "-":
        _check_replaceable(file)
    with _opened(directory) as shelf:
        done = Exported()
        lines = export_lines(shelf, done)
        if file == "-":
            sys.stdout.buffer.writelines(lines)
            sys.stdout.flush()
        else:
            replace_file(Path(file), compressed(lines) if file.endswith(".gz") else lines)
            print_line(f"{done.rows:,} answers in {file}")
    if done.bad:
        complain(f"{done.bad:,} bad rows were left out; codeclm cache verify --mend deletes them")
    return PARTLY if done.bad else 0


@cache.command("import", epilog="Example: codeclm cache import runs/second/cache answers.jsonl.gz")
def import_(
    directory: Place,
    file: File,
    strict: Annotated[bool, typer.Option("--strict", help="Stop at the first bad line.")] = False,
) -> int:
    """Take the answers in FILE into the cache. What it has already stays as it is."""
    try:
        with _reading(file) as source:
            lines = limited_lines(source)
            check_header(lines)  # before anything is created
            with _opened(directory, new=True) as shelf:
                done = import_lines(shelf, lines, strict=strict)
    except UsageError as error:
        raise UsageError(f"{file}: {error}") from None
    print_line(
        f"{done.added:,} answers added, {done.present:,} were there, {done.bad:,} bad lines skipped"
    )
    if not done.complete:
        complain(f"{file}: cut short, or changed: its last line is missing or wrong")
    return 0 if done.complete and not done.bad else PARTLY


@contextmanager
def _opened(directory: Path, *, mend: bool = False, new: bool = False) -> Iterator[Shelf]:
    if not new and not (directory / DATABASE).exists():
        inside = (directory / "cache" / DATABASE).exists()
        hint = f"; there is one in {directory / 'cache'}" if inside else ""
        raise UsageError(f"{directory}: no cache{hint}")

    def tell(trouble: Trouble) -> None:
        print_line(trouble.reason)

    try:
        shelf = Shelf(directory, tell=tell, mend=mend)
    except Broken as broken:
        raise Broken(f"the cache {directory} is damaged: {broken}") from None
    try:
        yield shelf
    finally:
        shelf.close()


def _check_replaceable(file: str) -> None:
    """Raises UsageError where ``file`` is there and is anything but an earlier export."""
    if not Path(file).exists():
        return
    try:
        with _reading(file) as source:
            check_header(limited_lines(source))
    except UsageError:
        raise UsageError(f"{file}: something else is there; give another FILE") from None


@contextmanager
def _reading(file: str) -> Iterator[BinaryIO]:
    if file == "-":
        yield sys.stdin.buffer
        return
    opener: Callable[..., BinaryIO] = gzip.open if file.endswith(".gz") else open  # type: ignore[assignment]
    try:
        source = opener(file, "rb")
    except OSError as error:
        raise UsageError(f"cannot be read ({error.strerror})") from None
    with source:
        yield source


def _age_s(text: str) -> int:
    found = AGE.fullmatch(text)
    if not found:
        raise UsageError(f"not an age: {text!r}; write for example 12h, 30d or 8w")
    return int(found[1]) * AGE_S[found[2]]


def _size(number: float) -> str:
    for unit in ("bytes", "KiB", "MiB"):
        if number < 1024:
            return f"{number:,.0f} {unit}" if unit == "bytes" else f"{number:,.1f} {unit}"
        number /= 1024
    return f"{number:,.1f} GiB"


def _day(moment: float) -> str:
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(moment))
