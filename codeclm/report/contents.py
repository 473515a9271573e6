"""All that the figures of a page say, as values for its template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeclm.report.charts import (
    concurrency_chart,
    funnel_chart,
    gap_chart,
    iteration_chart,
    length_chart,
    score_chart,
    topic_chart,
)
from codeclm.report.costs import call_rows, costs_of
from codeclm.report.figures import Figures
from codeclm.report.health import health_of
from codeclm.report.reading import Reading
from codeclm.report.state import RunState
from codeclm.report.texts import Lengths, distinct
from codeclm.report.words import count, duration, percent

__all__ = ["contents"]

TOPICS = 15
REASONS = 40
QUANTILES = (0.1, 0.5, 0.9, 0.99)
TEXTS = {
    "instruction": "instructions (selected)",
    "chosen": "chosen responses (selected)",
    "strong": "responses of strong (all)",
    "target": "responses of target (all)",
}


def contents(reading: Reading, state: RunState) -> dict[str, Any]:
    """The values of ``figures.html.jinja``; only the drawings in them are markup."""
    figures, summary = reading.figures, reading.archive.summary
    health, reasons = health_of(figures), figures.reasons.listed()
    return {
        "state": state,
        "rows": len(reading),
        "warnings": [*health.warnings, *_troubles(summary)],
        "tiles": _tiles(figures, summary),
        "cost": costs_of(summary, figures.fates["selected"]),
        "calls": call_rows(summary),
        "funnel": _funnel(figures, summary),
        "iterations": _iterations(figures),
        "health": health.rows,
        "lengths": _lengths(figures),
        "diversity": _diversity(figures),
        "reasons": reasons[:REASONS],
        "reasons_left": max(0, len(reasons) - REASONS),
        "use_cases": len(figures.use_cases),
        "skills": len(figures.skills),
        "endpoints": _endpoints(summary),
        "theta": figures.theta,
        "judged": figures.gaps.number,
        "sample": len(figures.sample),
        "drawings": _drawings(figures, summary),
    }


def _tiles(figures: Figures, summary: Mapping[str, Any]) -> list[tuple[str, str, str]]:
    """The headline figures: number, name, a word beside it."""
    fates = figures.fates
    made = fates.total()
    wanted = summary.get("wanted")
    pending = _counts(summary).get("pending")
    tiles = [
        (
            count(fates["selected"]),
            "selected",
            f"{percent(fates['selected'], made)} of what was made",
        ),
        (count(fates["discarded"]), "discarded", percent(fates["discarded"], made)),
        (count(fates["failed"]), "failed", percent(fates["failed"], made)),
        (count(made), "instructions", f"of {count(wanted)} wanted" if wanted else ""),
    ]
    if pending:
        tiles.append((count(pending), "pending", "not yet made"))
    if isinstance(summary.get("wall_time_s"), int | float):
        sessions = summary.get("sessions") or 1
        words = f"in {sessions} sessions" if sessions != 1 else "in one session"
        tiles.append((duration(summary["wall_time_s"]), "run time", words))
    return tiles


def _funnel(figures: Figures, summary: Mapping[str, Any]) -> list[tuple[str, int]]:
    counts = _counts(summary)
    steps = [
        ("seeds", counts.get("input")),
        ("metadata entries", counts.get("entries")),
        ("units of work", counts.get("units")),
        ("instructions", max(counts.get("instructions") or 0, figures.fates.total())),
        ("judged", figures.judged or None),
        ("selected", figures.fates["selected"]),
    ]
    return [(name, number) for name, number in steps if isinstance(number, int)]


def _iterations(figures: Figures) -> list[tuple[int, int, int, str, str]]:
    """Iteration, how many came to it, how many were selected in it, of those that came, of all selected."""
    everything = figures.fates["selected"]
    rows = []
    for number in range(1, figures.last_iteration + 1):
        came = sum(n for (_, at), n in figures.iterations.items() if at >= number)
        taken = figures.iterations["selected", number]
        rows.append((number, came, taken, percent(taken, came), percent(taken, everything)))
    return rows


def _lengths(figures: Figures) -> list[tuple[str, str, list[str]]]:
    def row(lengths: Lengths) -> list[str]:
        return [count(lengths.quantile(share)) for share in QUANTILES]

    return [
        (words, count(figures.lengths[name].number), row(figures.lengths[name]))
        for name, words in TEXTS.items()
        if figures.lengths[name].number
    ]


def _diversity(figures: Figures) -> list[tuple[str, list[str]]]:
    rows = []
    for place, name in enumerate(("instructions", "chosen responses")):
        texts = figures.sample.texts(place)
        shares = [distinct(texts, length) for length in (1, 2, 3)]
        rows.append((name, ["–" if one is None else f"{one:.3f}" for one in shares]))
    return rows if figures.sample else []


def _endpoints(summary: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    rows = summary.get("endpoints")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _troubles(summary: Mapping[str, Any]) -> list[str]:
    troubles = summary.get("cache_troubles")
    return [f"Cache: {reason}" for reason in troubles] if isinstance(troubles, Mapping) else []


def _counts(summary: Mapping[str, Any]) -> Mapping[str, Any]:
    counts = summary.get("counts")
    return counts if isinstance(counts, Mapping) else {}


def _drawings(figures: Figures, summary: Mapping[str, Any]) -> dict[str, str]:
    """By name, those that there is something to draw for."""
    drawn = {"funnel": funnel_chart(_funnel(figures, summary))}
    if figures.fates["selected"]:
        drawn["iterations"] = iteration_chart(figures)
        drawn["lengths"] = length_chart(figures.lengths["chosen"])
    if figures.gaps.number:
        drawn["gaps"] = gap_chart(figures)
    if figures.judge.comparisons:
        drawn["scores"] = score_chart(figures)
    if len(figures.use_cases):
        drawn["use_cases"] = topic_chart(figures.use_cases.largest(TOPICS))
        drawn["skills"] = topic_chart(figures.skills.largest(TOPICS))
    if any(row.get("in_flight_history") for row in _endpoints(summary)):
        drawn["concurrency"] = concurrency_chart(_endpoints(summary))
    return drawn
