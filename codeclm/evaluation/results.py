"""From judged rows to figures: CRR with intervals, by category, and candidates against each other."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from itertools import combinations
from typing import Any

from codeclm.evaluation.agreement import flips
from codeclm.evaluation.crr import Scores, Tally, outcome_of, tally_of
from codeclm.evaluation.statistics import (
    LEVEL,
    bootstrap_difference,
    bootstrap_share,
    permutation_test,
    sign_test,
)

__all__ = ["results_of", "scores_in"]

Row = Mapping[str, Any]
POINTS = {"win": 1, "tie": 0, "loss": -1}


def results_of(
    rows: Sequence[Row], candidates: Sequence[str], failed: Mapping[str, int]
) -> dict[str, Any]:
    """All figures of judged ``rows``; ``failed`` counts the matches without a verdict by candidate.

    A pure function of its arguments: plain JSON values, shares in percent, rounded where a file shows them.
    """
    by_candidate = {name: [row for row in rows if row["candidate"] == name] for name in candidates}
    return {
        "level": LEVEL,
        "candidates": [
            {"name": name, "failed": failed.get(name, 0), **_figures(of_it)}
            for name, of_it in by_candidate.items()
        ],
        "comparisons": [
            {"a": a, "b": b, **_comparison(by_candidate[a], by_candidate[b])}
            for a, b in combinations(candidates, 2)
        ],
    }


def scores_in(row: Row) -> tuple[Scores, Scores]:
    """(candidate, reference) of both orders."""
    (one, other), (of_one, of_other) = row["scores"]["candidate"], row["scores"]["reference"]
    return (one, of_one), (other, of_other)


def _figures(rows: Sequence[Row]) -> dict[str, Any]:
    categories = sorted({row["category"] for row in rows}, key=_natural)
    scores = [scores_in(row) for row in rows]
    order = flips(scores)
    return {
        **_tallied(rows),
        "mean_scores": {
            "candidate": _mean(order[0] for both in scores for order in both),
            "reference": _mean(order[1] for both in scores for order in both),
        },
        "cut_off": sum(bool(row["cut_off"]["candidate"]) for row in rows),
        "order": {name: round(value, 4) for name, value in asdict(order).items()},
        "by_category": [
            {"category": name, **_tallied([row for row in rows if row["category"] == name])}
            for name in categories
        ],
    }


def _tallied(rows: Iterable[Row]) -> dict[str, Any]:
    tally = tally_of(outcome_of(*scores_in(row)) for row in rows)
    return {
        "wins": tally.wins,
        "ties": tally.ties,
        "losses": tally.losses,
        "total": tally.total,
        "crr": None if tally.crr is None else round(tally.crr, 2),
        "interval": _interval(tally),
    }


def _interval(tally: Tally) -> list[float] | None:
    if not tally.total:
        return None
    return _percent(bootstrap_share(tally.recovered, tally.total))


def _comparison(rows: Sequence[Row], others: Sequence[Row]) -> dict[str, Any]:
    """One candidate less another, on the items that both were judged on."""
    of_other = {row["number"]: outcome_of(*scores_in(row)) for row in others}
    pairs = [
        (outcome_of(*scores_in(row)), of_other[row["number"]])
        for row in rows
        if row["number"] in of_other
    ]
    more = sum(a != "loss" and b == "loss" for a, b in pairs)
    less = sum(a == "loss" and b != "loss" for a, b in pairs)
    total = len(pairs)
    return {
        "items": total,
        "only_a_recovers": more,
        "only_b_recovers": less,
        "crr_difference": round(100 * (more - less) / total, 2) if total else None,
        "interval": _percent(bootstrap_difference(more, less, total)) if total else None,
        "p_crr": _p(sign_test(more, less)),
        "p_outcomes": _p(permutation_test(POINTS[a] - POINTS[b] for a, b in pairs)),
    }


def _natural(category: str) -> tuple[int, str]:
    """Classes of length by their numbers, names by the alphabet."""
    number = category.partition(" ")[0]
    return (int(number) if number.isdecimal() else -1), category


def _percent(interval: tuple[float, float]) -> list[float]:
    return [round(100 * end, 2) for end in interval]


def _p(value: float) -> float:
    return float(f"{value:.4g}")


def _mean(values: Iterable[float]) -> float | None:
    listed = [*values]
    return round(sum(listed) / len(listed), 3) if listed else None
