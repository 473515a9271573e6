"""Doing without a cache, and taking it back when it can be had."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

import pytest

from codeclm.errors import UsageError
from codeclm.llm.directory import Unusable
from codeclm.llm.patient import AGAIN_S, PatientShelf
from codeclm.llm.shelf import Shelf, Trouble
from tests.poison import KEY, OTHER


class Clock:
    """Time that passes when told to."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def test_a_shelf_that_cannot_be_opened_is_tried_again(tmp_path: Path) -> None:
    """Not before 30 s are over; until then every job is told why, and once it is open all is kept."""
    clock, full = Clock(), True
    told: list[Trouble] = []
    attempts: list[float] = []

    def open_shelf() -> Shelf:
        attempts.append(clock.now_s)
        if full:
            raise Unusable("no room")
        return Shelf(tmp_path / "cache")

    with closing(PatientShelf(open_shelf, told.append, clock)) as shelf:
        for _ in range(3):
            assert shelf.serve([(KEY, b"value"), (KEY, None)]) == [Trouble("no room")] * 2
        assert attempts == [100.0]
        clock.now_s += AGAIN_S
        assert shelf.serve([(KEY, None)]) == [Trouble("no room")]
        full = False
        assert shelf.serve([(KEY, None)]) == [Trouble("no room")]
        clock.now_s += AGAIN_S
        assert shelf.serve([(KEY, b"value"), (KEY, None)]) == [None, b"value"]
    assert attempts == [100.0, 130.0, 160.0]
    assert told == [Trouble("no room")] * 2


def test_what_is_not_safe_is_still_refused(tmp_path: Path) -> None:
    """Only trouble with the medium is waited out."""
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache").chmod(0o777)
    with pytest.raises(UsageError, match="can be written by others"):
        PatientShelf(lambda: Shelf(tmp_path / "cache"), lambda trouble: None)


def break_index(path: Path, root: int, size: int) -> None:
    """Make the page that holds the index of keys nonsense, beneath an open connection."""
    with path.open("r+b") as file:
        file.seek((root - 1) * size)
        file.write(b"\xff" * size)


@pytest.mark.parametrize("before", [0, 2])
def test_damage_found_in_the_middle_of_a_run_is_got_over(tmp_path: Path, before: int) -> None:
    """A new database is begun with the answers that can be read; those set aside before stay what they were."""
    told: list[Trouble] = []
    directory = tmp_path / "cache"

    def open_shelf() -> Shelf:
        return Shelf(directory, tell=told.append)

    with closing(open_shelf()) as first:
        first.serve([(f"{n:064}", b"value %d" % n) for n in range(300)])
    with closing(PatientShelf(open_shelf, told.append)) as shelf:
        opened = shelf._shelf
        assert opened is not None
        statement = "SELECT rootpage FROM sqlite_master WHERE name = 'Cache_key_raw'"
        ((root,),) = opened.cache.run(statement)
        ((size,),) = opened.cache.run("PRAGMA page_size")
        opened.cache.run("PRAGMA wal_checkpoint(TRUNCATE)")
        opened.cache.run("PRAGMA cache_size = 0")
        break_index(directory / "cache.db", root, size)
        opened.cache.run("PRAGMA shrink_memory")
        for n in range(before):
            (directory / f"cache.db.broken-{n + 1}").write_text("earlier")
        outcomes = shelf.serve([(OTHER, b"new"), (OTHER, None), (f"{7:064}", None)])
        assert outcomes == [None, b"new", b"value 7"]
    assert f"set aside as cache.db.broken-{before + 1};" in told[0].reason
    assert "300 of its answers could be kept" in told[0].reason
