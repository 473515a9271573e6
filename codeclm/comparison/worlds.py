"""The same comparison in several simulated worlds: what holds in all of them, and how sure that is."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from random import Random
from statistics import fmean, mean
from typing import Any

from codeclm.comparison.results import TITLES
from codeclm.comparison.variants import GROUPS
from codeclm.errors import UsageError
from codeclm.evaluation.table import Table

__all__ = ["interval_of_mean", "summary_of", "world_tables"]

Results = Mapping[str, Any]

RESAMPLES = 4_000
LEVEL = 0.95


def interval_of_mean(values: Sequence[float], seed: int = 0) -> tuple[float, float]:
    """The percentile bootstrap interval of the mean of ``values``, one a world."""
    random = Random(seed)
    means = sorted(fmean(random.choices(values, k=len(values))) for _ in range(RESAMPLES))
    outside = (1 - LEVEL) / 2
    return means[int(outside * RESAMPLES)], means[int((1 - outside) * RESAMPLES) - 1]


def summary_of(worlds: Sequence[Results]) -> dict[str, Any]:
    """Mean CRR of each variant over ``worlds``, and of each group how much each row adds to the one above.

    Raises UsageError where one of them could not be judged.
    """
    crr = {
        one["name"]: [_crr(world, one["name"]) for world in worlds] for one in worlds[0]["variants"]
    }
    groups = {}
    for group in worlds[0]["groups"]:
        names = [variant.name for variant in GROUPS[group]]
        groups[group] = [
            {
                "name": name,
                "title": variant.title,
                **_spread(crr[name]),
                "to_row_above": above and _difference(crr[name], crr[above]),
                "to_codeclm": None if name == "codeclm" else _difference(crr["codeclm"], crr[name]),
            }
            for name, variant, above in zip(names, GROUPS[group], [None, *names], strict=False)
        ]
    return {"worlds": len(worlds), "size": [world["size"] for world in worlds], "groups": groups}


def world_tables(summary: Results) -> Iterator[Table]:
    """A table a group."""
    header = ["variant", "mean CRR", "95 %", "added", "95 %", "higher"]
    for group, rows in summary["groups"].items():
        cells = [
            [
                row["title"],
                f"{row['mean']:.1f}",
                _interval(row["interval"]),
                *_added(row["to_row_above"], summary["worlds"]),
            ]
            for row in rows
        ]
        title = f"{TITLES[group]}; simulated, {summary['worlds']} worlds"
        yield Table(title, header, cells)


def _crr(world: Results, name: str) -> float:
    figures = next(one["evaluation"] for one in world["variants"] if one["name"] == name)
    if figures["crr"] is None:
        raise UsageError(f"variant {name}: in a world all of its comparisons failed")
    return float(figures["crr"])


def _spread(values: Sequence[float]) -> dict[str, Any]:
    return {"mean": mean(values), "interval": list(interval_of_mean(values)), "crr": list(values)}


def _difference(values: Sequence[float], others: Sequence[float]) -> dict[str, Any]:
    """Paired: both were taken in the same worlds."""
    added = [value - other for value, other in zip(values, others, strict=True)]
    return {
        "mean": mean(added),
        "interval": list(interval_of_mean(added)),
        "higher_in": sum(one > 0 for one in added),
    }


def _added(difference: Mapping[str, Any] | None, worlds: int) -> list[str]:
    if difference is None:
        return ["", "", ""]
    higher = f"{difference['higher_in']}/{worlds}"
    return [f"{difference['mean']:+.1f}", _interval(difference["interval"]), higher]


def _interval(ends: Sequence[float]) -> str:
    return f"{ends[0]:.1f} to {ends[1]:.1f}"
