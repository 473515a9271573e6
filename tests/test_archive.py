"""The reader's view of a run directory, on a real run."""

from pathlib import Path

import pytest

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.world import World
from tests.running import complete, rows, settings_for

pytestmark = pytest.mark.anyio


async def test_a_run_is_read_as_it_was_written(tmp_path: Path) -> None:
    """Every outcome once, the selected ones as the dataset has them; a row that is being written is not seen."""
    async with SimulatorServer(World()) as server:
        await complete(
            tmp_path, settings_for(server.base_url, method={"total": 20, "augment_to": 0})
        )
    with (tmp_path / "discarded.jsonl").open("ab") as file:
        file.write((tmp_path / "discarded.jsonl").read_bytes().splitlines(keepends=True)[0])
        file.write(b'{"id": "half a ro')
    archive = RunArchive(tmp_path)
    counts = archive.summary["counts"]
    assert archive.is_complete
    assert [*archive.selected()] == rows(tmp_path / "dataset.jsonl")
    assert len([*archive.selected()]) == counts["selected"] > 0
    assert len([*archive.discarded()]) == counts["discarded"] > 0
    assert len([*archive.units()]) == counts["units"]
    first = next(archive.discarded())
    assert archive.find(first["id"]) == ("discarded", first)
    assert archive.find("nothing") is None


def test_what_is_no_run_is_said_to_be_none(tmp_path: Path) -> None:
    """One line with the place, for a directory of something else and for none at all."""
    for place in (tmp_path, tmp_path / "nowhere"):
        with pytest.raises(UsageError, match="no run's directory"):
            RunArchive(place)
