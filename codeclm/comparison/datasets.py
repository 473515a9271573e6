"""The data sets of a comparison: a run for each variant over one cache, cut to equal size, ready for the trainers."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

from codeclm.comparison.place import Place
from codeclm.comparison.settings import CompareSettings
from codeclm.comparison.training import (
    axolotl_configuration,
    conversations,
    prompt_completions,
    trl_configuration,
)
from codeclm.comparison.variants import Variant
from codeclm.disk import replace_file
from codeclm.errors import UsageError
from codeclm.evaluation.records import TestItem
from codeclm.evaluation.test_sets import read_test_set, split
from codeclm.methods.baseline import BaselineOptions
from codeclm.methods.options import MOST_FOR_ONE, CodecLMOptions
from codeclm.methods.table import DEFAULT, OPTIONS
from codeclm.methods.wizardlm import EvolutionOptions
from codeclm.progress import View
from codeclm.run import Finished, Order, Stopper, run
from codeclm.rundir import read_settings
from codeclm.seeds import SeedFile
from codeclm.settings_file import merged, settings_from

__all__ = ["DataSet", "check_variant", "make_data", "share_seeds", "write_training_set"]

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class DataSet:
    """What a variant gave: its run's summary, and how many examples there are in its dataset."""

    variant: Variant
    finished: Finished
    examples: int


def share_seeds(seeds: Path, field: str, settings: CompareSettings, place: Place) -> None:
    """Write the seeds and, where no test set is given, what is kept of them for judging. Raises UsageError."""
    items: Sequence[TestItem] = read_test_set(seeds, field).items
    if settings.test_set is None:
        items, held_back = split(items, settings.seed_share)
        if not items or not held_back:
            raise UsageError(f"{seeds}: too few instructions to be split into seeds and a test set")
        _write_items(place.test_set, held_back)
    for percent in (20, 40, 60, 80, 100):
        chosen = items if percent == 100 else _share(items, percent)
        _write_items(place.seeds(percent), chosen)


def _share(items: Sequence[TestItem], percent: int) -> Sequence[TestItem]:
    """At least one of ``items``; a smaller share is a part of a larger one."""
    whole = len(items)
    ranked, _ = split(items, max(0.5, percent / 100 * whole) / whole) if whole > 1 else (items, [])
    return ranked or items[:1]


def check_variant(variant: Variant, tree: Mapping[str, Any], settings: CompareSettings) -> None:
    """Raises UsageError where the configuration of ``variant`` is none, before anything is paid for another one."""
    settings_from(_sized(_fitting(tree, variant), settings.size, None), f"variant {variant.name}")


async def make_data(
    variant: Variant,
    tree: Mapping[str, Any],
    settings: CompareSettings,
    place: Place,
    view: View,
    stopper: Stopper,
) -> DataSet:
    """Run ``variant`` until there are enough examples, or it is stopped. ``tree`` is the configuration that all share.

    A method that counts instructions, of which it drops some, is extended as far as its yield so far makes it need.
    """
    changed = merged(_fitting(tree, variant), {"cache": place.cache})
    source = SeedFile(place.seeds(round(100 * variant.seed_share)))
    directory = place.run(variant.name)
    total = _total_before(directory)
    while True:
        sized = _sized(changed, settings.size, total)
        checked = settings_from(sized, f"variant {variant.name}")
        finished = await run(Order(source, checked, directory), view, stopper)
        examples = sum(1 for _ in _rows(finished.dataset)) if finished.dataset else 0
        given = sized is changed or "selected" in sized["method"]
        if given or finished.reason or examples >= settings.size:
            return DataSet(variant, finished, examples)
        made = checked.method.total or 0
        if made >= MOST_FOR_ONE * settings.size:
            return DataSet(variant, finished, examples)
        total = min(MOST_FOR_ONE * settings.size, _next_total(made, examples, settings.size))


def _fitting(tree: Mapping[str, Any], variant: Variant) -> dict[str, Any]:
    """``tree`` with the change of ``variant``, without settings that are for CodecLM where that is not the method."""
    changed = merged(tree, variant.change)
    options = _options(changed)
    if not issubclass(options, BaselineOptions):
        return changed
    own = {*options.USES, *(variant.change.get("method") or {}), "name"}
    return {
        **changed,
        "method": {name: value for name, value in changed["method"].items() if name in own},
    }


def _options(tree: Mapping[str, Any]) -> type[CodecLMOptions]:
    """The class of the settings of the method that ``tree`` names; an unknown name is refused where it is checked."""
    return OPTIONS.get(_method(tree).get("name", DEFAULT), CodecLMOptions)


def _method(tree: Mapping[str, Any]) -> Mapping[str, Any]:
    method = tree.get("method")
    return method if isinstance(method, Mapping) else {}


def _total_before(directory: Path) -> int | None:
    """How many instructions an earlier session went to; None where there was none."""
    stored = read_settings(directory) if directory.is_dir() else None
    total = stored and stored["decisive"].get("method.total")
    return total if isinstance(total, int) else None


def _next_total(made: int, examples: int, size: int) -> int:
    """A tenth more than the yield so far asks for, and twice as many where there is hardly any."""
    if examples * 10 < size:
        return 2 * made
    return max(made + 1, -(-11 * made * size // (10 * examples)))


def _sized(tree: Mapping[str, Any], size: int, total: int | None) -> Mapping[str, Any]:
    """``tree`` with a size, unless it has one of its own: exactly so many examples are to come out.

    A method that cannot be asked for examples is asked for as many instructions, or for ``total``.
    """
    method = _method(tree)
    if tree.get("method") and not method:  # it is none, and is refused where it is checked
        return tree
    if any(method.get(name) is not None for name in ("total", "selected", "per_entry")):
        return tree
    options = _options(tree)
    if not issubclass(options, BaselineOptions):
        return merged(tree, {"method": {"selected": size}})
    wanted = max(size, total or 0)
    if issubclass(options, EvolutionOptions):  # each start gives one instruction a round
        given = method.get("rounds")
        rounds = given if type(given) is int and given > 0 else options().rounds
        wanted = -(-wanted // rounds) * rounds
    return merged(tree, {"method": {"total": wanted}})


def write_training_set(data: DataSet, size: int, settings: CompareSettings, place: Place) -> None:
    """The first ``size`` examples by id, which is a random choice that stays the same, in the trainers' forms."""
    directory, training = place.training(data.variant.name), settings.training
    rows = [*islice(_rows(data.finished.dataset), size)]
    _write_rows(directory / "dataset.jsonl", rows)
    _write_rows(directory / "trl" / "data" / "train.jsonl", prompt_completions(rows))
    _write(directory / "trl" / "sft.yaml", trl_configuration(training, "data", "model"))
    _write_rows(directory / "axolotl" / "train.jsonl", conversations(rows))
    _write(
        directory / "axolotl" / "sft.yaml", axolotl_configuration(training, "train.jsonl", "model")
    )


def _rows(path: Path | None) -> Iterator[dict[str, Any]]:
    assert path is not None
    with path.open("rb") as file:
        yield from map(json.loads, file)


def _write_items(path: Path, items: Iterable[TestItem]) -> None:
    rows = (
        {"id": item.id, "instruction": item.instruction, "category": item.category}
        for item in items
    )
    _write_rows(path, rows)


def _write_rows(path: Path, rows: Iterable[Row]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, (json.dumps(row, ensure_ascii=False).encode() + b"\n" for row in rows))


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, [text.encode()])
