"""``codeclm compare`` behind its flags."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.comparison.compare import Compared, CompareOrder, compare
from codeclm.comparison.place import Place
from codeclm.comparison.results import data_table, group_tables
from codeclm.comparison.settings import Comparison, load_comparison
from codeclm.comparison.simulated import simulated_models, write_seeds
from codeclm.comparison.worlds import summary_of, world_tables
from codeclm.console import Progress, conduct, print_line, view_for
from codeclm.disk import replace_file
from codeclm.errors import UsageError
from codeclm.evaluation.screen import print_tables
from codeclm.evaluation.table import FORMATS, Table
from codeclm.last_words import next_words
from codeclm.run import Stopper

__all__ = ["Asked", "compare_command"]

ADVICE = "run the same command to go on"
SIMULATED = (
    "The models and the fine-tuning were simulated (a stated law, codeclm/simulator/tuning.py): "
    "figures say nothing of any real model."
)


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags of ``codeclm compare`` say. ``worlds`` is 0 where nothing is simulated."""

    seeds: Path | None
    directory: Path
    config: Path | None
    flags: Mapping[str, Any]
    worlds: int
    world_seed: int
    evenly_weak: bool
    field: str
    progress: Progress


async def compare_command(asked: Asked) -> int:
    """Compare, and show the tables; the exit code."""
    comparison = load_comparison(asked.config, asked.flags)
    if not asked.worlds:
        return await _real(asked, comparison)
    worlds = []
    for world_seed in range(asked.world_seed, asked.world_seed + asked.worlds):
        several = asked.worlds > 1
        path = asked.directory / f"world-{world_seed}" if several else asked.directory
        compared = await _simulated(asked, comparison, Place(path), world_seed)
        if compared.results is None:
            return _ended(compared)
        worlds.append(compared)
    _show(worlds[0].results if len(worlds) == 1 else None)
    if len(worlds) > 1:
        _show_worlds(asked.directory, [one.results for one in worlds if one.results])
    print_line(SIMULATED)
    return max(one.exit_code for one in worlds)


async def _real(asked: Asked, comparison: Comparison) -> int:
    if asked.seeds is None:
        raise UsageError("give SEEDS, or --simulated for a comparison in the simulated world")
    order = CompareOrder(asked.seeds, asked.field, comparison, Place(asked.directory))
    compared = await _conducted(asked, lambda stopper, view: compare(order, view, stopper))
    _show(compared.results)
    return _ended(compared, order)


async def _simulated(
    asked: Asked, comparison: Comparison, place: Place, world_seed: int
) -> Compared:
    place.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    async with simulated_models(place, world_seed, evenly_weak=asked.evenly_weak) as models:
        seeds = asked.seeds or write_seeds(world_seed, place)
        order = CompareOrder(seeds, asked.field, comparison, place, models)
        return await _conducted(asked, lambda stopper, view: compare(order, view, stopper))


async def _conducted(asked: Asked, work: Callable[[Stopper, Any], Awaitable[Compared]]) -> Compared:
    view = view_for(asked.progress)
    return await conduct(lambda stopper: work(stopper, view), view, ADVICE)


def _ended(compared: Compared, order: CompareOrder | None = None) -> int:
    """Say how it ended, and what is to do next; the exit code."""
    if compared.stopped:
        said = f"stopped ({compared.stopped.reason})"
        print_line("; ".join([said, *next_words(compared.stopped, ADVICE)]))
    elif order is not None and compared.untrained:
        first = order.place.training(compared.untrained[0])
        print_line(f"training sets and configurations: {first.parent}")
        print_line(f"train each, as in: cd {first / 'trl'} && trl sft --config sft.yaml")
        print_line(
            f"then name the models under compare.candidates ({', '.join(compared.untrained)}); {ADVICE}"
        )
    return compared.exit_code


def _show(results: Mapping[str, Any] | None) -> None:
    if results is not None:
        judged = results["test_set"] is not None
        print_tables([data_table(results), *(group_tables(results) if judged else ())])


def _show_worlds(directory: Path, worlds: list[Mapping[str, Any]]) -> None:
    summary = summary_of(worlds)
    tables = [*world_tables(summary)]
    print_tables(tables)
    text = json.dumps(summary, indent=2).encode() + b"\n"
    replace_file(directory / "worlds.json", [text])
    replace_file(directory / "worlds.md", [_markdown(tables).encode()])


def _markdown(tables: Iterable[Table]) -> str:
    return "\n".join(map(FORMATS["markdown"], tables)) + f"\n{SIMULATED}\n"
