"""Blocking work off the loop: the loop turns, and nothing outlasts who waits for it."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import pytest

from codeclm.disk import RealDisk
from codeclm.engine.pipeline import Pipeline
from codeclm.ledger import Ledger
from codeclm.methods.job import Job
from codeclm.off_loop import off_loop
from codeclm.plan import Order, make_plan
from codeclm.records import Comparison, Draft, Entry, Example, Metadata
from codeclm.rundir import RunDirectory
from codeclm.session import Session
from codeclm.sink import Sink
from tests.running import rows, seeds, settings_for

pytestmark = pytest.mark.anyio

LONG_S = 30


async def test_the_loop_turns_while_it_works() -> None:
    """The work goes on as soon as the loop says so, and hands its result over."""
    turned = threading.Event()
    asyncio.get_running_loop().call_later(0, turned.set)
    assert await off_loop(turned.wait, timeout=LONG_S)


async def test_an_error_is_raised() -> None:
    """As it was."""

    def breaks() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await off_loop(breaks)


@pytest.mark.parametrize("breaks", [False, True])
async def test_cancelled_it_is_waited_for(breaks: bool) -> None:
    """However often: when it is cancelled the work is over, and an error of it is told to nobody."""
    begun, go_on, over = threading.Event(), threading.Event(), threading.Event()

    def work() -> None:
        begun.set()
        assert go_on.wait(LONG_S)
        over.set()
        if breaks:
            raise ValueError("broken")

    task = asyncio.create_task(off_loop(work))
    while not begun.is_set():
        await asyncio.sleep(0.001)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert over.is_set()


class _Waiting(RealDisk):
    """A disk on which a file is replaced when the loop has turned, and not before."""

    def __init__(self) -> None:
        self.turned = threading.Event()
        self.waited: list[bool] = []

    def replace(self, path: Path, other: Path) -> None:
        if other.name == "dataset.jsonl":
            self.waited.append(self.turned.wait(LONG_S))
        super().replace(path, other)


async def _nothing() -> AsyncIterator[object]:
    return
    yield


async def test_the_loop_turns_while_a_dataset_is_written(tmp_path: Path) -> None:
    """Whatever else the process does goes on; the dataset is whole when the run is over."""
    disk = _Waiting()
    entry = Entry(0, "entry", Metadata("chat", ("tone",)))
    settings = settings_for("http://127.0.0.1:9/v1")
    plan = make_plan(Order(seeds(2), settings, tmp_path, environ={}))
    with RunDirectory(tmp_path) as directory, closing(Sink(tmp_path, disk)) as sink:
        directory.write_settings(plan.record())
        for name in ("b", "a"):
            sink.write(Example(Comparison(Draft(name, entry, "Sing"), "S", "T"), "strong"))
        job = Job(
            Pipeline([], ()), _nothing(), lambda: dict.fromkeys(("asked", "missing", "lost"), 0)
        )
        session = Session(plan, directory, sink, Ledger(), job, {}, list)
        asyncio.get_running_loop().call_later(0.01, disk.turned.set)
        _, dataset = await session.end(complete=True)
    assert disk.waited == [True]
    assert dataset is not None
    assert [row["id"] for row in rows(dataset)] == ["a", "b"]
