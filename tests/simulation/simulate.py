"""A whole simulated run: killed, stopped, and resumed to its end, then held against the undisturbed one."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cache, partial
from pathlib import Path
from random import Random
from tempfile import mkdtemp
from typing import Any

import orjson

from codeclm.errors import RunStopped, UsageError
from tests.running import check_books, rows
from tests.simulation.disk import SeededDisk
from tests.simulation.loop import Process
from tests.simulation.models import SeededModels
from tests.simulation.presets import LATER_PRESETS, PRESETS, Preset, plan_of
from tests.simulation.replies import CANARY
from tests.simulation.session import Ended, hold_session
from tests.simulation.transport import Server
from tests.simulation.universe import Universe
from tests.simulation.weather import CALM, Weather, draw_weather

__all__ = ["Result", "Simulation", "simulate"]

MOST_SESSIONS = 40
OUTCOMES = ("selected", "discarded", "failed")
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a seed. ``compared``: nothing failed that does not fail undisturbed, so the data had to be equal."""

    preset: str
    sessions: int
    kills: int
    stops: int
    calls: int
    repeated: int
    most_lost: int
    virtual_s: float
    compared: bool
    trace: int
    dataset: bytes = field(repr=False)


class Simulation:
    """One run of ``preset`` in ``weather``, in a directory of its own."""

    def __init__(self, seed: object, preset: Preset, weather: Weather, path: Path) -> None:
        self._preset = preset
        self._path = path
        self._plan = plan_of(preset, weather)
        self.universe = Universe(seed, weather)
        names = ("sim-strong", "sim-target", "sim-judge")
        places = (*weather.servers, weather.servers[0])
        self._servers = {
            name: Server(self.universe, place, name)
            for name, place in zip(names, places, strict=True)
        }
        self.kills = self.stops = 0

    def run(self) -> Ended:
        """Sessions until one completes the run."""
        while True:
            assert self.universe.sessions < MOST_SESSIONS, "I9: the run never ends"
            ended = self._session()
            if ended is not None and ended.reason is None:
                return ended
            self.universe.now_s += self.universe.random.choice((0.0, 10.0, 1000.0))
            if self.universe.sessions > MOST_SESSIONS / 2:
                self._clear_up()

    def _session(self) -> Ended | None:
        universe = self.universe
        for server in self._servers.values():
            server.begin_session()
        disk = SeededDisk(universe)
        process = Process(universe)
        make = partial(SeededModels, universe, self._servers, self._preset.manner)
        try:
            ended = process.run(hold_session(universe, self._plan, self._path, disk, make))
        except (RunStopped, UsageError):  # in the end of a session, or its beginning
            assert universe.disk_failed
            ended = None
        killed = process.killed
        self.kills += killed
        if killed and process.lost_power:
            disk.cut_power()
        if ended is not None:
            self._check(ended)
        return ended

    def _check(self, ended: Ended) -> None:
        """The books of a session that came to its own end (I1, I2, I7, I8)."""
        self.stops += ended.reason is not None
        universe = self.universe
        # What an entry gave in an earlier session is made up for by others where its answer was lost and it fails now.
        counted_twice = universe.entry_failed and universe.sessions > 1
        if not universe.disk_failed and not counted_twice:
            # What a killed session has paid for may be known to nobody, and what was not kept is paid for again.
            weather = universe.weather
            forgetful = weather.failed_reads > 0 or weather.failed_writes > 0
            check_books(self._path, some_in_vain=universe.sessions > 1 or forgetful)
        check_ids(self._path)
        check_calls(ended)
        shown = repr(ended.models.events)
        files = b"".join(path.read_bytes() for path in self._path.iterdir())
        assert CANARY not in shown, "I8: the key is in an event"
        assert CANARY.encode() not in files, "I8: the key is in a file"

    def _clear_up(self) -> None:
        """Better weather, so that the run can end."""
        for server in self._servers.values():
            server.clear_up()


def check_ids(path: Path) -> None:
    """Every id is in one file, and once."""
    ids = [row["id"] for name in OUTCOMES for row in rows(path / f"{name}.jsonl")]
    assert len(ids) == len(set(ids)), "I2: an id has two outcomes"


def check_calls(ended: Ended) -> None:
    """The ledger holds what the endpoints gave."""
    books = ended.models.books.values()
    given = [sum(getattr(book, name) for book in books) for name in COLUMNS]
    told = [ended.ledger.session[name] for name in COLUMNS]
    assert told == given, f"I7: the ledger has {told}, the endpoints gave {given}"


COLUMNS = ("calls", "input_tokens", "output_tokens")


@contextmanager
def _directory() -> Iterator[Path]:
    path = Path(mkdtemp(prefix="simulation-", dir=MEMORY if MEMORY.is_dir() else None))
    try:
        yield path
    finally:
        shutil.rmtree(path)


@dataclass(frozen=True, slots=True)
class _Reference:
    files: dict[str, dict[str, bytes]]
    dataset: bytes
    events: int


def _files(path: Path) -> dict[str, dict[str, bytes]]:
    """The lines of each file of outcomes, by id."""
    return {
        name: dict(
            zip(
                (row["id"] for row in rows(path / f"{name}.jsonl")),
                (path / f"{name}.jsonl").read_bytes().splitlines(),
                strict=True,
            )
        )
        for name in OUTCOMES
    }


def _calls(files: dict[str, dict[str, bytes]]) -> dict[str, Any]:
    """By the id of a discarded instruction: the answers that went into it. An endpoint's own words may differ.

    But for repeats: what was paid for one before it was known to be one is a matter of arrival.
    """
    found = ((key, orjson.loads(row)) for key, row in files["discarded"].items())
    return {key: row["calls"] for key, row in found if "repeats" not in row}


@cache
def _reference(preset: Preset) -> _Reference:
    """The run of ``preset`` that nothing disturbs."""
    with _directory() as path:
        simulation = Simulation("calm", preset, CALM, path)
        simulation.run()
        dataset = (path / "dataset.jsonl").read_bytes()
        return _Reference(_files(path), dataset, simulation.universe.events)


def repeats(lines: dict[str, bytes]) -> dict[str, str]:
    """Of the discarded instructions those that repeat another, with that one."""
    told = {identity: json.loads(line).get("repeats") for identity, line in lines.items()}
    return {identity: first for identity, first in told.items() if first is not None}


def simulate(seed: int) -> Result:
    """Run one seed to its end. Raises AssertionError where something does not hold that must."""
    random = Random(f"{seed} begins")
    preset = random.choice(LATER_PRESETS if seed % 4 == 3 else PRESETS)
    reference = _reference(preset)
    weather = draw_weather(random, reference.events)
    with _directory() as path:
        simulation = Simulation(seed, preset, weather, path)
        simulation.run()
        files = _files(path)
        # Others make up for an entry that fails, and later draws do not know those that fail.
        compared = not simulation.universe.unit_failed
        failed, expected = files["failed"].keys(), reference.files["failed"].keys()
        # Beyond the examples that were wanted it is chance what was begun.
        counts_examples = "selected" in preset.method
        compared &= failed <= expected if counts_examples else failed == expected
        dataset = (path / "dataset.jsonl").read_bytes()
    if compared:
        assert dataset == reference.dataset, "the dataset is not that of the undisturbed run"
        if not counts_examples:
            discarded, expected_rows = files["discarded"], reference.files["discarded"]
            assert discarded.keys() == expected_rows.keys()
            assert repeats(discarded) == repeats(expected_rows), "other instructions are repeats"
            assert _calls(files) == _calls(reference.files), "a row has other answers in it"
    universe = simulation.universe
    return Result(
        preset.name,
        universe.sessions,
        simulation.kills,
        simulation.stops,
        sum(universe.paid.values()),
        sum(universe.paid.values()) - len(universe.paid),
        max(universe.lost_at_kills, default=0),
        universe.now_s - 1000,
        compared,
        universe.trace,
        dataset,
    )
