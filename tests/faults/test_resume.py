"""F26: a run resumed with something changed, and one whose cache was deleted."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import orjson
import pytest

from codeclm.errors import UsageError
from codeclm.progress import NoView, Snapshot
from codeclm.records import digest, draft_id
from codeclm.run import Order, Stopper, run
from codeclm.settings import Settings
from codeclm.simulator import ServerOptions
from codeclm.version import __version__
from tests.faults.bench import Measure, Scale
from tests.faults.world_server import world_server
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, contents, rows, seeds, settings_for

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

METHOD = {"total": 40, "augment_to": 0}
CHANGES: dict[str, tuple[dict[str, Any], str]] = {
    "theta": ({"method": {**METHOD, "theta": 2.0}}, "method.theta: 3.0 -> 2.0"),
    "seed": ({"seed": 1}, "seed: 0 -> 1"),
    "lower total": ({"method": {**METHOD, "total": 39}}, "method.total: 40 -> 39"),
    "language": ({"method": {**METHOD, "language": "Dutch"}}, "method.language: None -> 'Dutch'"),
    "input": ({"source": seeds(9)}, "input is another one"),
}


async def stopped_run(directory: Path, settings: Settings, finished: int) -> None:
    """A run that was stopped when so many instructions had an outcome."""
    stopper = Stopper()

    class Watch(NoView):
        interval_s = 0.001

        def show(self, snapshot: Snapshot) -> None:
            if snapshot.finished >= finished and not stopper.asked:
                stopper.stop("enough for now")

    assert (await run(Order(seeds(8), settings, directory), Watch(), stopper)).exit_code == 4


async def test_f26_changed(tmp_path: Path, measure: Measure) -> None:
    """What would change the data is refused, with the difference, and nothing is touched."""
    refused = 0
    async with world_server(options=ServerOptions(latency_s=0.002)) as server:
        settings = partial(settings_for, server.base_url, max_in_flight=8)
        await stopped_run(tmp_path, settings(method=METHOD), 5)
        before = contents(tmp_path)
        for change, difference in CHANGES.values():
            given = {"method": METHOD, **change}
            source = given.pop("source", None)
            try:
                await complete(tmp_path, settings(**given), source)
            except UsageError as error:
                refused += difference in str(error)
    untouched = {**contents(tmp_path), "run.lock": b""} == {**before, "run.lock": b""}
    asked = len(CHANGES)
    figure = "changed settings or input: refused with the difference"
    measure("F26", figure, f"{refused} of {asked}", "all", met=refused == asked and untouched)


async def test_f26_version(tmp_path: Path, measure: Measure) -> None:
    """Another version of the tool may go on, and the summary names both."""
    async with world_server(options=ServerOptions(latency_s=0.002)) as server:
        settings = settings_for(server.base_url, max_in_flight=8, method=METHOD)
        await stopped_run(tmp_path, settings, 5)
        for name in ("settings.json", "summary.json"):
            stored = json.loads((tmp_path / name).read_bytes())
            stored.pop("versions", None)
            (tmp_path / name).write_text(json.dumps({**stored, "codeclm": "0.0.9"}))
        finished = await complete(tmp_path, settings)
    versions = check_books(tmp_path)["versions"]
    noted = versions == ["0.0.9", __version__] and finished.exit_code in {0, 3}
    measure("F26", "changed version", f"goes on, noted: {versions}", "noted", met=noted)


async def test_f26_no_cache(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """With the cache deleted, nothing is asked again that only a finished instruction needed, and no row is doubled."""
    method = {**METHOD, "total": scale(40, 1_000)}
    async with world_server(options=ServerOptions(latency_s=0.002)) as server:
        settings = settings_for(server.base_url, max_in_flight=8, method=method)
        await stopped_run(tmp_path, settings, method["total"] // 2)
        finished, decoded = outcomes(tmp_path), finished_units(tmp_path)
        shutil.rmtree(tmp_path / "cache")
        before = len(server.asked)
        await complete(tmp_path, settings)
        bodies = [orjson.loads(asked.body) for asked in server.asked[before:]]
    again = {body["messages"][-1]["content"] for body in bodies}
    draws = {body.get("seed") for body in bodies}
    check_books(tmp_path, some_in_vain=True)
    repeated = [row for row in finished if row["instruction"] in again]
    doubled = len(outcomes(tmp_path)) - len({row["id"] for row in outcomes(tmp_path)})
    measure(
        "F26", "cache deleted: finished items on record", len(finished), "> 0", met=bool(finished)
    )
    measure("F26", "cache deleted: finished items repeated", len(repeated), "0", met=not repeated)
    units = [unit for unit in decoded if int(digest(0, unit, 0)[:8], 16) >> 1 in draws]
    measure(
        "F26", "cache deleted: finished units on record", len(decoded), "> 0", met=bool(decoded)
    )
    measure("F26", "cache deleted: finished units decoded again", len(units), "0", met=not units)
    measure("F26", "cache deleted: rows doubled", doubled, "0", met=doubled == 0)


def outcomes(directory: Path) -> list[dict[str, Any]]:
    found = [rows(directory / f"{name}.jsonl") for name in ("selected", "discarded")]
    return [row for each in found for row in each]


def finished_units(directory: Path) -> list[str]:
    """The units all of whose instructions have an outcome."""
    known = {row["id"] for row in outcomes(directory)}
    units = rows(directory / "decoded.jsonl")
    return [
        unit["id"]
        for unit in units
        if all(draft_id(unit["id"], index) in known for index in range(len(unit["texts"])))
    ]
