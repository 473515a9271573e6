"""The answer store: what it acknowledged is there, and what others put there does no harm."""

from __future__ import annotations

import asyncio
import os
import pickle
import sqlite3
import stat
import sys
import threading
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import diskcache
import pytest

from codeclm.errors import UsageError
from codeclm.llm.batches import BatchThread
from codeclm.llm.events import CacheTrouble
from codeclm.llm.rawcache import RawDisk
from codeclm.llm.seal import BadRow, seal, seal_of_old
from codeclm.llm.shelf import Shelf, Trouble
from codeclm.llm.store import AnswerStore, MemoryStore
from tests.poison import KEY, OTHER, STRANGE, Canary, database, poisons
from tests.virtual_time import outcome, settled

pytestmark = pytest.mark.anyio


async def filled(directory: Path, *keys: str) -> None:
    async with AnswerStore(directory) as store:
        for key in keys:
            await store.put(key, b"value of " + key.encode())


async def test_what_was_put_is_there(tmp_path: Path) -> None:
    """In this session and in the next; what was not put is not there; the last value counts."""
    async with AnswerStore(tmp_path / "cache") as store:
        assert await store.get(KEY) is None
        await store.put(KEY, b"first")
        await store.put(KEY, b"second \x00\xff")
        assert await store.get(KEY) == b"second \x00\xff"
        await store.put(OTHER, b"")
    async with AnswerStore(tmp_path / "cache") as store:
        assert await store.get(KEY) == b"second \x00\xff"
        assert await store.get(OTHER) == b""
        seen = store.statistics()
        assert (seen.hits, seen.misses, seen.writes) == (2, 0, 0)


async def test_thousands_at_once_are_a_few_batches(tmp_path: Path) -> None:
    """Each gets its own answer, whatever is asked for at the same time."""
    async with AnswerStore(tmp_path / "cache") as store:
        async with asyncio.TaskGroup() as group:
            for number in range(2000):
                group.create_task(_put(store, f"{number:064}", b"%d" % number))
        async with asyncio.TaskGroup() as group:
            reads = [group.create_task(_get(store, f"{number:064}")) for number in range(3000)]
        for number, read in enumerate(reads):
            assert read.result() == (b"%d" % number if number < 2000 else None)


async def _put(store: AnswerStore, key: str, value: bytes) -> None:
    await store.put(key, value)


async def _get(store: AnswerStore, key: str) -> bytes | None:
    return await store.get(key)


async def test_a_cancelled_put_is_kept(tmp_path: Path) -> None:
    """An answer that was handed over is paid for, whoever has stopped waiting for it."""
    async with AnswerStore(tmp_path / "cache") as store:
        async with asyncio.TaskGroup() as group:
            put = group.create_task(_put(store, KEY, b"paid"))
            await settled(1)
            put.cancel()
        assert await store.get(KEY) == b"paid"


async def test_leaving_waits_for_what_was_handed_in(tmp_path: Path) -> None:
    """What was put in the last moment is committed, and the thread is gone."""
    store = AnswerStore(tmp_path / "cache")
    async with store:
        store.put(KEY, b"last")
    await store.__aexit__(None, None, None)  # harmless
    assert "answer store" not in {thread.name for thread in threading.enumerate()}
    with pytest.raises(RuntimeError):
        store.get(KEY)
    async with AnswerStore(tmp_path / "cache") as again:
        assert await again.get(KEY) == b"last"


async def test_leaving_folds_the_log_into_one_file(tmp_path: Path) -> None:
    """A closed cache is one database, which can be copied."""
    await filled(tmp_path / "cache", KEY)
    assert {path.name for path in (tmp_path / "cache").iterdir()} == {"cache.db", "cache.lock"}


async def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    """The directory and its files are for the user alone, whatever the umask."""
    async with AnswerStore(tmp_path / "a" / "cache") as store:
        await store.put(KEY, b"private")
        for path in [tmp_path / "a" / "cache", *(tmp_path / "a" / "cache").iterdir()]:
            assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0


async def test_a_second_process_is_refused(tmp_path: Path) -> None:
    """It is told who holds the cache, the holder goes on, and afterwards the next may have it."""
    async with AnswerStore(tmp_path / "cache") as store:
        with pytest.raises(UsageError, match=f"in use by another run \\(process {os.getpid()}\\)"):
            await AnswerStore(tmp_path / "cache").__aenter__()
        await store.put(KEY, b"mine")
        assert await store.get(KEY) == b"mine"
    await filled(tmp_path / "cache", OTHER)


async def test_a_stale_lock_blocks_nobody(tmp_path: Path) -> None:
    """The lock is held by a process, not by a file that a killed one leaves behind."""
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / "cache.lock").write_text("4194304\n")
    await filled(tmp_path / "cache", KEY)


@pytest.mark.parametrize("mode", [0o770, 0o702, 0o777])
async def test_a_directory_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    """Who can write to the cache decides what the models are made to have said."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(mode)
    with pytest.raises(UsageError, match="can be written by others: chmod go-w"):
        await filled(tmp_path / "cache", KEY)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
async def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """A cache prepared by another user is not trusted."""
    (tmp_path / "cache").mkdir(mode=0o700)
    os.chown(tmp_path / "cache", 65534, 65534)
    with pytest.raises(UsageError, match="belongs to another user"):
        await filled(tmp_path / "cache", KEY)


@pytest.mark.parametrize("name", ["cache.db", "cache.db-wal", "cache.lock"])
async def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    """A link in the directory could make the store write anywhere."""
    (tmp_path / "elsewhere").write_bytes(b"precious")
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "cache" / name).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(UsageError, match="is a symbolic link"):
        await filled(tmp_path / "cache", KEY)
    assert (tmp_path / "elsewhere").read_bytes() == b"precious"


async def test_a_file_in_the_way_is_refused(tmp_path: Path) -> None:
    """A path that is no directory gives one clear line."""
    (tmp_path / "cache").write_text("a file")
    with pytest.raises(UsageError, match="cannot be used: File exists"):
        await filled(tmp_path / "cache", KEY)


def aside(directory: Path) -> list[str]:
    """The databases that were set aside."""
    return sorted(path.name for path in directory.iterdir() if "broken" in path.name)


@pytest.mark.parametrize(
    "content", [b"this is a text file, not a database" * 50, b"SQLite format 3"]
)
async def test_what_is_no_database_is_set_aside(tmp_path: Path, content: bytes) -> None:
    """It is kept under another name, a new cache is begun, and that is told once."""
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    for number in (1, 2):
        (directory / "cache.db").write_bytes(content)
        events: list[object] = []
        async with AnswerStore(directory, events.append) as store:
            await store.put(KEY, b"new")
            assert await store.get(KEY) == b"new"
        (told,) = events
        assert isinstance(told, CacheTrouble)
        assert (
            f"(file is not a database) and is set aside as cache.db.broken-{number}" in told.reason
        )
        assert (directory / f"cache.db.broken-{number}").read_bytes() == content


async def test_what_is_left_of_a_cut_database_is_kept(tmp_path: Path) -> None:
    """The answers in the part that remains are not paid for again."""
    directory = tmp_path / "cache"
    keys = [f"{n:064}" for n in range(400)]
    await filled(directory, *keys)
    whole = (directory / "cache.db").read_bytes()
    (directory / "cache.db").write_bytes(whole[: len(whole) // 2])
    events: list[object] = []
    async with AnswerStore(directory, events.append) as store:
        values = [await store.get(key) for key in keys]
    right = sum(
        value == b"value of " + key.encode() for key, value in zip(keys, values, strict=True)
    )
    assert right + values.count(None) == len(keys)
    assert right > 50
    assert f"{right} of its answers could be kept" in str(events)
    assert aside(directory) == ["cache.db.broken-1"]


async def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    """Not a byte of it is changed, another diskcache included, and the directory is free again."""
    directory = tmp_path / "cache"
    directory.mkdir(mode=0o700)
    for make in (
        lambda: database(directory),
        lambda: closing(diskcache.Cache(str(directory), eviction_policy="none")),
    ):
        (directory / "cache.db").unlink(missing_ok=True)
        with make() as foreign:
            if isinstance(foreign, sqlite3.Connection):
                foreign.execute("CREATE TABLE bookmarks (url)")
            else:
                foreign["key"] = "value"
        content = (directory / "cache.db").read_bytes()
        for _ in range(2):
            with pytest.raises(UsageError, match="is not a cache of this program"):
                await filled(directory, KEY)
        assert {path.name for path in directory.iterdir()} == {"cache.db", "cache.lock"}
        assert (directory / "cache.db").read_bytes() == content


async def test_another_format_is_neither_used_nor_touched(tmp_path: Path) -> None:
    """A cache of a later version is left to that version: the run goes on without it."""
    await filled(tmp_path / "cache", KEY)
    with database(tmp_path / "cache") as connection:
        connection.execute("PRAGMA user_version = 7")
    content = (tmp_path / "cache" / "cache.db").read_bytes()
    events: list[object] = []
    async with AnswerStore(tmp_path / "cache", events.append) as store:
        await store.put(KEY, b"lost")
        assert await store.get(KEY) is None
        assert store.statistics().failed_writes == store.statistics().failed_reads == 1
    assert "another version of this program (format 7)" in str(events)
    assert len(events) == 1
    assert (tmp_path / "cache" / "cache.db").read_bytes() == content


async def test_rows_in_the_old_form_are_read(tmp_path: Path) -> None:
    """What was paid for before the digests grew is served, in a database of that time only."""
    await filled(tmp_path / "cache", KEY, OTHER)
    for version, served in ((0, b"old value"), (1, None)):
        with database(tmp_path / "cache") as connection:
            connection.execute(f"PRAGMA user_version = {version}")
            old = seal_of_old(KEY, b"old value")
            connection.execute("UPDATE Cache SET value = ? WHERE key = ?", [old, KEY])
        async with AnswerStore(tmp_path / "cache") as store:
            assert await store.get(KEY) == served
            assert await store.get(OTHER) == b"value of " + OTHER.encode()


@pytest.mark.parametrize("statement", STRANGE)
async def test_a_cache_with_strange_parts_is_set_aside(tmp_path: Path, statement: str) -> None:
    """diskcache makes statements of stored settings and SQLite runs stored triggers: nothing of it is used."""
    await filled(tmp_path / "cache", KEY)
    with database(tmp_path / "cache") as connection:
        connection.execute(statement)
    events: list[object] = []
    async with AnswerStore(tmp_path / "cache", events.append) as store:
        assert await store.get(KEY) is None
        await store.put(KEY, b"new")
        assert await store.get(KEY) == b"new"
    assert "parts in it that are not ours" in str(events)
    assert aside(tmp_path / "cache") == ["cache.db.broken-1"]


async def test_stored_settings_do_not_count(tmp_path: Path) -> None:
    """Whoever set a size limit or an eviction policy in the file loses nothing of ours."""
    await filled(tmp_path / "cache", KEY)
    with database(tmp_path / "cache") as connection:
        connection.execute("UPDATE Settings SET value = 1 WHERE key = 'size_limit'")
        connection.execute("UPDATE Settings SET value = 10 WHERE key = 'cull_limit'")
        policy = "least-recently-stored"
        connection.execute("UPDATE Settings SET value = ? WHERE key = 'eviction_policy'", [policy])
        connection.execute("UPDATE Settings SET value = 0 WHERE key = 'disk_min_file_size'")
    await filled(tmp_path / "cache", *(f"{n:064}" for n in range(50)))
    async with AnswerStore(tmp_path / "cache") as store:
        for key in (KEY, *(f"{n:064}" for n in range(50))):
            assert await store.get(key) == b"value of " + key.encode()


@pytest.mark.parametrize("name", list(poisons(Path("x"), Path("y"))))
async def test_poisoned_rows_do_nothing(tmp_path: Path, name: str) -> None:
    """They run no code, read and delete nothing outside, are counted as damaged, and overwritten."""
    trap, outside = tmp_path / "trap", tmp_path / "outside"
    outside.write_bytes(seal(KEY, b"read from outside"))
    await filled(tmp_path / "cache", KEY)
    with database(tmp_path / "cache") as connection:
        connection.execute(*poisons(trap, outside)[name])
    events: list[object] = []
    async with AnswerStore(tmp_path / "cache", events.append) as store:
        assert await store.get(KEY) is None
        assert await store.get(KEY) is None
        assert store.statistics().failed_reads in (0, 2)  # a value that is NULL is a plain miss
        assert len(events) == store.statistics().failed_reads / 2
        await store.put(KEY, b"fresh")
        assert await store.get(KEY) == b"fresh"
    assert not trap.exists()
    assert outside.read_bytes() == seal(KEY, b"read from outside")


async def test_a_pickled_key_is_never_read(tmp_path: Path) -> None:
    """A row whose key is marked as a pickle stands beside ours and is not looked at."""
    await filled(tmp_path / "cache", KEY)
    with database(tmp_path / "cache") as connection:
        connection.execute(
            "UPDATE Cache SET raw = 0, key = ?", [pickle.dumps(Canary(tmp_path / "t"))]
        )
    await filled(tmp_path / "cache", KEY)
    assert not (tmp_path / "t").exists()


class FullDisk(Shelf):
    """A shelf whose medium takes nothing while ``full``."""

    full = False

    def serve(self, jobs: Sequence[tuple[str, bytes | None]]) -> list[object]:  # type: ignore[override]
        pages = 1 if self.full else 2**30
        self.cache._sql(f"PRAGMA max_page_count = {pages}").fetchall()
        return list(super().serve(jobs))


def test_a_full_disk_is_soft(tmp_path: Path) -> None:
    """Writes fail and reads go on; when there is room again, writes are kept again."""
    shelf = FullDisk(tmp_path / "cache")
    try:
        assert shelf.serve([(KEY, b"kept")]) == [None]
        shelf.full = True
        filler: list[tuple[str, bytes | None]] = [(f"{n:064}", b"x" * 50_000) for n in range(20)]
        outcomes = shelf.serve([*filler, (KEY, None), (OTHER, None)])
        assert {str(each) for each in outcomes[:20]} == {
            "Trouble(reason='an answer could not be kept: database or disk is full')"
        }
        assert outcomes[20:] == [b"kept", None]
        shelf.full = False
        assert shelf.serve([(OTHER, b"again"), (OTHER, None)]) == [None, b"again"]
    finally:
        shelf.close()


class RefusesMany(Shelf):
    """One of its rows lies on a page that cannot be read: a question for many rows fails as a whole."""

    def _connect(self) -> None:
        super()._connect()
        find = self.cache.find

        def refuse(keys: Sequence[str]) -> Any:
            if len(keys) > 1:
                raise sqlite3.OperationalError("disk I/O error")
            return find(keys)

        self.cache.find = refuse  # type: ignore[method-assign]


@pytest.mark.parametrize("kind", [Shelf, RefusesMany])
def test_each_of_many_gets_its_own(tmp_path: Path, kind: type[Shelf]) -> None:
    """Whatever is asked for at once, twice too: what is there, what is not, and what was damaged, each in its place."""
    keys = [f"{number:064}" for number in range(150)]
    values = {key: b"%d" % place for place, key in enumerate(keys) if place % 3}
    damaged = keys[1:100:30]
    with closing(kind(tmp_path / "cache")) as shelf:
        shelf.serve([*values.items()])
        for key in damaged:
            shelf.cache.run("UPDATE Cache SET value = ? WHERE key = ?", (b"rubbish", key))
        asked = [*keys, *reversed(keys)]
        outcomes = shelf.serve([(key, None) for key in asked])
    for key, got in zip(asked, outcomes, strict=True):
        if key in damaged:
            assert got == Trouble("a kept answer was damaged and is asked for again")
        else:
            assert got == values.get(key)


def test_a_transaction_that_did_not_end_is_ended(tmp_path: Path) -> None:
    """A commit that fails may leave its transaction open, which would make all later ones fail."""
    shelf = Shelf(tmp_path / "cache")
    try:
        shelf.cache._sql("BEGIN IMMEDIATE")
        (failed,) = shelf.serve([(KEY, b"lost")])
        assert isinstance(failed, Trouble)
        assert shelf.serve([(KEY, b"kept"), (KEY, None)]) == [None, b"kept"]
    finally:
        shelf.close()


@pytest.mark.parametrize(
    "misuse",
    [
        lambda disk: disk.put(b"key"),
        lambda disk: disk.put(("key",)),
        lambda disk: disk.store("text", read=False),
        lambda disk: disk.store({"a": 1}, read=False),
        lambda disk: disk.store(b"bytes", read=True),
        lambda disk: disk.get(b"key", raw=1),
        lambda disk: disk.get("key", raw=0),
        lambda disk: disk.filename(),
    ],
)
def test_the_disk_takes_text_keys_and_bytes_only(
    misuse: Callable[[RawDisk], object], tmp_path: Path
) -> None:
    """What diskcache would pickle or write to a file is refused."""
    disk = RawDisk(str(tmp_path))
    assert bytes(disk.store(b"bytes", read=False)[3]) == b"bytes"
    assert disk.put("key") == ("key", True)
    assert disk.get("key", raw=1) == "key"
    with pytest.raises((TypeError, BadRow)):
        misuse(disk)


async def test_a_locked_database_is_soft(tmp_path: Path) -> None:
    """A program that locks the file is told about once, and the run goes on without the cache."""
    events: list[object] = []
    async with AnswerStore(tmp_path / "cache", events.append, busy_s=0.01) as store:
        await store.put(KEY, b"kept")
        with closing(sqlite3.connect(tmp_path / "cache" / "cache.db")) as other:
            other.execute("BEGIN IMMEDIATE")
            for _ in range(3):
                await store.put(OTHER, b"lost")
            assert await store.get(KEY) == b"kept"
            other.rollback()
        assert await store.get(OTHER) is None
        await store.put(OTHER, b"kept too")
        assert await store.get(OTHER) == b"kept too"
        assert store.statistics().failed_writes == 3
    assert events == [CacheTrouble("an answer could not be kept: database is locked")]


async def test_a_database_that_another_program_locks_is_refused(tmp_path: Path) -> None:
    """In one line, when it was waited for as long as was said, and not a minute later."""
    await filled(tmp_path / "cache", KEY)
    with closing(sqlite3.connect(tmp_path / "cache" / "cache.db")) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(UsageError, match="is in use by another program: database is locked"):
            await AnswerStore(tmp_path / "cache", busy_s=0.01).__aenter__()
    await filled(tmp_path / "cache", OTHER)


CHILD = """
import asyncio, sys
from pathlib import Path
from codeclm.llm.store import AnswerStore

async def main():
    async with AnswerStore(Path(sys.argv[1])) as store:
        async def work(worker):
            for number in range(10_000):
                key = f"{sys.argv[2]}-{worker}-{number}"
                await store.put(key, key.encode() * 30)
                print(key, flush=True)
        async with asyncio.TaskGroup() as group:
            for worker in range(8):
                group.create_task(work(worker))

asyncio.run(main())
"""


@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_what_was_acknowledged_survives_a_kill(tmp_path: Path) -> None:
    """A process killed at any moment leaves every answer that it acknowledged, and no lock."""
    acknowledged: list[str] = []
    random = Random(11)
    for round_ in range(8):
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-c", CHILD, str(tmp_path / "cache"), str(round_)),
            stdout=asyncio.subprocess.PIPE,
        )
        assert child.stdout is not None
        for _ in range(random.randrange(1, 400)):
            acknowledged.append((await child.stdout.readline()).decode().strip())
        child.kill()
        rest = (await child.stdout.read()).decode()
        acknowledged += rest[: rest.rfind("\n") + 1].split()
        await child.wait()
    async with AnswerStore(tmp_path / "cache") as store:
        for key in acknowledged:
            assert await store.get(key) == key.encode() * 30
    with database(tmp_path / "cache") as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_memory_serves_without_a_directory() -> None:
    """The store of a process that keeps nothing has the same two methods."""
    store = MemoryStore()
    await store.put(KEY, b"value")
    assert await store.get(KEY) == b"value"
    assert await store.get(OTHER) is None


class Failing:
    """A server that fails for odd numbers."""

    def serve(self, jobs: Sequence[int]) -> list[int]:
        if any(job % 2 for job in jobs):
            raise ValueError("odd")
        return [job * 10 for job in jobs]

    def close(self) -> None:
        """Nothing to close."""


async def test_an_error_in_the_thread_reaches_who_asked() -> None:
    """The thread lives on and serves the next batch."""
    async with BatchThread(Failing, lambda job, result: result, "failing") as thread:

        async def ask(job: int) -> int:
            return await thread.ask(job)

        assert isinstance(await outcome(ask(1)), ValueError)
        assert await ask(2) == 20
