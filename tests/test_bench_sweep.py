"""The search for the knee, on servers whose knee is known; and what is said of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.bench.statistics import Figures, Latency
from codeclm.bench.sweep import BISECTIONS, ENOUGH, Point, doublings, knee, next_level
from codeclm.bench.verdict import disturbance, knee_sentence, limit_sentence
from codeclm.llm.spec import ModelSpec


def swept(
    rate: Callable[[int], float], most: int, objects: Callable[[int], bool] = lambda n: False
) -> list[Point]:
    points: list[Point] = []
    while (level := next_level(points, most)) is not None:
        points.append(Point(level, rate(level), objects(level)))
    return points


@pytest.mark.parametrize(
    ("slots", "levels", "found"),
    [
        (1, [1, 2, 4], 1),
        (3, [1, 2, 4, 8, 16, 3], 3),
        (8, [1, 2, 4, 8, 16, 32, 6, 7], 8),
        (40, [1, 2, 4, 8, 16, 32, 64, 128, 256, 48, 40, 36], 40),
        (700, [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 768, 640, 704], 704),
    ],
)
def test_levels_of_a_server_with_slots(slots: int, levels: list[int], found: int) -> None:
    """Doubles until two steps bring nothing, then halves the gap around the knee."""
    points = swept(lambda n: min(n, slots) / 0.2, 1024)
    assert [point.in_flight for point in points] == levels
    reached = knee(points)
    assert reached is not None
    assert reached.in_flight == found


@pytest.mark.parametrize(
    ("limit", "levels"),
    [
        (1, [1, 2]),
        (11, [1, 2, 4, 8, 16, 12, 10, 11]),
        (40, [1, 2, 4, 8, 16, 32, 64, 48, 40, 44]),
    ],
)
def test_levels_of_a_server_that_objects(limit: int, levels: list[int]) -> None:
    """Refusals end the doubling at once, and the knee is the most that is taken."""
    points = swept(lambda n: n / 0.2, 1024, lambda n: n > limit)
    assert [point.in_flight for point in points] == levels
    reached = knee(points)
    assert reached is not None
    assert reached.in_flight == limit


@given(st.integers(1, 5000), st.integers(1, 2000), st.booleans())
def test_a_sweep_ends_near_the_knee(slots: int, most: int, objects: bool) -> None:
    """It never goes beyond what is allowed, measures no level twice, and finds nearly all throughput."""
    points = swept(lambda n: float(min(n, slots)), most, lambda n: objects and n > slots)
    levels = [point.in_flight for point in points]
    assert len(levels) == len(set(levels)) <= len(doublings(most)) + BISECTIONS
    assert max(levels) <= most
    reached = knee(points)
    if reached is not None:
        # Two steps beyond the last doubling, and a gap that was halved three times.
        assert 0.7 * min(slots, most) <= reached.in_flight <= max(slots, 1) * 1.15 + 1
        assert reached.calls_per_s >= ENOUGH * max(
            point.calls_per_s for point in points if not point.troubled
        )


@given(st.lists(st.tuples(st.floats(0, 1e4), st.booleans()), max_size=20), st.integers(1, 20_000))
def test_a_sweep_ends_whatever_is_measured(answers: list[tuple[float, bool]], most: int) -> None:
    """However throughput jumps about, the number of levels has a bound."""
    given_out = iter(answers)

    def measured(level: int) -> Point:
        rate, troubled = next(given_out, (1.0, False))
        return Point(level, rate, troubled)

    points: list[Point] = []
    while (level := next_level(points, most)) is not None:
        points.append(measured(level))
        assert 1 <= level <= most
        assert len(points) <= len(doublings(most)) + BISECTIONS


def test_no_knee_where_throughput_still_rises() -> None:
    """The last level is no knee, and no time is spent on levels below it."""
    points = swept(float, 100)
    assert [point.in_flight for point in points] == doublings(100)
    assert knee(points) is None
    assert knee([]) is None


SPEC = ModelSpec("openai:m@http://127.0.0.1:9/v1")


def level(in_flight: int, calls_per_s: float, **changed: object) -> Figures:
    found = Figures(
        in_flight=in_flight,
        seconds=10.0,
        answers=int(10 * calls_per_s),
        calls_per_s=calls_per_s,
        input_tokens_per_s=100 * calls_per_s,
        output_tokens_per_s=10 * calls_per_s,
        latency=Latency(0.1, 0.1, 0.125, 0.2),
        errors={},
        rate_limited=0,
        retried=0,
        uncounted=0,
        in_flight_mean=in_flight,
        in_flight_peak=in_flight,
        efficiency=1.0,
        cpu=0.1,
        lag_p99_s=0.001,
    )
    return replace(found, **changed)  # type: ignore[arg-type]


FLAT = [level(4, 40.0), level(8, 80.0), level(16, 80.5)]


def test_the_knee_in_words() -> None:
    """With calls a second and p95, or why there is none."""
    assert knee_sentence(FLAT) == "the knee is at 8 calls in flight: 80 calls/s, p95 0.125 s"
    assert "still rising" in knee_sentence(FLAT[:2])
    assert "one level" in knee_sentence(FLAT[:1])
    assert "every level" in knee_sentence([level(4, 0.0, latency=None, answers=0)] * 2)
    alone = [level(1, 40.0), level(8, 40.0)]
    assert knee_sentence(alone).startswith("the knee is at 1 call in flight")


@pytest.mark.parametrize(
    ("levels", "spec", "expected"),
    [
        (FLAT, SPEC, "the endpoint limits"),
        (FLAT[:2], SPEC, "the number of calls in flight limits"),
        ([*FLAT[:2], level(16, 80.5, cpu=0.97)], SPEC, "this client's CPU limits: it uses 97%"),
        ([*FLAT, level(32, 9.0, rate_limited=40)], SPEC, "a rate limit: 40 429s at 32 calls"),
        (
            [*FLAT, level(32, 9.0, errors={"ServerError": 30})],
            SPEC,
            "the endpoint fails at 32 calls in flight: 30 ServerError",
        ),
        (
            [*FLAT, level(32, 90.0, rate_limited=1, efficiency=0.9)],
            SPEC,
            "a rate limit: 1 429 at 32 calls",
        ),
        ([*FLAT, level(32, 80.6, rate_limited=1)], SPEC, "the endpoint limits"),
        (FLAT, replace(SPEC, requests_per_minute=4800), "limits: 4,800 requests a minute"),
        (FLAT, replace(SPEC, output_tokens_per_minute=48_000), "limits: 48,000 output tokens"),
        ([*FLAT, level(32, 80.0, errors={"ServerError": 1})], SPEC, "the endpoint limits"),
    ],
)
def test_what_limits_in_words(levels: list[Figures], spec: ModelSpec, expected: str) -> None:
    """The client, a limit of the user's own, refusals, failures, the endpoint, or the calls in flight."""
    assert expected in limit_sentence(levels, spec)


def test_a_disturbed_client_is_told() -> None:
    """An event loop that is late though it has little to do was kept from running by others."""
    assert "440 ms late" in disturbance([*FLAT, level(32, 80.0, lag_p99_s=0.44)])
    assert disturbance([level(32, 80.0, lag_p99_s=0.44, cpu=0.99)]) == ""
    assert disturbance(FLAT) == ""
