"""A comparison from seeds to tables: data of each variant, training sets, and the evaluation of what was trained."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from dataclasses import field as hidden
from pathlib import Path
from typing import Any

from codeclm.comparison.datasets import (
    DataSet,
    check_variant,
    make_data,
    share_seeds,
    write_training_set,
)
from codeclm.comparison.place import Place
from codeclm.comparison.results import data_table, group_tables, results_of
from codeclm.comparison.settings import Comparison
from codeclm.comparison.simulated import SimulatedModels
from codeclm.comparison.variants import Variant, variants_of
from codeclm.disk import replace_file, replace_json
from codeclm.errors import UsageError
from codeclm.evaluation.archive import EvaluationArchive
from codeclm.evaluation.plan import EvaluationOrder
from codeclm.evaluation.run import evaluate
from codeclm.evaluation.settings import EvaluationSettings
from codeclm.evaluation.table import FORMATS
from codeclm.evaluation.test_sets import read_test_set
from codeclm.progress import View
from codeclm.run import Finished, Stopper
from codeclm.settings_file import merged, settings_from

__all__ = ["CompareOrder", "Compared", "compare"]

MARK = "comparison.json"
"""Shows that a directory is a comparison's."""


@dataclass(frozen=True, slots=True)
class CompareOrder:
    """What is to be compared, and where. ``simulated`` models take the place of those that are configured."""

    seeds: Path
    field: str
    comparison: Comparison
    place: Place
    simulated: SimulatedModels | None = None
    environ: Mapping[str, str] = hidden(default_factory=lambda: os.environ, repr=False)

    @property
    def tree(self) -> Mapping[str, Any]:
        """The configuration that all variants share."""
        run = self.comparison.run
        return merged(run, {"models": self.simulated.models}) if self.simulated else run


@dataclass(frozen=True, slots=True)
class Compared:
    """How a comparison ended. ``results`` is None where a part of it was ``stopped``.

    ``untrained`` are the variants that no model was trained on yet.
    """

    exit_code: int
    results: Mapping[str, Any] | None
    stopped: Finished | None = None
    untrained: tuple[str, ...] = ()


async def compare(order: CompareOrder, view: View, stopper: Stopper) -> Compared:
    """Compare to the end, or until it is stopped; all of it goes on where it was when asked again.

    Raises UsageError for what must be mended first.
    """
    settings, place = order.comparison.compare, order.place
    variants = variants_of(settings)
    _check(order, variants)
    _claim(place.path)
    share_seeds(order.seeds, order.field, settings, place)
    data: list[DataSet] = []
    for variant in variants.values():
        view.say(f"{variant.name}: making its data")
        made = await make_data(variant, order.tree, settings, place, view, stopper)
        if made.finished.reason:
            return Compared(made.finished.exit_code, None, made.finished)
        data.append(made)
    size = _common_size(data, settings.size, view)
    for made in data:
        write_training_set(made, size, settings, place)
    return await _judge(order, data, size, view, stopper)


async def _judge(
    order: CompareOrder, data: Sequence[DataSet], size: int, view: View, stopper: Stopper
) -> Compared:
    settings, place = order.comparison.compare, order.place
    names = [made.variant.name for made in data]
    candidates = _candidates(order, names)
    exit_code = max(made.finished.exit_code for made in data)
    figures: Mapping[str, Any] | None = None
    if candidates:
        view.say(f"judging {', '.join(candidates)}")
        test_set = read_test_set(settings.test_set or place.test_set)
        judging = _evaluation(order, candidates)
        finished = await evaluate(
            EvaluationOrder(test_set, judging, place.evaluation, environ=order.environ),
            view,
            stopper,
        )
        if finished.reason:
            return Compared(finished.exit_code, None, finished)
        exit_code = max(exit_code, finished.exit_code)
        figures = EvaluationArchive(place.evaluation).results
    results = results_of(settings, size, data, figures)
    _write(place, {**results, "simulated": order.simulated is not None})
    untrained = tuple(name for name in names if name not in candidates)
    return Compared(exit_code, results, untrained=untrained)


def _candidates(order: CompareOrder, names: Sequence[str]) -> dict[str, Any]:
    if order.simulated is None:
        given = order.comparison.compare.candidates
        return {name: given[name] for name in names if name in given}
    return {name: order.simulated.train(name, order.place) for name in names}


def _evaluation(order: CompareOrder, candidates: Mapping[str, Any]) -> EvaluationSettings:
    """The strong model is what candidates are compared with, and the judge, unless others are given."""
    settings, shared = order.comparison.compare, settings_from(order.tree, order.comparison.where)
    assert shared.models is not None
    judge = order.simulated.judge if order.simulated else settings.judge or shared.models.judge
    return EvaluationSettings.model_validate(
        {
            "candidates": candidates,
            "reference": settings.reference or shared.models.strong,
            "judge": judge,
            "max_tokens": shared.method.max_tokens,
            "system_prompt": shared.method.system_prompt,
            "prompts": shared.prompts,
            "cache": order.place.cache,
        }
    )


def _check(order: CompareOrder, variants: Mapping[str, Variant]) -> None:
    """What can be seen before anything is made. Raises UsageError."""
    settings, where = order.comparison.compare, order.comparison.where
    settings_from(order.tree, where)
    for variant in variants.values():
        check_variant(variant, order.tree, settings)
    for name in settings.candidates:
        if name not in variants:
            raise UsageError(
                f"{where}: compare.candidates: no variant is called {name!r}; there are {', '.join(variants)}"
            )


def _claim(path: Path) -> None:
    """Make ``path`` the comparison's. Raises UsageError where it holds something else."""
    if path.exists() and not path.is_dir():
        raise UsageError(f"{path}: not a directory; give another -o")
    if not (path / MARK).exists():
        names = {entry.name for entry in path.iterdir()} if path.exists() else set()
        if names - {"simulated.json", "downstream.jsonl"}:
            raise UsageError(f"{path}: not empty and not a comparison's directory; give a new one")
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_file(path / MARK, [b'{"kind": "comparison"}\n'])


def _common_size(data: Sequence[DataSet], wanted: int, view: View) -> int:
    """Training sets are of equal size: that of the smallest."""
    smallest = min(data, key=lambda made: made.examples)
    if smallest.examples < wanted:
        view.say(
            f"{smallest.variant.name} gave {smallest.examples:,} of {wanted:,} examples: "
            f"all training sets have {smallest.examples:,}"
        )
    if not smallest.examples:
        raise UsageError(
            f"{smallest.variant.name}: not one example was made; see its run's summary.json"
        )
    return min(wanted, smallest.examples)


def _write(place: Place, results: Mapping[str, Any]) -> None:
    replace_json(place.results, results)
    tables = [data_table(results), *group_tables(results)]
    replace_file(place.tables, ["\n".join(map(FORMATS["markdown"], tables)).encode()])
