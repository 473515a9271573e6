"""Two judges of the same comparisons, or a judge and people: how far they agree."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.evaluation.agreement import Flips, Key, agreement, flips, read_labels
from codeclm.evaluation.archive import EvaluationArchive
from codeclm.evaluation.crr import OUTCOMES, Outcome
from codeclm.evaluation.results import scores_in
from codeclm.evaluation.table import Table

__all__ = ["agree", "agreement_tables"]


def agree(one: Path, other: Path, candidate: str | None) -> dict[str, Any]:
    """How far an evaluation agrees with another one, or with labels in a CSV. Raises UsageError."""
    first = EvaluationArchive(one)
    outcomes = _of_candidate(first.outcomes(), candidate, one)
    second: Mapping[Key, Outcome]
    flip_rates = {str(one): asdict(_flips(first, candidate))}
    if other.is_dir():
        archive = EvaluationArchive(other)
        second = _of_candidate(archive.outcomes(), candidate, other)
        flip_rates[str(other)] = asdict(_flips(archive, candidate))
    else:
        second = _with_names(read_labels(other), outcomes, other)
    common = [key for key in outcomes if key in second]
    made = agreement([(outcomes[key], second[key]) for key in common])
    left = {"only_first": len(outcomes) - len(common), "only_second": len(second) - len(common)}
    return {**asdict(made), **left, "flips": flip_rates}


def agreement_tables(made: Mapping[str, Any], one: Path, other: Path) -> list[Table]:
    """What ``agree`` returns, as tables."""
    kappas = [
        [name, "" if made[key] is None else f"{made[key]:.3f}"]
        for name, key in (
            ("agreement", "raw"),
            ("Cohen's kappa", "kappa"),
            ("kappa, linear weights", "linear"),
            ("kappa, quadratic weights", "quadratic"),
        )
    ]
    header = [f"{one.name} \\ {other.name}", *OUTCOMES]
    counted = [[a, *(str(made["table"][a][b]) for b in OUTCOMES)] for a in OUTCOMES]
    order = [
        [
            Path(name).name,
            str(of["items"]),
            *(f"{of[key]:.3f}" for key in ("flipped", "changed")),
            f"{of['first']:+.2f}",
        ]
        for name, of in made["flips"].items()
    ]
    return [
        Table(f"{made['items']} comparisons in common", ["measure", "value"], kappas),
        Table("outcomes", header, counted),
        Table(
            "what the order of the responses does",
            ["evaluation", "items", "winner flips", "verdict changes", "points for the first"],
            order,
        ),
    ]


def _of_candidate(
    outcomes: Mapping[Key, Outcome], candidate: str | None, run: Path
) -> dict[Key, Outcome]:
    if candidate is None:
        return dict(outcomes)
    chosen = {key: outcome for key, outcome in outcomes.items() if key[1] == candidate}
    if not chosen:
        known = ", ".join(sorted({name for _, name in outcomes})) or "none"
        raise UsageError(f"{run}: no candidate {candidate!r} was judged there (known: {known})")
    return chosen


def _flips(archive: EvaluationArchive, candidate: str | None) -> Flips:
    rows = archive.judged()
    return flips(scores_in(row) for row in rows if candidate in (None, row["candidate"]))


def _with_names(
    labels: Mapping[Key, Outcome], outcomes: Mapping[Key, Outcome], file: Path
) -> dict[Key, Outcome]:
    """Labels without a candidate are of the only one there is."""
    names = {name for _, name in outcomes}
    if len(names) > 1 and any(not name for _, name in labels):
        raise UsageError(
            f"{file}: several candidates were judged; add a column candidate, or give --candidate"
        )
    [only] = names if len(names) == 1 else [""]
    return {(item, name or only): outcome for (item, name), outcome in labels.items()}
