"""What benchmarks say: repeats, results on file, and whether two differ."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import partial
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.compare import compared, differences, p_value
from benchmarks.gauge import Moment, cpu_ms_a_call, least_squares, window
from benchmarks.markdown import markdown
from benchmarks.plot import plot
from benchmarks.repeats import interleaved, ratios, spread
from benchmarks.result import Result, Row, made, read, write

figures = st.lists(st.floats(0.01, 1e6), min_size=1, max_size=9)


def result(*values: float, more_is_better: bool = False) -> Result:
    rows = [Row("client", {"in_flight": 64}, "cpu_ms", "ms a call", values, more_is_better)]
    return made("limit", rows, {"repeats": len(values)})


def around(center: float, number: int = 8) -> list[float]:
    random = Random(3)
    return [center * random.uniform(0.97, 1.03) for _ in range(number)]


def test_repeats_take_turns() -> None:
    """Each repeat runs all of them, another one first each time, so that no place in the order is anybody's."""
    order: list[str] = []

    def run(name: str) -> dict[str, float]:
        order.append(name)
        return {"s": float(len(order))}

    found = interleaved({name: partial(run, name) for name in "ABC"}, 3)
    assert "".join(order) == "ABCBCACAB"
    assert [len(samples) for samples in found.values()] == [3, 3, 3]
    assert found["B"][1] == {"s": 4.0}


def test_ratios_are_taken_within_a_repeat() -> None:
    """What is slow for both in one repeat cancels out."""
    assert ratios([{"s": 2.0}, {"s": 20.0}], [{"s": 4.0}, {"s": 40.0}], "s") == (0.5, 0.5)


@given(figures)
def test_a_spread_is_in_order(values: list[float]) -> None:
    """The median lies in its interval, and that between the extremes."""
    found = spread(values)
    assert found.least <= found.low <= found.median <= found.high <= found.most


def test_a_result_is_read_as_it_was_written(tmp_path: Path) -> None:
    """JSON keeps every figure; machine and versions are there, and no path or host of it."""
    one = result(1.0, 2.5, 3.25)
    path = write(one, tmp_path)
    assert read(path) == one
    assert path.name.startswith(f"limit-{one.commit}")
    assert one.machine["cores"]
    assert one.versions["aiohttp"]
    assert str(Path.home()) not in path.read_text()


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 2, "rows": []}', '{"schema": 1}'])
def test_what_is_no_result_is_said_in_one_line(tmp_path: Path, text: str) -> None:
    """Another schema, or another file, is refused by name."""
    path = tmp_path / "some.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"some.json: no result of a benchmark \(.+\)$"):
        read(path)


def test_a_target_is_met_on_its_side() -> None:
    """At least, where more is better; at most elsewhere."""
    assert Row("a", {}, "calls_per_s", "calls/s", (5.0,), True, 4.0).met
    assert not Row("a", {}, "lag", "ms", (5.0,), False, 4.0).met
    assert Row("a", {}, "lag", "ms", (5.0,)).met is None


def test_a_real_difference_is_told_from_noise() -> None:
    """Ten per cent beyond a spread of three is a difference, either way; the same again is none."""
    before = result(*around(1.0))
    for factor, more_is_better, verdict in (
        (1.0, False, "no difference"),
        (1.1, False, "slower"),
        (0.9, False, "faster"),
        (1.1, True, "faster"),
    ):
        after = result(*(factor * one for one in around(1.0)), more_is_better=more_is_better)
        [change] = compared(before, after)
        assert change.verdict == verdict
        assert change.ratio == pytest.approx(factor)


def test_few_repeats_prove_nothing() -> None:
    """Three values against three can never be told apart at five per cent."""
    [change] = compared(result(1.0, 1.01, 1.02), result(2.0, 2.01, 2.02))
    assert change.verdict == "no difference"
    assert change.p == pytest.approx(0.1)


def test_other_benchmarks_are_not_compared() -> None:
    """Nor other schemas; what else differs is said."""
    one = result(1.0)
    with pytest.raises(ValueError, match="limit cannot be compared with scale"):
        compared(one, replace(one, benchmark="scale"))
    with pytest.raises(ValueError, match="schema 1 cannot be compared with schema 2"):
        compared(one, replace(one, schema=2))
    other = replace(one, machine={**one.machine, "cores": "64"}, rows=())
    assert compared(one, other) == []
    [cores, rows] = differences(one, other)
    assert cores == f"machine: cores was {one.machine['cores']}, is 64"
    assert rows == "1 figures are in one of them only"


def test_p_values_are_those_of_the_tables() -> None:
    """Exact for few values, by the normal approximation for ties and for many."""
    assert p_value([1, 2, 3], [4, 5, 6]) == pytest.approx(0.1)
    assert p_value([1, 2, 3, 4, 5], [6, 7, 8, 9, 10]) == pytest.approx(2 / 252)
    assert p_value([1, 3, 5, 7], [2, 4, 6, 8]) == pytest.approx(0.6857, abs=1e-4)
    assert p_value([1, 1, 1], [1, 1, 1]) == 1
    assert p_value([1, 2, 2, 3], [2, 3, 4, 5]) == pytest.approx(0.1366, abs=1e-4)


@given(figures, figures)
def test_a_p_value_is_a_probability_and_has_no_side(one: list[float], other: list[float]) -> None:
    """Which of the two comes first does not matter."""
    assert 0 <= p_value(one, other) <= 1
    assert p_value(one, other) == pytest.approx(p_value(other, one))


def test_marginal_figures_leave_the_ends_out() -> None:
    """Between the shares that were asked for; over all where too little was looked at."""
    moments = [Moment(n, n / 100, n / 200, n / 400, 50) for n in range(0, 101, 10)]
    one, other = window(moments, 0.2, 0.8)
    assert (one.calls, other.calls) == (20, 80)
    assert cpu_ms_a_call(one, other) == pytest.approx(5)
    one, other = window([moments[0], moments[-1]], 0.2, 0.8)
    assert (one.calls, other.calls) == (0, 100)
    with pytest.raises(ValueError, match="no calls"):
        window(moments[:1], 0.2, 0.8)


def test_a_slope_is_found() -> None:
    """Through noise, and 0 where there is one place only."""
    assert least_squares([(0, 1), (1, 3.1), (2, 4.9), (3, 7)]) == pytest.approx(1.98)
    assert least_squares([(1, 1), (1, 2)]) == 0


def test_a_plot_is_drawn(tmp_path: Path) -> None:
    """As PNG and as SVG."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed: no plot to look at")
    drawn = plot(result(1.0, 2.0), tmp_path / "limit")
    assert not isinstance(drawn, str)
    png, svg = drawn
    assert png.read_bytes().startswith(b"\x89PNG")
    assert "<svg" in svg.read_text()


def test_a_plot_that_cannot_be_drawn_is_said_to_be_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without matplotlib: one line with the command that installs it, and no file."""
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    missing = plot(result(1.0, 2.0), tmp_path / "limit")
    assert isinstance(missing, str)
    assert "pip install" in missing
    assert not [*tmp_path.iterdir()]


def test_targets_and_ratios_make_the_table_of_the_readme() -> None:
    """What has neither is left out, and a target that was missed is plain to see."""
    rows = (
        Row("client / bare", {"in_flight": 1024}, "calls_per_s", "ratio", (0.7, 0.8), True, 0.7),
        Row("client", {"in_flight": 64}, "lag_p99_ms", "ms", (60.0,), target=50.0),
        Row("client", {"in_flight": 64}, "memory_mb", "MB", (60.0,)),
    )
    assert markdown([replace(result(1.0), rows=rows)]).splitlines()[2:] == [
        "| limit | client / bare | in flight 1,024 | calls per s (ratio) | 0.75 | 0.7 - 0.8 | >= 0.7 | met |",
        "| limit | client | in flight 64 | lag p99 ms (ms) | 60 | 60 - 60 | <= 50 | **not met** |",
    ]
