"""The files of a run under kills, power cuts, full disks and disks that fail: F2, F3, F4."""

from __future__ import annotations

import errno
import json
import random
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from codeclm.disk import REAL, Disk
from codeclm.engine.stage import Failed
from codeclm.errors import ParseError, RunStopped, UsageError
from codeclm.lines import LinesFile
from codeclm.methods.entries import entry_of
from codeclm.records import Comparison, Draft, Example, Metadata, Rejection, Seed, Verdict
from codeclm.rundir import OUTCOMES, RunDirectory
from codeclm.sink import Sink
from tests.faults.bench import Measure, Scale
from tests.faults.disks import FaultyDisk, Killed, LossyDisk

ENTRY = entry_of(Seed(0, "seed", "Sing a song"), Metadata("music", ("rhythm",)))
SYNC_EVERY = 4


def outcomes(number: int) -> Iterator[Example | Rejection | Failed]:
    """One of each kind in turn, with texts of several sizes."""
    for n in range(number):
        draft = Draft(f"id-{n:03}", ENTRY, f"text {n} \n é" * (n % 5 + 1))
        verdict = Verdict(Comparison(draft, "S", "T"), (9.0, 9.0), (4.0, 4.0))
        if n % 3 == 0:
            yield Example(verdict.comparison, "strong", verdict)
        elif n % 3 == 1:
            yield Rejection(verdict, "gap within 3")
        else:
            yield Failed(verdict.comparison, "judge", ParseError("no scores", "??"))


class Sitting:
    """What a run does to its directory; remembers what it was told is done."""

    def __init__(self) -> None:
        self.written: list[str] = []
        self.synced: list[str] = []

    def work(self, directory: Path, disk: Disk, number: int = 18) -> None:
        with RunDirectory(directory, disk) as held:
            held.write_settings({"decisive": {}})
            with closing(Sink(directory, disk)) as sink:
                for n, outcome in enumerate(outcomes(number)):
                    if n % SYNC_EVERY == 2:  # with rows in files that are new
                        self._sync(held, sink)
                    sink.write(outcome)
                    self.written.append(f"id-{n:03}")
                self._sync(held, sink)
                sink.write_dataset()
                held.write_summary({"state": "complete", **sink.counts()})

    def _sync(self, held: RunDirectory, sink: Sink) -> None:
        written = list(self.written)
        sink.sync()
        self.synced = written
        held.write_summary({"state": "running", **sink.counts()})


def ids(directory: Path) -> Counter[str]:
    """How often each id is on record, in whole lines; raises where a whole line is no row."""
    found: Counter[str] = Counter()
    for name in OUTCOMES:
        path = directory / f"{name}.jsonl"
        lines = path.read_bytes().split(b"\n")[:-1] if path.exists() else []
        found.update(json.loads(line)["id"] for line in lines)
    return found


def spoil(directory: Path) -> None:
    """A directory of a killed run, with a torn line and a bad one in the middle."""
    with suppress(Killed):
        Sitting().work(directory, FaultyDisk(kill_after=60))
    with (directory / "selected.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    path = directory / "discarded.jsonl"
    first, *rest = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + b"\x00\x00 no row\n" + b"".join(rest))


@pytest.fixture
def undisturbed(tmp_path: Path) -> bytes:
    """The dataset of a run that nothing befell."""
    Sitting().work(tmp_path / "undisturbed", REAL)
    return (tmp_path / "undisturbed" / "dataset.jsonl").read_bytes()


def test_f2_killed_after_every_call(
    tmp_path: Path, undisturbed: bytes, scale: Scale, measure: Measure
) -> None:
    """Wherever a kill falls, into a write too: all that was written is there, once, and the run completes."""
    whole = FaultyDisk()
    spoil(tmp_path / "spoilt")
    shutil.copytree(tmp_path / "spoilt", tmp_path / "counted")
    Sitting().work(tmp_path / "counted", whole)
    points = [(n, torn) for n in range(1, whole.done + 1) for torn in (False, True)]
    lost = doubled = torn_lines = unequal = 0
    for n, torn in (tried := points[:: scale(3, 1)]):
        directory = tmp_path / f"{n}-{torn}"
        shutil.copytree(tmp_path / "spoilt", directory)
        before = ids_of_rows(directory)
        sitting = Sitting()
        with pytest.raises(Killed):
            sitting.work(directory, FaultyDisk(kill_after=n, torn=torn))
        lost += len((before | set(sitting.written)) - ids_of_rows(directory))
        Sitting().work(directory, FaultyDisk())
        found = ids(directory)
        doubled += sum(count - 1 for count in found.values())
        lost += 18 - len(found)
        torn_lines += sum(
            not (directory / f"{name}.jsonl").read_bytes().endswith(b"\n") for name in OUTCOMES
        )
        unequal += (directory / "dataset.jsonl").read_bytes() != undisturbed
        shutil.rmtree(directory)
    measure("F2", "kill points covered", f"{len(tried)}/{len(points)}", "N/N", met=True)
    measure("F2", "samples lost", lost, "0", met=lost == 0)
    measure("F2", "samples doubled", doubled, "0", met=doubled == 0)
    measure("F2", "torn lines left", torn_lines, "0", met=torn_lines == 0)
    measure("F2", "other datasets", unequal, "0", met=unequal == 0)


def ids_of_rows(directory: Path) -> set[str]:
    """The ids on record in whole lines that are rows."""
    found = set()
    for name in OUTCOMES:
        path = directory / f"{name}.jsonl"
        for line in path.read_bytes().split(b"\n")[:-1] if path.exists() else []:
            with suppress(ValueError):
                found.add(json.loads(line)["id"])
    return found


def test_f3_power_cuts(tmp_path: Path, undisturbed: bytes, scale: Scale, measure: Measure) -> None:
    """Whatever of the unsynced the disk forgot: what was synced is there, every file parses, and the run completes."""
    whole = LossyDisk()
    Sitting().work(tmp_path / "whole", whole)
    lost = most_lost = unread = unequal = cuts = 0
    for seed in range(scale(1, 20)):
        for n in range(1, whole.done + 1, scale(2, 1)):
            live, after = tmp_path / f"{n}", tmp_path / f"{n}-after"
            disk, sitting = LossyDisk(kill_after=n), Sitting()
            with pytest.raises(Killed):
                sitting.work(live, disk)
            disk.after_the_cut(after, random.Random(f"{seed}:{n}"))
            unread += sum(not parses(path) for path in after.glob("*.json"))
            kept = ids_of_rows(after)
            lost += len(set(sitting.synced) - kept)
            most_lost = max(most_lost, len(set(sitting.written) - kept))
            Sitting().work(after, FaultyDisk())
            unread += set(ids(after)) != {f"id-{number:03}" for number in range(18)}
            unequal += (after / "dataset.jsonl").read_bytes() != undisturbed
            cuts += 1
            shutil.rmtree(live)
            shutil.rmtree(after)
    measure("F3", "simulated power cuts", cuts, "", met=True)
    measure("F3", "synced samples lost", lost, "0", met=lost == 0)
    bar = f"<= {SYNC_EVERY}, those since the last sync"
    measure("F3", "finished samples lost at most", most_lost, bar, met=most_lost <= SYNC_EVERY)
    measure("F3", "files that do not parse", unread, "0", met=unread == 0)
    measure("F3", "other datasets", unequal, "0", met=unequal == 0)
    measure.not_run("F3", "real power loss", "no machine to cut the power of")


def parses(path: Path) -> bool:
    try:
        return isinstance(json.loads(path.read_bytes()), dict)
    except ValueError:
        return False


def test_f4_torn_tails(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Cut at any byte of its last three records, the file keeps its whole lines and goes on behind them."""
    examples = [outcome for outcome in outcomes(18) if isinstance(outcome, Example)]
    with closing(Sink(tmp_path)) as sink:
        for example in examples:
            sink.write(example)
    path = tmp_path / "selected.jsonl"
    whole = path.read_bytes()
    start = len(whole) - sum(len(line) for line in whole.splitlines(keepends=True)[-3:])
    sizes = range(start, len(whole) + 1, scale(7, 1))
    lost = doubled = 0
    for size in sizes:
        path.write_bytes(whole[:size])
        with closing(Sink(tmp_path)) as sink:
            lost += sum(line not in path.read_bytes() for line in whole[:size].split(b"\n")[:-1])
            for example in examples:
                sink.write(example)
        found = ids(tmp_path)
        lost += len(examples) - len(found)
        doubled += sum(count - 1 for count in found.values())
    measure("F4", "cuts tried", len(sizes), "every byte of the last 3 records", met=True)
    measure("F4", "whole records lost", lost, "0", met=lost == 0)
    measure("F4", "records doubled", doubled, "0", met=doubled == 0)


@pytest.mark.parametrize("at_most", [1, 7, 1000])
def test_short_writes_are_gone_on_with(tmp_path: Path, undisturbed: bytes, at_most: int) -> None:
    """A disk that takes little at a time gets all of it in the end."""
    Sitting().work(tmp_path / "run", FaultyDisk(at_most=at_most))
    assert (tmp_path / "run" / "dataset.jsonl").read_bytes() == undisturbed


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EDQUOT])
@pytest.mark.parametrize("call", ["write", "sync", "sync_directory", "replace", "open"])
def test_any_call_that_fails_stops_the_run_and_nothing_is_lost(
    tmp_path: Path, undisturbed: bytes, call: str, error: int
) -> None:
    """Each call fails once: the run stops with one line, files are whole, and the next sitting completes it."""
    whole = FaultyDisk(at_most=90)
    Sitting().work(tmp_path / "whole", whole)
    for number in range(1, whole.calls[call] + 1, whole.calls[call] // 12 + 1):
        directory = tmp_path / f"{number}"
        faulty = FaultyDisk(at_most=90, errors={call: {number: error}})
        sitting = Sitting()
        with suppress(UsageError, RunStopped):
            sitting.work(directory, faulty)
        if directory.exists():
            assert set(sitting.synced) <= set(ids(directory))
            for name in OUTCOMES:
                path = directory / f"{name}.jsonl"
                assert not path.exists() or path.read_bytes()[-1:] in (b"", b"\n")
        Sitting().work(directory, FaultyDisk())
        assert set(ids(directory).values()) == {1}
        assert (directory / "dataset.jsonl").read_bytes() == undisturbed


def test_a_failed_sync_is_never_asked_again(tmp_path: Path) -> None:
    """Rows since the last good one are cut off and no more taken: the disk may say yes and have nothing."""
    disk = FaultyDisk(errors={"sync": {2: errno.EIO}})
    with closing(LinesFile(tmp_path / "a.jsonl", disk)) as file:
        file.append({"id": "kept"})
        file.sync()
        file.append({"id": "not kept"})
        with pytest.raises(RunStopped, match="the disk does not keep it"):
            file.sync()
        for again in (file.sync, lambda: file.append({"id": "late"})):
            with pytest.raises(RunStopped, match="the disk does not keep it"):
                again()
    assert disk.calls["sync"] == 2
    with closing(LinesFile(tmp_path / "a.jsonl")) as file:
        assert [row["id"] for row in file.recover()] == ["kept"]


def test_a_torn_line_that_cannot_be_cut_is_cut_by_the_next_sitting(tmp_path: Path) -> None:
    """Where neither writing nor cutting works, nothing is glued to the torn line."""
    errors = {"write": {3: errno.EIO}, "truncate": {1: errno.EIO}}
    with closing(LinesFile(tmp_path / "a.jsonl", FaultyDisk(at_most=15, errors=errors))) as file:
        file.append({"id": "kept"})
        with pytest.raises(RunStopped):
            file.append({"id": "torn in the middle"})
        with pytest.raises(RunStopped, match="cannot be written any more"):
            file.append({"id": "late"})
    with closing(LinesFile(tmp_path / "a.jsonl")) as file:
        assert [row["id"] for row in file.recover()] == ["kept"]


def test_start_of_a_resumed_run(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Reading what is on record takes 2 s per 100,000 records at most."""
    number = scale(2000, 100_000)
    example = next(outcome for outcome in outcomes(3) if isinstance(outcome, Example))
    text = "word " * 400
    with closing(Sink(tmp_path)) as sink:
        for n in range(number):
            draft = Draft(f"id-{n}", ENTRY, text)
            sink.write(Example(Comparison(draft, "S", "T"), "strong", example.verdict))
    began = time.perf_counter()
    with closing(Sink(tmp_path)) as sink:
        taken = (time.perf_counter() - began) * 100_000 / number
        assert sink.counts()["selected"] == number
    met = taken <= 2 or number < 100_000  # too small a number tells nothing
    measure("F1", "start of a resumed run, s per 100,000 records", taken, "<= 2", met=met)
