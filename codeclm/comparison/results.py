"""What a comparison found, in the layout of the paper's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from codeclm.comparison.datasets import DataSet
from codeclm.comparison.settings import CompareSettings
from codeclm.comparison.variants import GROUPS
from codeclm.evaluation.table import Table

__all__ = ["data_table", "group_tables", "results_of"]

Results = Mapping[str, Any]

TITLES = {
    "methods": "Methods",
    "ablation": "Ablation: one part more each time",
    "matching": "Share of the seeds, at equal size",
}


def results_of(
    settings: CompareSettings, size: int, data: Sequence[DataSet], evaluation: Results | None
) -> dict[str, Any]:
    """All figures as plain JSON values; those of an evaluation are None where a model is not trained yet."""
    judged = {one["name"]: one for one in evaluation["candidates"]} if evaluation else {}
    return {
        "size": size,
        "groups": list(settings.groups),
        "test_set": evaluation and evaluation["test_set"],
        "reference": evaluation and evaluation["reference"],
        "judge": evaluation and evaluation["judge"],
        "variants": [{**_made(one), "evaluation": judged.get(one.variant.name)} for one in data],
        "comparisons": evaluation["comparisons"] if evaluation else [],
    }


def data_table(results: Results) -> Table:
    """A row a variant: what its data took."""
    header = ["variant", "examples", "instructions", "calls", "from cache", "cost", "time s"]
    rows = [
        [
            one["title"],
            f"{one['examples']:,}",
            f"{one['instructions']:,}",
            f"{one['calls']:,}",
            f"{one['cache_hits']:,}",
            "" if one["cost"] is None else f"{one['cost']:,.2f}",
            f"{one['wall_time_s']:,.1f}",
        ]
        for one in results["variants"]
    ]
    return Table(f"Data; training sets of {results['size']:,} examples each", header, rows)


def group_tables(results: Results) -> Iterator[Table]:
    """A table a group: wins, ties, losses and CRR, and how much more that is than the row before."""
    by_name = {one["name"]: one for one in results["variants"]}
    grouped = {group: GROUPS[group] for group in results["groups"]}
    in_a_group = {variant.name for variants in grouped.values() for variant in variants}
    for group, variants in grouped.items():
        rows = [(variant.title, by_name[variant.name]) for variant in variants]
        yield _table(TITLES[group], rows, results["comparisons"])
    others = [(name, one) for name, one in by_name.items() if name not in in_a_group]
    if others:
        yield _table("Variants", others, results["comparisons"])


def _made(data: DataSet) -> dict[str, Any]:
    summary = data.finished.summary
    return {
        "name": data.variant.name,
        "title": data.variant.title,
        "examples": data.examples,
        "instructions": summary["counts"]["instructions"],
        "failed": summary["counts"]["failed"],
        "calls": sum(row["calls"] for row in summary["calls"]),
        "cache_hits": sum(row["cache_hits"] for row in summary["calls"]),
        "cost": (summary.get("cost") or {}).get("paid"),
        "wall_time_s": summary["wall_time_s"],
    }


def _table(
    title: str, rows: Sequence[tuple[str, Results]], comparisons: Sequence[Results]
) -> Table:
    header = ["variant", "W", "T", "L", "CRR", "95 %", "added", "95 %"]
    before = [None, *(one["name"] for _, one in rows)]
    cells = [
        [label, *_judged(one["evaluation"]), *_difference(one["name"], above, comparisons)]
        for (label, one), above in zip(rows, before, strict=False)
    ]
    return Table(title, header, cells)


def _judged(figures: Results | None) -> list[str]:
    if figures is None or figures["crr"] is None:
        return ["", "", "", "not trained yet" if figures is None else "", ""]
    counts = [str(figures[name]) for name in ("wins", "ties", "losses")]
    return [*counts, f"{figures['crr']:.2f}", _interval(figures["interval"])]


def _difference(name: str, above: str | None, comparisons: Sequence[Results]) -> list[str]:
    for one in comparisons:
        sign = {(name, above): 1, (above, name): -1}.get((one["a"], one["b"]))
        if sign is not None and one["crr_difference"] is not None:
            ends = sorted(sign * end for end in one["interval"])
            return [f"{sign * one['crr_difference'] + 0.0:+.2f}", _interval(ends)]
    return ["", ""]


def _interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.1f} to {ends[1]:.1f}"
