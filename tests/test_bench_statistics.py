"""Figures of attempts: golden values, and laws that hold for any."""

from __future__ import annotations

import math
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.bench.meter import CANCELLED, Attempt
from codeclm.bench.statistics import Window, efficiency, figures, peak, percentile, share
from codeclm.llm.chat import Usage

WINDOW = Window(10.0, 20.0)
SECONDS = st.floats(0, 30).map(lambda value: round(value, 3))
ATTEMPTS = st.lists(
    st.builds(
        lambda began_s, took_s, error: Attempt(began_s, began_s + took_s, Usage(7, 3), error),
        SECONDS,
        SECONDS,
        st.sampled_from(["", "", "RateLimited", "ServerError", CANCELLED]),
    ),
    max_size=40,
)


def attempt(began_s: float, ended_s: float, error: str = "") -> Attempt:
    return Attempt(began_s, ended_s, Usage(100, 50), error)


@pytest.mark.parametrize(
    ("share_below", "expected"),
    [(0.0, 1), (0.5, 50), (0.501, 51), (0.07, 7), (0.95, 95), (0.99, 99), (0.995, 100), (1.0, 100)],
)
def test_percentiles_of_one_to_a_hundred(share_below: float, expected: float) -> None:
    """The value that so many do not exceed, never one between two."""
    assert percentile(range(100, 0, -1), share_below) == expected


@given(st.lists(st.floats(0, 1e6), min_size=1), st.floats(0, 1), st.floats(0, 1))
def test_a_percentile_is_the_smallest_that_suffices(
    values: list[float], one: float, other: float
) -> None:
    """It is one of the values, enough of them do not exceed it, a smaller one would not do, and it is monotone."""
    found = percentile(values, one)
    needed = one * len(values) - 1e-6
    assert found in values
    assert sum(value <= found for value in values) >= needed
    assert all(
        sum(value <= smaller for value in values) <= needed + 1e-5 + 1e-6
        for smaller in values
        if smaller < found
    )
    assert percentile(values, min(one, other)) <= percentile(values, max(one, other))


@pytest.mark.parametrize(
    ("began_s", "ended_s", "expected"),
    [
        (11, 12, 1),
        (10, 20, 1),
        (9, 11, 0.5),
        (19, 23, 0.25),
        (5, 25, 0.5),
        (1, 9, 0),
        (20, 21, 0),
        (12, 12, 1),
        (20, 20, 0),
        (10, 10, 1),
    ],
)
def test_a_call_counts_by_its_share(began_s: float, ended_s: float, expected: float) -> None:
    """What lies within the window of it; what takes no time is inside or not."""
    assert share(attempt(began_s, ended_s), WINDOW) == expected


@given(ATTEMPTS, st.floats(0, 60))
def test_shares_of_two_windows_add_up(attempts: Sequence[Attempt], between_s: float) -> None:
    """A window cut in two counts what the whole one does, wherever it is cut."""
    whole, first, second = Window(0, 60), Window(0, between_s), Window(between_s, 60)
    for one in attempts:
        if one.ended_s < 60:
            assert math.isclose(
                share(one, first) + share(one, second), share(one, whole), abs_tol=1e-9
            )


def test_figures_of_a_level() -> None:
    """Two callers that each wait five seconds for an answer: 0.4 calls a second, whole efficiency."""
    attempts = [attempt(5.0 * n + shift, 5.0 * n + 5 + shift) for n in range(6) for shift in (0, 2)]
    lags_s = [0.001 * n for n in range(1, 101)]
    found = figures(2, WINDOW, attempts, cpu_s=2.5, lags_s=lags_s)
    assert found.calls_per_s == pytest.approx(0.4)
    assert found.efficiency == pytest.approx(1.0)
    assert found.in_flight_mean == pytest.approx(2.0)
    assert found.in_flight_peak == 2
    assert (found.input_tokens_per_s, found.output_tokens_per_s) == pytest.approx((40, 20))
    assert found.latency is not None
    assert found.latency.mean_s == pytest.approx(5)
    assert found.latency.p50_s == found.latency.p95_s == found.latency.p99_s == 5
    assert found.answers == 4  # ended at 12, 15, 17 and 20
    assert (found.cpu, found.lag_p99_s) == pytest.approx((0.25, 0.099))
    assert found.failed == found.uncounted == found.retried == 0


def test_failures_are_told_apart_from_answers() -> None:
    """429s are apart from other errors, cancelled calls are neither, retries are counted, and none is an answer."""
    attempts = [
        attempt(11, 12),
        attempt(11, 12, "RateLimited"),
        attempt(11, 12, "RampTooFast"),
        attempt(11, 12, "TimedOut"),
        attempt(11, 12, "ServerError"),
        attempt(11, 12, "ServerError"),
        attempt(11, 12, CANCELLED),
        attempt(1, 2, "ServerError"),
        attempt(11, 12, "StaleConnection"),
        Attempt(13, 14, Usage(), "", again=True),
    ]
    found = figures(4, WINDOW, attempts)
    assert found.answers == 2
    assert found.rate_limited == 2
    assert found.errors == {"ServerError": 2, "StaleConnection": 1, "TimedOut": 1}
    assert (found.retried, found.uncounted) == (1, 1)
    assert found.failed == 6
    assert found.failed_share == pytest.approx(5 / 7)  # a stale connection is nobody's failure
    assert found.calls_per_s == pytest.approx(0.2)


def test_nothing_at_all_has_figures() -> None:
    """A level without an answer has rates of zero, and no latency, tokens or efficiency."""
    found = figures(4, WINDOW, [attempt(11, 12, "TimedOut")])
    assert (found.answers, found.calls_per_s, found.failed_share) == (0, 0, 1)
    assert found.latency is None
    assert found.efficiency is None
    assert found.input_tokens_per_s is None


@given(ATTEMPTS)
def test_figures_respect_the_laws_of_queues(attempts: Sequence[Attempt]) -> None:
    """Never more at once than there are, the mean never above the peak, and efficiency as Little's law has it."""
    in_flight = max(1, peak(attempts, Window(-1, 100)))
    found = figures(in_flight, WINDOW, attempts)
    assert found.in_flight_mean <= found.in_flight_peak + 1e-9 <= in_flight + 1e-9
    if found.latency and all(one.ended_s > one.began_s for one in attempts):
        assert found.efficiency is not None
        assert found.efficiency <= 1 + 1e-9
        achievable = in_flight / found.latency.mean_s
        assert found.efficiency == pytest.approx(found.calls_per_s / achievable)
        assert found.latency.p50_s <= found.latency.p95_s <= found.latency.p99_s


@given(ATTEMPTS, st.floats(-100, 100).map(round))
def test_figures_do_not_depend_on_the_clock(attempts: Sequence[Attempt], shift_s: int) -> None:
    """Another zero of the clock, or another order of the records, changes nothing."""
    moved = [
        Attempt(one.began_s + shift_s, one.ended_s + shift_s, one.usage, one.error)
        for one in reversed(attempts)
    ]
    found = figures(3, WINDOW, attempts)
    other = figures(3, Window(10.0 + shift_s, 20.0 + shift_s), moved)
    assert other.calls_per_s == pytest.approx(found.calls_per_s, abs=1e-6)
    assert other.in_flight_mean == pytest.approx(found.in_flight_mean, abs=1e-6)


def test_efficiency_is_what_was_achieved_of_what_could_be() -> None:
    """30 calls/s with 8 in flight of 0.2 s each, where 40 could be, is three quarters."""
    assert efficiency(30, 8, 0.2) == pytest.approx(0.75)
