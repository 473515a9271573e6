"""Calls in flight fit the open files there are: lowered as little as possible, and told."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.open_files import SPARE, calls_that_fit, fitted
from tests.running import settings_for


@given(st.lists(st.integers(1, 2_000), min_size=1, max_size=5), st.integers(0, 8_000))
def test_as_many_as_fit_and_no_more(asked: list[int], open_files: int) -> None:
    """What all may have fits, and one more each would not."""
    most = calls_that_fit(asked, open_files)
    room = open_files - SPARE
    if most is None:
        assert sum(asked) <= room
    else:
        assert sum(asked) > room
        assert sum(min(each, most) for each in asked) <= max(0, room)
        assert sum(min(each, most + 1) for each in asked) > room


def test_settings_are_lowered_and_the_reason_told() -> None:
    """The larger ones first; what fits is left alone, and where nothing fits the run is refused."""
    settings = settings_for("http://127.0.0.1:9/v1", max_in_flight=500)
    same, told = fitted(settings, 5_000)
    assert (same, told) == (settings, "")
    lowered, told = fitted(settings, 256)
    assert lowered.models is not None
    assert lowered.models.strong.max_in_flight == lowered.models.target.max_in_flight == 28
    assert lowered.decisive() == settings.decisive()
    assert "may open 256 files, and 1,200 are needed: at most 28 calls in flight" in told
    with pytest.raises(UsageError, match="ulimit -n 1200"):
        fitted(settings, 201)


def test_parties_with_one_endpoint_count_once() -> None:
    """A model that is both strong and judge has one set of calls in flight."""
    settings = settings_for("http://127.0.0.1:9/v1", max_in_flight=100)
    assert settings.models is not None
    models = settings.models.model_copy(update={"judge": settings.models.strong})
    assert fitted(settings.model_copy(update={"models": models}), 400)[1] == ""
