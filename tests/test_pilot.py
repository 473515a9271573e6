"""A pilot is a part of the run: what it has paid for the run does not pay for again, and the data are the same."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from codeclm.errors import UsageError
from codeclm.pilot import LOG, Pilot
from codeclm.progress import NoView
from codeclm.run import PILOT_OVER, Finished, Order, Stopper, run
from codeclm.seeds import MetadataFile
from codeclm.settings import Settings
from codeclm.simulator import SimulatorServer, World
from codeclm.sources import Source
from tests.running import check_books, contents, rows, seeds, settings_for

pytestmark = pytest.mark.anyio


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Whole runs, on the loop that the command has."""
    return "asyncio", {"use_uvloop": True}


async def go(
    place: Path, settings: Settings, source: Source, pilot: Pilot | None = None
) -> Finished:
    return await run(Order(source, settings, place), NoView(), Stopper(), pilot)


def calls(place: Path) -> Counter[str]:
    """Paid calls by stage, all sessions; the tiny calls before each session are no part of the run's work."""
    summary = json.loads((place / "summary.json").read_bytes())
    paid: Counter[str] = Counter()
    for row in summary["calls"]:
        paid[row["stage"]] += row["calls"]
    del paid["preflight"]
    return paid


METHODS: list[dict[str, Any]] = [
    {"total": 66, "augment_to": 11},
    {"total": 16, "augment_to": 0, "check_pairs": True},
    {"total": 50, "augment_to": 12, "check_pairs": True, "per_call": 3},
    {"per_entry": 5, "per_call": 3},
    {"total": 24, "augment_to": 0, "contrastive_filtering": False, "improvements": 2},
]


@pytest.mark.parametrize("method", METHODS, ids=str)
async def test_the_run_pays_exactly_for_what_the_pilot_has_not(
    method: dict[str, Any], tmp_path: Path
) -> None:
    """calls(run after pilot) = calls(run) - calls(pilot), stage by stage, and every byte of the dataset is the same."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=method)
        piloted, fresh = tmp_path / "piloted", tmp_path / "fresh"
        over = await go(piloted, settings, seeds(8), Pilot(3))
        assert (over.exit_code, over.reason) == (4, PILOT_OVER)
        in_pilot = calls(piloted)
        assert in_pilot["encode"] >= 3
        assert in_pilot["respond"] > 0
        asked = server.log.answered
        again = await go(piloted, settings, seeds(8), Pilot(3))
        assert again.reason == PILOT_OVER
        assert server.log.answered - asked == 2  # the tiny calls
        assert calls(piloted) == in_pilot
        assert (await go(piloted, settings, seeds(8))).exit_code in {0, 3}
        assert (await go(fresh, settings, seeds(8))).exit_code in {0, 3}
    assert calls(piloted) == calls(fresh)  # so what came after the pilot is the difference
    assert calls(fresh).total() > in_pilot.total() > 0
    assert contents(piloted)["dataset.jsonl"] == contents(fresh)["dataset.jsonl"]
    check_books(piloted)


async def test_the_log_has_each_answer_of_the_pilot_once(tmp_path: Path) -> None:
    """As many lines as calls were paid, with what they are for; the run that goes on adds none."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 24, "augment_to": 12})
        await go(tmp_path / "run", settings, seeds(10), Pilot(4))
        logged = rows(tmp_path / "run" / LOG)
        assert Counter(row["stage"] for row in logged) == calls(tmp_path / "run")
        assert len({row["id"] for row in logged}) == len(logged)
        assert all(row["seconds"] >= 0 and row["input_tokens"] > 0 for row in logged)
        await go(tmp_path / "run", settings, seeds(10))
        assert rows(tmp_path / "run" / LOG) == logged


async def test_metadata_can_be_piloted_too(tmp_path: Path) -> None:
    """Entries in the place of seeds: nothing is encoded, and the run pays for the rest."""
    lines = [{"use_case": f"task {n}", "skills": [f"skill {n}"]} for n in range(6)]
    file = tmp_path / "metadata.jsonl"
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 40})
        await go(tmp_path / "piloted", settings, MetadataFile(file), Pilot(3))
        assert calls(tmp_path / "piloted")["decode"] >= 3
        await go(tmp_path / "piloted", settings, MetadataFile(file))
        await go(tmp_path / "fresh", settings, MetadataFile(file))
    assert calls(tmp_path / "piloted") == calls(tmp_path / "fresh")


def test_it_takes_seeds_from_all_over_the_file() -> None:
    """Evenly spread, each once; a pilot of more than there are takes all."""
    assert Pilot(4).numbers(100) == {12, 37, 62, 87}
    assert Pilot(50).numbers(7) == set(range(7))
    for items in (1, 3, 50, 99, 100):
        assert len(Pilot(items).numbers(100)) == items
    with pytest.raises(UsageError):
        Pilot(0)
