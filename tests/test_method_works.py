"""The method does what it is for: on models with planted weaknesses, the real pipeline over HTTP finds them.

The models are simulated, so these are facts about the pipeline, not about any language model.
"""

from __future__ import annotations

from pathlib import Path
from statistics import mean
from typing import Any

import pytest

from codeclm.seeds import SeedList
from codeclm.simulator import SimulatorServer, World
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, rows, settings_for

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

Row = dict[str, Any]
ENRICHMENT = 2.0
"""The selected set holds at least so many times the share of weak skills that all instructions have."""


async def judged(directory: Path, world: World, **method: Any) -> list[Row]:
    """Run the method on seeds of ``world``; every instruction that was judged, with its row."""
    async with SimulatorServer(world) as server:
        settings = settings_for(server.base_url, max_in_flight=64, method=method)
        await complete(directory, settings, SeedList(tuple(world.seeds(60))))
    check_books(directory)
    return rows(directory / "selected.jsonl") + rows(directory / "discarded.jsonl")


def basic(row: Row) -> Row:
    """The instruction, gap and scores of the first iteration."""
    history: list[Row] = row["history"]
    return history[0] if history else row


def weak_share(world: World, all_rows: list[Row]) -> float:
    weak = world.weak_skills
    return mean(not weak.isdisjoint(world.skills_of(basic(r)["instruction"])) for r in all_rows)


async def test_what_is_selected_is_what_the_target_is_weak_at(tmp_path: Path) -> None:
    """Weak skills are enriched by the stated factor; most selections come at once, each later iteration gives fewer."""
    world = World()
    everything = await judged(tmp_path, world, total=1000)
    selected = [row for row in everything if "response" in row]
    assert weak_share(world, selected) >= ENRICHMENT * weak_share(world, everything)
    summary = check_books(tmp_path)
    by_iteration = [summary["selected_by_iteration"][str(n)] for n in (1, 2, 3, 4)]
    assert by_iteration[0] > sum(by_iteration) / 2
    assert by_iteration == sorted(set(by_iteration), reverse=True)
    assert 0 < summary["selected_by_responder"]["target"] < len(selected) / 10


async def test_swapping_positions_cancels_the_judges_bias(tmp_path: Path) -> None:
    """Against an unbiased judge: with the swap mean gaps agree, without it they are off by the bias (0.8 planted)."""

    async def mean_gap(name: str, bias: float, swap: bool) -> float:
        world = World(position_bias=bias)
        judgements = await judged(
            tmp_path / name, world, total=400, iterations=1, swap_positions=swap
        )
        return mean(float(row["gap"]) for row in judgements)

    truth = await mean_gap("unbiased", 0.0, swap=True)
    swapped = await mean_gap("swapped", 0.8, swap=True)
    single = await mean_gap("single", 0.8, swap=False)
    assert abs(swapped - truth) < 0.15
    assert single - truth > 0.5
