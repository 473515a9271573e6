"""``codeclm evaluate`` behind its flags."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codeclm.console import Progress, conduct, print_line, view_for
from codeclm.errors import UsageError
from codeclm.evaluation.archive import EvaluationArchive
from codeclm.evaluation.fetch import fetch, paper_set, write_items
from codeclm.evaluation.plan import EvaluationOrder, make_plan
from codeclm.evaluation.run import evaluate
from codeclm.evaluation.settings import EvaluationSettings, load_settings, party_of
from codeclm.evaluation.table import FORMATS, flat, tables_of
from codeclm.evaluation.test_sets import read_test_set, split
from codeclm.last_words import call_words, next_words
from codeclm.open_files import SPARE, calls_that_fit, raise_limit
from codeclm.run import Finished

__all__ = [
    "Asked",
    "evaluate_command",
    "fetch_set",
    "split_file",
    "tables",
]

ADVICE = "run the same command to go on"


@dataclass(frozen=True, slots=True)
class Asked:
    """What the flags of ``codeclm evaluate`` say."""

    test_set: Path
    directory: Path
    config: Path | None
    candidates: Sequence[str]
    reference: str | None
    judge: str | None
    settings: Mapping[str, Any]
    max_in_flight: int | None
    field: str
    category: str | None
    retry_failed: bool
    progress: Progress


async def evaluate_command(asked: Asked) -> int:
    """Evaluate, and show the results; the exit code."""
    settings = load_settings(asked.config, {**_parties(asked), **asked.settings})
    if asked.max_in_flight is not None:
        settings = settings.with_max_in_flight(asked.max_in_flight)
    test_set = read_test_set(asked.test_set, asked.field, asked.category)
    order = EvaluationOrder(test_set, settings, asked.directory, asked.retry_failed)
    order, told = _fitted(order)
    view = view_for(asked.progress)
    finished = await conduct(lambda stopper: evaluate(order, view, stopper), view, ADVICE, told)
    if finished.dataset:
        results = EvaluationArchive(finished.dataset.parent).results
        _show([results])
        for line in _told_of(results):
            print_line(line)
    for line in _last_words(finished):
        print_line(line)
    return finished.exit_code


def tables(runs: Sequence[Path], form: str) -> str | None:
    """The tables of evaluations, each on a test set of its own, as a text; None where they were shown on the screen."""
    results = [EvaluationArchive(run).results for run in runs]
    if form == "json":
        return json.dumps(results, indent=2, ensure_ascii=False) + "\n"
    if form == "html":
        from codeclm.evaluation.page import page  # noqa: PLC0415 - it loads what draws pages

        return page(results)
    if form == "csv":
        return FORMATS[form](flat(results))
    if form == "markdown":
        return "\n".join(map(FORMATS[form], tables_of(results)))
    _show(results)
    return None


def split_file(file: Path, output: Path, share: float, seed: int, field: str) -> list[str]:
    """Write the seeds and the test items of ``file`` into ``output``; what to tell of it. Raises UsageError."""
    test_set = read_test_set(file, field)
    seeds, rest = split(test_set.items, share, seed)
    if not seeds or not rest:
        raise UsageError(f"{file}: {len(test_set.items)} items are too few to be split like that")
    lines = []
    for name, items in (("seeds", seeds), ("test", rest)):
        path = output / f"{file.stem}.{name}.jsonl"
        write_items(path, items, by_length=test_set.by_length)
        lines.append(f"{path}: {len(items):,} items")
    if test_set.known and test_set.known.note:
        lines.append(f"note: {test_set.name}: {test_set.known.note}")
    return lines


def fetch_set(name: str, place: str, output: Path | None) -> list[str]:
    """Get a test set of the paper from ``place``; what to tell of it. Raises UsageError."""
    wanted = paper_set(name)
    path = output or Path(f"{name}.jsonl")
    found = fetch(wanted, place)
    write_items(path, found.items, by_length=found.by_length)
    lines = [f"{path}: {len(found.items):,} items, as in the paper; licence: {wanted.licence}"]
    return lines + ([f"note: {wanted.note}"] if wanted.note else [])


def _parties(asked: Asked) -> dict[str, Any]:
    named = [party_of(text) for text in asked.candidates]
    twice = [name for name, count in Counter(name for name, _ in named).items() if count > 1]
    if twice:
        raise UsageError(
            f"two candidates are called {twice[0]!r}; give one a name of its own: NAME=..."
        )
    return {
        "candidates": dict(named),
        "reference": asked.reference and party_of(asked.reference)[1],
        "judge": asked.judge and {"model": asked.judge},
    }


def _fitted(order: EvaluationOrder) -> tuple[EvaluationOrder, str]:
    """The order with calls in flight that open files suffice for, and what there is to tell of it."""
    asked = [spec.max_in_flight for spec in make_plan(order).specs]
    most = calls_that_fit(asked, raise_limit())
    if most is None:
        return order, ""
    needed = sum(asked) + SPARE
    if most == 0:
        raise UsageError(f"{needed:,} open files are needed; raise the limit (ulimit -n {needed})")
    settings: EvaluationSettings = order.settings.with_max_in_flight(most, at_most=True)
    told = f"warning: too few open files: at most {most:,} calls in flight to each model (ulimit -n {needed})"
    return replace(order, settings=settings), told


def _told_of(results: Mapping[str, Any]) -> list[str]:
    """What the figures rest on."""
    rates = ", ".join(
        f"{one['name']} {one['order']['flipped']:.1%}" for one in results["candidates"]
    )
    lines = [f"position flips, which count as ties: {rates}"]
    lines += [
        f"warning: {one['cut_off']:,} responses of {one['name']} were cut off at their token limit, and judged so"
        for one in results["candidates"]
        if one["cut_off"]
    ]
    return lines


def _show(results: Sequence[Mapping[str, Any]]) -> None:
    from codeclm.evaluation.screen import print_tables  # noqa: PLC0415 - it loads what draws tables

    print_tables(tables_of(results))


def _last_words(finished: Finished) -> list[str]:
    summary = finished.summary
    counts = summary["counts"]
    done = sum(counts[fate] for fate in ("wins", "ties", "losses", "failed"))
    state = f"stopped ({finished.reason})" if finished.reason else "complete"
    lines = [
        f"{state}: {done:,} of {summary['wanted']:,} comparisons, {counts['failed']:,} failed",
        call_words(summary),
    ]
    lines += [f"warning: {reason}" for reason in summary["cache_troubles"]]
    if counts["failed"]:
        lines.append(
            "failed comparisons are in no figure; reasons in failed.jsonl, --retry-failed tries again"
        )
    if finished.dataset:
        lines.append(f"results: {finished.dataset}")
    return lines + next_words(finished, ADVICE)
