"""The cache, and whole runs on full disks: F17, F18, F20."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import sqlite3
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from random import Random

import pytest

from codeclm.errors import UsageError
from codeclm.llm.cache import encode
from codeclm.llm.chat import Completion, Usage
from codeclm.llm.directory import Unusable
from codeclm.llm.patient import PatientShelf
from codeclm.llm.seal import seal
from codeclm.llm.shelf import Shelf, Trouble
from codeclm.llm.store import AnswerStore
from codeclm.simulator import SimulatorServer, World
from tests.faults.bench import Measure, Scale
from tests.faults.small_disk import small_disk
from tests.poison import KEY, STRANGE, database, poisons
from tests.running import check_books, complete, settings_for

METHOD = {"total": 60, "augment_to": 0}
KEYS = [f"{n:064x}" for n in range(300)]
WATCHED: set[str] = set()
OPENED: Counter[str] = Counter()


def watch(event: str, arguments: tuple[object, ...]) -> None:
    """Counts openings of the files that nothing has a reason to open."""
    if event == "open" and str(arguments[0]) in WATCHED:
        OPENED[str(arguments[0])] += 1


@pytest.fixture(scope="module", autouse=True)
def audit() -> None:
    sys.addaudithook(watch)


def answer(key: str) -> bytes:
    return encode(Completion(f"answer to {key} " * 4, "stop", Usage(1, 2), ""))


@contextmanager
def small_log(path: Path) -> Iterator[None]:
    """Leave ``path`` as a killed process does: with a log that was not folded in."""
    with closing(Shelf(path.with_name("live"))) as shelf:
        shelf.serve([(key, answer(key)) for key in KEYS[:150]])
        shelf.cache.run("PRAGMA wal_checkpoint(TRUNCATE)")
        shelf.serve([(key, answer(key)) for key in KEYS[150:]])
        shutil.copytree(path.with_name("live"), path)
    yield
    shutil.rmtree(path.with_name("live"))


class Harm:
    """What came of opening and using damaged caches."""

    def __init__(self) -> None:
        self.tried = self.served = self.wrong = self.crashes = self.without = self.stopped = 0
        self.reasons: list[str] = []

    def use(self, directory: Path) -> None:
        """Read every answer, and keep one that reads back."""
        self.tried += 1
        try:
            with closing(Shelf(directory)) as shelf:
                found = shelf.serve([(key, None) for key in KEYS])
                for key, value in zip(KEYS, found, strict=True):
                    self.served += isinstance(value, bytes)
                    self.wrong += isinstance(value, bytes) and value != answer(key)
                shelf.serve([(KEY, answer(KEY))])
                self.wrong += shelf.serve([(KEY, None)])[0] not in (answer(KEY), None)
        except Unusable:
            self.without += 1
        except UsageError as error:
            self.stopped += 1
            self.reasons.append(str(error))
        except Exception as error:
            self.crashes += 1
            self.reasons.append(repr(error))

    def measure(self, what: str, measure: Measure) -> None:
        measure("F18", f"{what}: tried", self.tried, "", met=True)
        if self.served:
            right = f"{self.served / self.tried / len(KEYS):.1%}"
            measure("F18", f"{what}: answers still served", right, "", met=True)
        measure("F18", f"{what}: runs without the cache", self.without, "", met=True)
        measure("F18", f"{what}: wrong answers served", self.wrong, "0", met=self.wrong == 0)
        measure("F18", f"{what}: crashes", self.crashes, "0", met=self.crashes == 0)
        measure("F18", f"{what}: runs stopped", self.stopped, "0", met=self.stopped == 0)


def places(database_: Path, log: Path, random: Random) -> Iterator[tuple[Path, int]]:
    """Bytes to change without end: anywhere, in the header, in the first pages, in the index, in the log."""
    with closing(sqlite3.connect(f"file:{database_}?immutable=1", uri=True)) as connection:
        root = "SELECT rootpage FROM sqlite_master WHERE name = 'Cache_key_raw'"
        ((page,),) = connection.execute(root)
    size = database_.stat().st_size
    while True:
        yield database_, random.randrange(size)
        yield database_, random.randrange(100)
        yield database_, random.randrange(3 * 4096)
        yield database_, (page - 1) * 4096 + random.randrange(4096)
        yield log, random.randrange(log.stat().st_size)


def test_f18_bits_flipped(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """With a bit changed anywhere, each answer is right or missing, and new ones are kept."""
    harm, random = Harm(), Random(18)
    with small_log(tmp_path / "good"):
        pass
    good = tmp_path / "good"
    bits = places(good / "cache.db", good / "cache.db-wal", random)
    for _ in range(scale(40, 1000)):
        path, place = next(bits)
        directory = tmp_path / "cache"
        shutil.copytree(good, directory)
        content = bytearray(path.read_bytes())
        content[place] ^= 1 << random.randrange(8)
        (directory / path.name).write_bytes(content)
        harm.use(directory)
        shutil.rmtree(directory)
    assert harm.served > 0.8 * harm.tried * len(KEYS), harm.reasons
    harm.measure("bit flips", measure)


def test_f18_databases_cut(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Cut at any size, to nothing even, it is used as far as it goes or set aside."""
    harm, random = Harm(), Random(81)
    with small_log(tmp_path / "good"):
        pass
    for number in range(scale(12, 200)):
        directory = tmp_path / "cache"
        shutil.copytree(tmp_path / "good", directory)
        path = directory / ("cache.db", "cache.db-wal")[number % 2]
        os.truncate(path, random.randrange(path.stat().st_size))
        harm.use(directory)
        shutil.rmtree(directory)
    harm.measure("cut files", measure)


def test_f18_poison(tmp_path: Path, measure: Measure) -> None:
    """Pickles, names of files, strange types, triggers, views, settings: no code runs, nothing outside is read."""
    harm = Harm()
    trap, outside = tmp_path / "trap", tmp_path / "outside"
    outside.write_bytes(seal(KEY, b"read from outside"))
    WATCHED.update(map(str, (trap, outside, Path("..") / outside.name)))
    with closing(Shelf(tmp_path / "good")) as shelf:
        shelf.serve([(key, answer(key)) for key in [*KEYS[:20], KEY]])
    statements = [*poisons(trap, outside).values(), *((text, []) for text in STRANGE)]
    statements += [("UPDATE Cache SET raw = 0", []), ("PRAGMA user_version = 9", [])]
    for statement, values in statements:
        directory = tmp_path / "cache"
        shutil.copytree(tmp_path / "good", directory)
        with database(directory) as connection:
            connection.execute(statement, values)
        harm.use(directory)
        shutil.rmtree(directory)
    ran = int(trap.exists())
    outside_read = OPENED.total()
    assert harm.without == 1  # the other version
    harm.measure("poison", measure)
    measure("F18", "code executions", ran, "0", met=ran == 0)
    measure("F18", "reads outside of the directory", outside_read, "0", met=outside_read == 0)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
def test_f18_foreign_owner(tmp_path: Path, measure: Measure) -> None:
    """A cache of somebody else is not opened at all."""
    Shelf(tmp_path / "cache").close()
    os.chown(tmp_path / "cache", 65534, 65534)
    with pytest.raises(UsageError, match="belongs to another user") as refused:
        Shelf(tmp_path / "cache")
    measure("F18", "foreign owner", "refused", "refused", met=refused.value.exit_code == 2)


STORM = """
import asyncio, sys
from pathlib import Path
from codeclm.llm.store import AnswerStore

async def main():
    async with AnswerStore(Path(sys.argv[1])) as store:
        async def work(worker):
            number = 0
            while True:
                key = f"{worker:02}-{number}"
                await store.put(key, key.encode() * 30)
                print(key, flush=True)
                number += 1
        async with asyncio.TaskGroup() as group:
            for worker in range(8):
                group.create_task(work(worker))

asyncio.run(main())
"""


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
async def test_f20_a_second_process_in_a_write_storm(
    tmp_path: Path, scale: Scale, measure: Measure
) -> None:
    """It is refused at once, again and again; the storm is killed, and nothing it acknowledged is lost."""
    directory = tmp_path / "cache"
    seconds, slowest, refused, opened = scale(1.0, 60.0), 0.0, 0, 0
    with (tmp_path / "acknowledged").open("wb") as output:
        command = (sys.executable, "-c", STORM, str(directory))
        storm = await asyncio.create_subprocess_exec(*command, stdout=output)
        while not (tmp_path / "acknowledged").stat().st_size:
            await asyncio.sleep(0.01)
        until = time.monotonic() + seconds + Random(20).random()
        while time.monotonic() < until:
            began = time.perf_counter()
            try:
                Shelf(directory).close()
                opened += 1
            except UsageError as error:
                refused += f"in use by another run (process {storm.pid})" in str(error)
            slowest = max(slowest, time.perf_counter() - began)
            await asyncio.sleep(0.1)
        storm.send_signal(signal.SIGKILL)
        await storm.wait()
    lines = (tmp_path / "acknowledged").read_text()
    acknowledged = lines[: lines.rfind("\n") + 1].split()
    lost = locked = 0
    with closing(Shelf(directory)) as shelf:  # the dead process holds nothing
        found = shelf.serve([(key, None) for key in acknowledged])
    for key, value in zip(acknowledged, found, strict=True):
        lost += value != key.encode() * 30
        locked += isinstance(value, Trouble)
    with database(directory) as connection:
        ((integrity,),) = connection.execute("PRAGMA integrity_check")
    measure(
        "F20", "second process refused", f"{refused}/{refused + opened}", "N/N", met=opened == 0
    )
    measure("F20", "slowest refusal, s", slowest, "<= 1", met=slowest <= 1)
    measure("F20", "commits acknowledged before the kill", len(acknowledged), "", met=True)
    measure("F20", "commits lost", lost, "0", met=lost == 0)
    measure("F20", "database is locked", locked, "0", met=locked == 0)
    measure("F20", "integrity_check", integrity, "ok", met=integrity == "ok")
    measure("F20", "SQLite", sqlite3.sqlite_version, "one writer, so any", met=True)


PREFLIGHT = 2  # tiny calls at the start of each session, one a model


@pytest.mark.anyio
@pytest.mark.parametrize("anyio_backend", ["asyncio"])
class TestF17:
    """Full disks of their own, and space again."""

    async def test_output(self, tmp_path: Path, measure: Measure) -> None:
        """The run stops with exit code 4, and with room again it completes without another call."""
        async with SimulatorServer(World()) as server:
            settings = settings_for(server.base_url, method=METHOD, cache=tmp_path / "cache")
            await complete(tmp_path / "undisturbed", settings)
            with small_disk(tmp_path / "disk", "64k") as disk:
                full = await complete(disk.path / "run", settings)
                disk.resize("8m")
                asked = server.log.answered
                again = await complete(disk.path / "run", settings)
                check_books(disk.path / "run")
                same = _dataset(disk.path / "run") == _dataset(tmp_path / "undisturbed")
                asked = server.log.answered - asked - PREFLIGHT
        assert "No space left" in full.reason
        code = full.exit_code
        measure("F17", "full disk under the output: exit code", code, "4", met=code == 4)
        done = again.exit_code in {0, 3} and same
        measure("F17", "with space again: dataset", "same" if done else "other", "same", met=done)
        measure("F17", "with space again: calls repeated", asked, "0", met=asked == 0)

    async def test_cache_that_fills_up(self, tmp_path: Path, measure: Measure) -> None:
        """It fills up under a run that goes on without it; what it could not keep is counted."""
        async with SimulatorServer(World()) as server:
            plain = settings_for(server.base_url, method=METHOD)
            await complete(tmp_path / "undisturbed", plain)
            with small_disk(tmp_path / "disk", "420k") as disk:
                settings = plain.model_copy(update={"cache": disk.path / "cache"})
                finished = await complete(tmp_path / "run", settings)
        same = _dataset(tmp_path / "run") == _dataset(tmp_path / "undisturbed")
        troubles = check_books(tmp_path / "run")["cache_troubles"]
        measure("F17", "full disk under the cache: exit code", finished.exit_code, "0", met=same)
        assert any("could not be kept" in reason for reason in troubles), troubles
        measure(
            "F17", "full disk under the cache: told", f"{len(troubles)} lines", ">= 1", met=True
        )

    @pytest.mark.parametrize("state", ["full", "read-only", "full and new"])
    async def test_cache_that_cannot_be_opened(
        self, tmp_path: Path, measure: Measure, state: str
    ) -> None:
        """The run goes on without it and says so once."""
        async with SimulatorServer(World()) as server:
            plain = settings_for(server.base_url, method=METHOD)
            with small_disk(tmp_path / "disk", "1m") as disk:
                settings = plain.model_copy(update={"cache": disk.path / "cache"})
                if "new" not in state:
                    await complete(tmp_path / "first", settings)
                if "full" in state:
                    disk.fill()
                else:
                    disk.protect()
                finished = await complete(tmp_path / "second", settings)
        troubles = check_books(tmp_path / "second")["cache_troubles"]
        done = finished.exit_code in {0, 3} and len(troubles) == 1
        measure(
            "F17", f"cache on a {state} disk", "goes on" if done else troubles, "goes on", met=done
        )

    async def test_space_again_under_the_cache(self, tmp_path: Path) -> None:
        """What comes after there is room again is kept again, by itself."""
        with small_disk(tmp_path / "disk", "300k") as disk:
            async with AnswerStore(disk.path / "cache") as store:
                await store.put(KEYS[0], b"before")
                filler = disk.fill()
                while not store.statistics().failed_writes:
                    await store.put(KEYS[1], os.urandom(20_000))
                assert await store.get(KEYS[0]) == b"before"
                filler.unlink()
                disk.resize("4m")
                await store.put(KEYS[2], b"after" * 1000)
                assert await store.get(KEYS[2]) == b"after" * 1000


def test_f17_damage_on_a_full_disk(tmp_path: Path) -> None:
    """The damaged database is kept under another name; the run does without until there is room for a new one."""
    told: list[Trouble] = []
    now = [0.0]
    with small_disk(tmp_path / "disk", "600k") as disk:
        directory = disk.path / "cache"
        with closing(Shelf(directory)) as shelf:
            shelf.serve([(key, answer(key)) for key in KEYS])
        damaged = (directory / "cache.db").read_bytes()[:40_000]
        (directory / "cache.db").write_bytes(damaged)
        filler = disk.fill()
        opening = PatientShelf(
            lambda: Shelf(directory, tell=told.append), told.append, lambda: now[0]
        )
        with closing(opening) as patient:
            assert {type(each) for each in patient.serve([(KEY, None), (KEY, b"x")])} == {Trouble}
            aside = sorted(directory.glob("cache.db.broken-*[0-9]"))
            assert damaged in [path.read_bytes() for path in [directory / "cache.db", *aside]]
            filler.unlink()
            now[0] = 60.0
            assert patient.serve([(KEY, b"x"), (KEY, None)]) == [None, b"x"]
    assert len(told) >= 1


def _dataset(directory: Path) -> bytes:
    return (directory / "dataset.jsonl").read_bytes()
