"""Schedules, token buckets and the timeline of the simulated server, without any network."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.simulator import Schedule, Timeline
from codeclm.simulator.timeline import KEPT_SECONDS
from codeclm.simulator.token_bucket import TokenBucket


def test_a_schedule_steps_at_its_seconds() -> None:
    """Each value holds from its second until the next one's."""
    schedule = Schedule.parse("40@0, 80@60, 20@120s")
    for second, value in ((0, 40), (59.9, 40), (60, 80), (119.9, 80), (120, 20), (1e9, 20)):
        assert schedule.at(second) == value
    assert Schedule.parse("40").at(1e9) == 40


def test_rates_are_counted_by_the_second() -> None:
    """Whatever they are written in."""
    schedule = Schedule.parse_rate("50/s@0,6000/m@60,7200/h@90.5")
    assert [schedule.at(second) for second in (0, 60, 90.5)] == [50, pytest.approx(100), 2]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "not a schedule"),
        ("40@10", "must be at second 0"),
        ("40@0,80@0", "must rise"),
        ("40@0,80@60,20@50", "must rise"),
        ("0", "more than 0"),
        ("-1", "not a schedule"),
        ("40/s", "not a schedule"),
        ("nan", "not a schedule"),
    ],
)
def test_bad_schedules_are_explained(text: str, message: str) -> None:
    """One line says what is wrong, or shows how it is written."""
    with pytest.raises(UsageError, match=message):
        Schedule.parse(text)


def test_a_rate_needs_its_unit() -> None:
    """A bare number could mean anything."""
    for text in ("50", "50/x", "50/s@0,80@60"):
        with pytest.raises(UsageError, match="rate|schedule"):
            Schedule.parse_rate(text)


@given(st.text() | st.from_regex(r"[0-9.@,/sm ]{0,20}"))
def test_any_text_is_a_schedule_or_a_usage_error(text: str) -> None:
    """Nothing a user can type is another kind of error."""
    for parse in (Schedule.parse, Schedule.parse_rate):
        with suppress(UsageError):
            assert parse(text).at(0) > 0


@given(
    steps=st.lists(st.tuples(st.floats(0.5, 20), st.floats(0.5, 100)), max_size=4),
    pauses=st.lists(st.floats(0, 2), min_size=1, max_size=100),
)
def test_a_bucket_lets_out_what_flows_in(
    steps: list[tuple[float, float]], pauses: list[float]
) -> None:
    """Never more than its burst and the rate over any stretch; after the wait it names there is one."""
    written, at_s = [(0.0, 10.0)], 0.0
    for lasts_s, value in steps:
        at_s += lasts_s
        written.append((at_s, value))
    rate = Schedule(tuple(written))
    bucket = TokenBucket(rate, burst=5)
    second, taken = 0.0, []
    for pause_s in pauses:
        second += pause_s
        wait_s = bucket.wait_s(1, second)
        second += wait_s
        assert bucket.wait_s(1, second + 1e-6) == 0
        bucket.take(1, second + 1e-6)
        taken.append(second + 1e-6)
    for index, start_s in enumerate(taken):
        flowed = sum(lasts_s * value for lasts_s, value in rate.spans(start_s, taken[-1]))
        assert len(taken) - index <= 5 + flowed + 1e-3


def test_a_bucket_in_debt_gives_nothing_until_it_is_paid() -> None:
    """More may be taken than is there; the wait is that for the debt, over the steps of the rate."""
    bucket = TokenBucket(Schedule.parse_rate("10/s@0,20/s@2"), burst_s=1)
    bucket.take(40, 0.0)
    assert bucket.level(1.0) == -20
    assert bucket.wait_s(1, 1.0) == pytest.approx(1 + 11 / 20)
    assert bucket.wait_s(1000, 1.0) == pytest.approx(2)


def test_a_burst_is_a_second_of_the_rate_unless_it_is_given() -> None:
    """What did not flow out is kept up to the burst, and a step down of the rate takes the rest away."""
    bucket = TokenBucket(Schedule.parse_rate("50/s@0,5/s@60"))
    assert (bucket.level(0), bucket.level(30), bucket.level(60)) == (50, 50, 5)
    assert TokenBucket(Schedule.parse_rate("6/m")).level(1000) == 1


def test_the_timeline_adds_up_calls_in_flight() -> None:
    """Each second has the time that its calls were in flight for, and the most of them at once."""
    timeline = Timeline()
    for second, in_flight in ((0.5, 1), (1.25, 3), (1.5, 2), (4.0, 0)):
        timeline.flight(in_flight, second)
    rows = {row.second: (row.in_flight_s, row.peak_in_flight) for row in timeline}
    assert rows == {0: (0.5, 1), 1: (0.25 + 0.75 + 1, 3), 2: (2, 2), 3: (2, 2), 4: (0, 0)}
    assert timeline.between(2, 4).in_flight_s == 4


def test_the_timeline_sums_what_happened_since() -> None:
    """Admitted and refused calls and the statuses of answers, from any second on."""
    timeline = Timeline()
    for n in range(100):
        second = n / 10
        if n % 5:
            timeline.admit(second)
            timeline.answer(200, second)
        else:
            timeline.refuse(second)
            timeline.answer(429, second)
    span = timeline.between(5)
    assert (span.admitted, span.refused, span.by_status) == (40, 10, {200: 40, 429: 10})
    assert span.refused_share == 0.2
    assert timeline.between(2, 3).admitted == 8
    assert timeline.between(20).refused_share == 0
    assert [at for at in timeline.starts if at < 0.5] == [0.1, 0.2, 0.3, 0.4]


def test_the_timeline_is_bounded() -> None:
    """A server that runs for days keeps the last hour of seconds; a call in flight all along costs no more."""
    timeline = Timeline()
    timeline.flight(1, 0.0)
    timeline.flight(0, 1e6)
    for second in range(2_000_000, 2_000_000 + 2 * KEPT_SECONDS):
        timeline.admit(float(second))
    kept = list(timeline)
    assert len(kept) == KEPT_SECONDS
    assert kept[-1].second == 2_000_000 + 2 * KEPT_SECONDS - 1
