"""Intervals and tests: against resampling, enumeration and values that are known."""

from __future__ import annotations

from itertools import product
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.evaluation.statistics import (
    bootstrap_difference,
    bootstrap_share,
    permutation_test,
    sign_test,
)

RESAMPLES = 2000


def percentiles(draws: list[float]) -> tuple[float, float]:
    ordered = sorted(draws)
    return ordered[int(0.025 * len(draws))], ordered[int(0.975 * len(draws)) - 1]


@pytest.mark.parametrize(("count", "total"), [(174, 218), (5, 9), (60, 80)])
def test_the_interval_of_a_share_is_what_resampling_comes_to(count: int, total: int) -> None:
    """The same ends as a seeded bootstrap of the items, to within its noise."""
    random = Random(1)
    items = [1] * count + [0] * (total - count)
    drawn = [sum(random.choices(items, k=total)) / total for _ in range(RESAMPLES)]
    for exact, sampled in zip(bootstrap_share(count, total), percentiles(drawn), strict=True):
        assert exact == pytest.approx(sampled, abs=1.01 / total)


def test_the_interval_of_a_paired_difference_is_what_resampling_comes_to() -> None:
    """Items are drawn with what both candidates did on them."""
    random = Random(2)
    items = [1] * 30 + [-1] * 12 + [0] * 176
    drawn = [sum(random.choices(items, k=218)) / 218 for _ in range(RESAMPLES)]
    for exact, sampled in zip(bootstrap_difference(30, 12, 218), percentiles(drawn), strict=True):
        assert exact == pytest.approx(sampled, abs=1.01 / 218)


def test_intervals_without_variation_have_no_width() -> None:
    """Where all or none count, no resample is another one."""
    assert bootstrap_share(80, 80) == (1, 1)
    assert bootstrap_share(0, 80) == (0, 0)
    assert bootstrap_difference(0, 0, 80) == (0, 0)


def test_intervals_of_large_sets_are_as_the_normal_law_says() -> None:
    """Thousands of items take no time, and their intervals have the width that they must have."""
    low, high = bootstrap_share(70_000, 100_000)
    assert (low, high) == pytest.approx((0.69716, 0.70284), abs=2e-5)
    low, high = bootstrap_difference(500, 500, 5_000)
    assert (low, high) == pytest.approx((-0.0124, 0.0124), abs=3e-4)


@pytest.mark.parametrize(
    ("more", "less", "p"),
    [(8, 2, 0.109375), (10, 0, 2 / 1024), (5, 5, 1.0), (0, 0, 1.0), (15, 5, 0.04138946533203125)],
)
def test_the_sign_test_has_its_known_values(more: int, less: int, p: float) -> None:
    """As tables of the binomial distribution give them."""
    assert sign_test(more, less) == pytest.approx(p, rel=1e-9)
    assert sign_test(less, more) == pytest.approx(p, rel=1e-9)


@given(st.lists(st.integers(-2, 2), max_size=9))
def test_the_permutation_test_is_the_enumeration(differences: list[int]) -> None:
    """All ways to choose the signs, counted one by one."""
    observed = abs(sum(differences))
    sums = [
        abs(sum(sign * value for sign, value in zip(signs, differences, strict=True)))
        for signs in product((1, -1), repeat=len(differences))
    ]
    expected = sum(value >= observed for value in sums) / len(sums)
    assert permutation_test(differences) == pytest.approx(expected, rel=1e-9)
