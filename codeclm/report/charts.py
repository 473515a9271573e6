"""The drawings of a report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

from codeclm.page.drawing import Point, Series, XYSeries, bars, curve, scatter
from codeclm.report.figures import Figures
from codeclm.report.texts import Lengths
from codeclm.report.topics import Topic

__all__ = [
    "concurrency_chart",
    "funnel_chart",
    "gap_chart",
    "iteration_chart",
    "length_chart",
    "score_chart",
    "topic_chart",
]

LARGE = (760, 300)
CHANGES = 300
"""Of a limit over time, drawn at most."""


def funnel_chart(steps: Sequence[tuple[str, int]]) -> str:
    """From seeds to selected, a bar a step."""
    labels = [name for name, _ in steps]
    numbers = [number for _, number in steps]
    return bars(labels, [Series("so many", numbers)], size=(560, 260), horizontal=True, values=True)


def iteration_chart(figures: Figures) -> str:
    """Selections by the iteration in which they were made."""
    numbers = range(1, max(1, figures.last_iteration) + 1)
    selected = [figures.iterations["selected", number] for number in numbers]
    return bars(
        [str(number) for number in numbers],
        [Series("selected", selected)],
        values=True,
        x_title="iteration (1: the basic instruction)",
        y_title="selected",
    )


def gap_chart(figures: Figures) -> str:
    """The gaps of all comparisons; colours change at theta."""
    steps = [*figures.gaps.steps()]
    series = [
        Series("target wins", [step.target_wins or None for step in steps]),
        Series("within theta", [step.within or None for step in steps]),
        Series("strong wins", [step.strong_wins or None for step in steps]),
    ]
    labels = [f"{step.end:g}" for step in steps]
    return bars(
        labels,
        series,
        size=LARGE,
        major_every=3,
        x_title="gap (score of strong minus score of target)",
        y_title="comparisons",
    )


def topic_chart(topics: Sequence[Topic]) -> str:
    """The largest topics; what was selected of each, and the rest."""
    series = [
        Series("selected", [topic.selected for topic in topics]),
        Series("not selected", [topic.number - topic.selected for topic in topics]),
    ]
    size = (560, 90 + 22 * len(topics))
    return bars([topic.name for topic in topics], series, size=size, horizontal=True)


def score_chart(figures: Figures) -> str:
    """How often the judge gave each score, to either model."""
    scores = range(1, figures.scale + 1)
    series = [
        Series(party, [counts[score] for score in scores])
        for party, counts in figures.judge.scores.items()
    ]
    return curve([str(score) for score in scores], series, x_title="score", y_title="times given")


def length_chart(lengths: Lengths) -> str:
    """How long the chosen responses are."""
    top = max(100, lengths.quantile(0.99))
    step = max(50, round(top / 12 / 50) * 50)
    edges = [step * number for number in range(1, 13)]
    labels = [f"≤ {edge:,}" for edge in edges] + ["more"]
    return bars(
        labels,
        [Series("responses", lengths.binned(edges))],
        major_every=3,
        x_title="characters",
        y_title="chosen responses",
    )


def concurrency_chart(endpoints: Sequence[Mapping[str, Any]]) -> str:
    """The calls in flight that each endpoint was allowed, over the seconds of the latest session."""
    histories = [(_name(one), _history(one)) for one in endpoints]
    end = max((points[-1][0] for _, points in histories if points), default=0.0)
    series = [XYSeries(name, _stairs(points, end)) for name, points in histories if points]
    return scatter(
        series,
        size=LARGE,
        dots=False,
        x_title="seconds of the session",
        y_title="calls in flight allowed",
    )


def _stairs(history: Sequence[tuple[float, float]], end: float) -> list[Point]:
    """A limit holds until it changes."""
    step = -(-len(history) // CHANGES)
    kept = [*history[::step]]
    points = [Point(*kept[0])]
    for (_, before), (second, after) in pairwise(kept):
        points += [Point(second, before), Point(second, after)]
    return [*points, Point(max(end, kept[-1][0]), kept[-1][1])]


def _history(endpoint: Mapping[str, Any]) -> list[tuple[float, float]]:
    rows = endpoint.get("in_flight_history")
    return [
        (float(row[0]), float(row[1]))
        for row in (rows if isinstance(rows, list) else [])
        if isinstance(row, list)
        and len(row) == 2
        and all(isinstance(one, int | float) for one in row)
    ]


def _name(endpoint: Mapping[str, Any]) -> str:
    return str(endpoint.get("model") or "?")
