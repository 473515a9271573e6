"""What a report counts over all rows, and how it draws it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeclm.page.drawing import Point, Series, XYSeries, bars, scatter
from codeclm.report.figures import Figures
from codeclm.report.health import health_of
from codeclm.report.lineage import Round, lineage_of
from codeclm.report.outcome_file import OutcomeFile, Replaced
from codeclm.report.texts import Lengths, Sample, distinct


def test_the_judges_noise() -> None:
    """It comes from the differences of the two orders alone; theta inside of it is warned of, in words."""
    figures = Figures(theta=1.0, scale=10)
    for number in range(200):
        shift = 3.0 if number % 2 else -3.0
        figures.judge.add(Round(1, "x", None, "a", "b", (6 + shift, 6), (6, 6 + shift), 0.0))
    noise = figures.judge.noise
    assert noise is not None
    assert noise.spread == pytest.approx(6.0, rel=0.01)
    assert noise.of_a_gap == pytest.approx(3.0, rel=0.01)
    assert noise.chance(noise.reach) == pytest.approx(0.05, abs=0.001)
    assert figures.judge.flips == 200
    assert [one for one in health_of(figures).warnings if "inside the judge's noise" in one]
    steady = Figures(theta=3.0, scale=10)
    for _ in range(50):
        steady.judge.add(Round(1, "x", None, "a", "b", (8, 6), (6, 8), 0.0))
    assert steady.judge.position_effect == 2.0
    assert steady.judge.noise is not None
    assert steady.judge.noise.spread == 0
    assert "shown first" in health_of(steady).warnings[0]


def test_bins_change_at_theta() -> None:
    """A gap of exactly theta is within, the next one is beyond; ties have a bin of their own."""
    figures = Figures(theta=3.0, scale=10)
    for gap in (0.0, 3.0, -3.0, 3.25, -3.25, 9.0):
        figures.gaps.add(gap)
    steps = {step.end: step for step in figures.gaps.steps()}
    assert len(steps) == 37
    assert (steps[0].within, steps[3].within, steps[-3].within) == (1, 1, 1)
    assert (steps[3.5].strong_wins, steps[-3.5].target_wins, steps[9].strong_wins) == (1, 1, 1)


def test_a_growing_file(tmp_path: Path) -> None:
    """Whole lines only, each id once, from where one left off; a file that was replaced is told."""
    path = tmp_path / "selected.jsonl"
    file = OutcomeFile(path)
    assert [*file.new_rows()] == []
    path.write_bytes(b'{"id": "a"}\nrubbish\n{"id": "a"}\n{"id": "b"')
    assert [row["id"] for _, row in file.new_rows()] == ["a"]
    with path.open("ab") as more:
        more.write(b"}\n")
    place, row = next(file.new_rows())
    assert file.row_at(place) == row == {"id": "b"}
    path.write_bytes(b"")
    with pytest.raises(Replaced):
        next(file.new_rows())


@pytest.mark.parametrize(
    "row",
    [
        {"instruction": None, "scores": [], "history": "x", "calls": 7},
        {"instruction": "x", "gap": "big", "scores": {"strong": "9"}, "actions": [1], "skills": {}},
        {
            "instruction": "x",
            "iteration": "3",
            "history": [7, {"gap": 1}],
            "calls": [[], [1, 2, 3, 4, 5]],
        },
        {},
    ],
)
def test_strange_rows(row: dict[str, Any]) -> None:
    """What an older or a foreign program wrote is counted as far as it makes sense."""
    figures = Figures(theta=3.0, scale=10)
    for fate in ("selected", "discarded", "failed"):
        figures.add(lineage_of(fate, {"id": "a", **row}))
    assert figures.rows == 3


def test_texts() -> None:
    """Distinct n-grams of words, characters where there are no spaces; quantiles; a sample that any order gives."""
    assert distinct(["a b a b"], 2) == pytest.approx(2 / 3)
    assert distinct(["中文中文"], 1) == 0.5
    assert distinct([], 1) is None
    lengths = Lengths()
    for number in range(1, 101):
        lengths.add("x" * number)
    assert (lengths.quantile(0.5), lengths.quantile(0.9), lengths.binned([50])) == (
        50,
        90,
        [50, 50],
    )
    one, other = Sample(3), Sample(3)
    for identity in "abcde":
        one.add(identity, identity)
    for identity in "edcba":
        other.add(identity, identity)
    assert one.texts(0) == other.texts(0) == ["a", "b", "c"]


def test_drawings_hold_no_script_and_no_style() -> None:
    """So that a page's policy can forbid both; labels are text."""
    for drawn in (
        bars(["<script>", "b"], [Series("a&b", [1, 2])], horizontal=True, values=True),
        scatter([XYSeries("x", [Point(0, 1, "<b>"), Point(1, 2)])]),
    ):
        assert "<script" not in drawn
        assert "style" not in drawn
        assert "<!--" not in drawn
