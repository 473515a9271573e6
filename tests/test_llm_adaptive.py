"""The curve of an adaptive limit, and what it is steered by: refused levels and rounds of throughput."""

from __future__ import annotations

from itertools import pairwise
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.llm.adaptive import ANSWERS_UNTIL_RECOVERED, CUT, RECOVERY_S, AdaptiveLimit
from codeclm.llm.concurrency import MOST_CHANGES, START, Concurrency
from codeclm.llm.refused_levels import RefusedLevels
from codeclm.llm.throughput import SMALLEST_ROUND, Rounds


def credited(limit: AdaptiveLimit, now_s: float, answers: int) -> float:
    """So many answers, each long after the one before; the time after them."""
    for _ in range(answers):
        now_s += 10.0
        limit.credit(now_s)
    return now_s


def test_it_comes_back_to_what_was_accepted_and_then_asks_for_more() -> None:
    """From the cut up to the accepted level in 50 answers, and beyond it after a hundred."""
    limit = AdaptiveLimit(200, lowest=1)
    limit.object(100, 0.0)
    assert limit.value == pytest.approx(100 * CUT)
    now_s = credited(limit, 0.0, ANSWERS_UNTIL_RECOVERED)
    assert limit.value == pytest.approx(100, rel=1e-3)
    assert not limit.is_exploring
    credited(limit, now_s, ANSWERS_UNTIL_RECOVERED + 1)
    assert limit.is_exploring
    assert limit.value > 100 / CUT


def test_time_alone_brings_nothing_back() -> None:
    """Only answers do: an idle hour is no reason to believe in more."""
    limit = AdaptiveLimit(200, lowest=1)
    limit.object(100, 0.0)
    limit.credit(3600.0)
    assert limit.value < 96


def test_many_answers_at_once_bring_no_more_than_the_time() -> None:
    """Recovery takes its seconds, however fast the endpoint is."""
    limit = AdaptiveLimit(200, lowest=1)
    limit.object(100, 0.0)
    for number in range(10_000):
        limit.credit(number * RECOVERY_S / 10_000)
    assert not limit.is_exploring
    assert limit.value == pytest.approx(100, rel=1e-3)


def test_a_hold_is_kept() -> None:
    """Until it is over no answer counts."""
    limit = AdaptiveLimit(200, lowest=1)
    limit.object(100, 0.0, hold_s=900.0)
    credited(limit, 0.0, 80)
    assert limit.value == pytest.approx(100 * CUT)
    credited(limit, 900.0, 101)
    assert limit.is_exploring


def test_a_sharp_ramp_is_avoided_where_it_matters() -> None:
    """Above ``brisk_below`` a step is half of what there is at the most, and one a minute."""
    limit = AdaptiveLimit(150, lowest=1, highest=10_000, brisk_below=200)
    values = []
    for second in range(121):
        limit.grow(float(second))
        values.append(limit.value)
    assert values[0] == 300
    assert values[59] == 300
    assert values[60] == 450
    assert values[120] == 675


steps = st.lists(
    st.tuples(
        st.sampled_from(["object", "settle", "credit", "grow", "restart"]),
        st.floats(0.001, 2000),
        st.floats(0, 30),
    ),
    max_size=60,
)


@given(steps, st.floats(0.05, 10), st.floats(10, 500), st.floats(0.3, 1))
def test_it_stays_within_its_bounds(
    script: list[tuple[str, float, float]], lowest: float, highest: float, cut: float
) -> None:
    """Whatever is told to it in whatever order."""
    limit = AdaptiveLimit(16, lowest=lowest, highest=highest)
    now_s = 0.0
    for step, level, passes_s in script:
        now_s += passes_s
        before = limit.value
        if step == "object":
            limit.object(level, now_s, cut=cut)
        elif step == "settle":
            limit.settle(level, now_s)
        elif step == "restart":
            limit.restart(level)
            assert limit.value <= max(before, lowest)
        else:
            limit.grow(now_s) if step == "grow" else limit.credit(now_s)
            assert limit.value >= before - 1e-9
        assert lowest <= limit.value <= highest


def told(limit: int | None, seed: int = 1, calls: int = 400) -> bool:
    """What the levels tell of a server with such a limit; None: it refuses one call in five at random."""
    levels, random = RefusedLevels(), Random(seed)
    for _ in range(calls):
        level = random.randint(1, 60)
        levels.take(level)
        if random.random() < 0.2 if limit is None else level > limit:
            levels.refuse(level)
    return levels.tell()


@given(st.integers(5, 55), st.integers(0, 99))
def test_a_limit_in_flight_shows_in_the_levels(limit: int, seed: int) -> None:
    """All that start above it are refused and none below it."""
    assert told(limit, seed)


@given(st.integers(0, 99))
def test_refusals_at_random_do_not(seed: int) -> None:
    """They come at the same levels as acceptances."""
    assert not told(None, seed)


def test_refusals_at_one_level_tell_nothing() -> None:
    """However many there are of them, before and after fading."""
    levels = RefusedLevels()
    for number in range(200):
        levels.take(1)
        if number % 3 == 0:
            levels.refuse(1)
        if number % 7 == 0:
            levels.fade()
        assert not levels.tell()


def test_old_levels_fade() -> None:
    """After fading, a few calls at another limit are enough to see it."""
    levels = RefusedLevels()
    for level in range(1, 61):
        levels.take(level)
        if level > 20:
            levels.refuse(level)
    assert levels.tell()
    levels.fade()
    for _ in range(30):
        for level in range(1, 61):
            levels.take(level)
            if level % 5 == 0:
                levels.refuse(level)
    assert not levels.tell()


def round_of(
    rounds: Rounds, level: int, duration_s: float, stage: str = "a", tokens: int = 10
) -> float | None:
    while not rounds.is_full(level):
        rounds.add(stage, duration_s, tokens)
    return rounds.close(level)


def test_gain_is_what_more_calls_bring() -> None:
    """Twice the calls in the same time are twice the throughput; in twice the time they are nothing."""
    rounds = Rounds()
    assert round_of(rounds, 16, 1.0) is None
    assert round_of(rounds, 32, 1.0) == pytest.approx(2)
    assert round_of(rounds, 64, 2.0) == pytest.approx(1)


def test_longer_answers_are_not_a_slower_server() -> None:
    """Durations count by token, and within each kind of call."""
    rounds = Rounds()
    round_of(rounds, 16, 1.0, tokens=10)
    assert round_of(rounds, 32, 5.0, tokens=50) == pytest.approx(2)
    assert round_of(rounds, 64, 9.0, stage="b") is None


def test_small_steps_need_many_calls() -> None:
    """A step of a quarter cannot be told from chance by a handful of calls."""
    rounds = Rounds()
    round_of(rounds, 16, 1.0)
    for _ in range(int(SMALLEST_ROUND / 0.25**2) - 1):
        rounds.add("a", 1.0, 10)
    assert not rounds.is_full(20)


class Queueing:
    """A server that works at ``capacity`` calls at once and never refuses; one second a call."""

    def __init__(self, capacity: float, most: int = 1000) -> None:
        self.capacity, self.slots = capacity, Concurrency(most, began_s=0.0)
        self.now_s = self.quick_until_s = 0.0

    def run(self, seconds: float) -> None:
        ends_s = self.now_s + seconds
        while self.now_s < ends_s:
            started_s, level = self.now_s, self.slots.allowed
            slowest_s = 1.0 if self.now_s >= self.quick_until_s else 0.3
            duration_s = max(slowest_s, level / self.capacity)
            self.now_s += duration_s
            for number in range(level):
                self.slots.use(self.now_s)
                self.slots.start(level)
                self.slots.answer("a", 10, started_s + number * 1e-6, self.now_s)

    def most_since(self, second: float) -> int:
        return max(limit for since_s, limit in [*self.slots.changes] if since_s >= second)


@pytest.mark.parametrize("capacity", [1, 10, 40, 150])
def test_growth_stops_where_throughput_does(capacity: int) -> None:
    """Near what the server can do at once; and does not creep upward in ten minutes."""
    server = Queueing(capacity)
    server.run(60)
    settled = server.slots.allowed
    assert settled >= min(capacity, START)
    server.run(600)
    assert server.most_since(60) <= max(START * 1.3, 3.3 * capacity)
    assert server.slots.allowed <= 1.3 * max(settled, START)


def test_growth_goes_on_where_it_pays() -> None:
    """Against a server that is never full the limit reaches what the user allows."""
    server = Queueing(10_000)
    server.run(30)
    assert server.slots.allowed == 1000


def test_a_first_round_of_quick_calls_does_not_end_growth() -> None:
    """The step that seemed to make calls slow is taken again as soon as the step back has not made them quicker."""
    server = Queueing(25_000)
    server.quick_until_s = 1.4
    server.run(25)
    limits = [limit for _, limit in server.slots.changes]
    assert any(later < earlier for earlier, later in pairwise(limits))
    assert server.slots.allowed == 1000


def test_a_limit_that_is_not_used_does_not_grow() -> None:
    """Sixteen calls that nobody waits behind say nothing about thirty-two."""
    slots = Concurrency(1000, began_s=0.0)
    for second in range(1000):
        slots.answer("a", 10, second, second + 1.0)
    assert slots.allowed == START


def test_a_fixed_limit_is_fixed() -> None:
    """Without ``adaptive`` it is what the user said, whatever happens."""
    slots = Concurrency(48, adaptive=False, began_s=0.0)
    slots.start(48)
    slots.refuse(48, 48, 1.0, first=True)
    slots.conclude(2.0, 0.5, blamed=True)
    slots.slow_ramp(3.0, 0.5, 900.0)
    slots.restart(4.0)
    assert slots.allowed == 48


def test_the_history_has_an_end() -> None:
    """A week of ups and downs is told in a few hundred changes, the last of them always."""
    slots = Concurrency(1000, began_s=0.0)
    for number in range(5 * MOST_CHANGES):
        slots.refuse(1, 1000 if number % 2 else 100, float(number), first=True)
        slots.conclude(float(number), 1.0, blamed=True)
    assert len(slots.changes) <= MOST_CHANGES
    assert slots.changes[-1][1] == slots.allowed
