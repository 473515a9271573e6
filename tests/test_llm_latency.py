"""Latency percentiles from a few counters."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.llm.latency import BUCKETS, Latencies, LatencyCounts

SECONDS = st.floats(0.0002, 1000)


def counted(durations_s: list[float]) -> LatencyCounts:
    latencies = Latencies()
    for one in durations_s:
        latencies.add(one)
    return latencies.counts()


@given(st.lists(SECONDS, min_size=1, max_size=200), st.floats(0, 1))
def test_a_percentile_is_right_within_5_percent(durations_s: list[float], share: float) -> None:
    """It is that of the sorted list, whatever the distribution."""
    exact = sorted(durations_s)[max(0, math.ceil(share * len(durations_s)) - 1)]
    assert counted(durations_s).percentile(share) == pytest.approx(exact, rel=0.05)


@given(st.lists(SECONDS, max_size=50), st.lists(SECONDS, max_size=50))
def test_what_lies_between_is_a_difference(before_s: list[float], after_s: list[float]) -> None:
    """Counters only grow: of two moments the difference is the calls between them."""
    between, alone = counted(before_s + after_s) - counted(before_s), counted(after_s)
    assert between.counts == alone.counts
    assert between.total_s == pytest.approx(alone.total_s, abs=1e-6)
    assert counted(after_s) - LatencyCounts() == counted(after_s)


def test_nothing_is_too_quick_or_too_slow() -> None:
    """Instant calls and endless ones are counted, at the ends."""
    seen = counted([0.0, -1e-9, 1e-12, 1e9])
    assert seen.calls == 4
    assert (seen.counts[0], seen.counts[BUCKETS - 1]) == (3, 1)


def test_without_calls_there_is_no_percentile() -> None:
    """None, and no zero that looks like a quick endpoint."""
    assert LatencyCounts().percentile(0.5) is counted([]).percentile(0.95) is None


def test_buckets_that_double_are_cumulative() -> None:
    """Each counts all calls that took no longer; the last one nearly all there can be."""
    found = dict(counted([0.001, 0.015, 0.03, 5.0]).up_to_doublings())
    assert (found[0.01], found[0.02], found[0.04], found[2.56], found[5.12]) == (1, 2, 3, 3, 4)
