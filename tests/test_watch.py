"""A run in which most items fail is stopped; what is not the items' fault does not count."""

from __future__ import annotations

import pytest

from codeclm.engine.events import StepFailed, StepFinished, StepPostponed
from codeclm.engine.stage import Failed
from codeclm.errors import (
    EmptyAnswer,
    Filtered,
    ItemError,
    OutOfService,
    Overloaded,
    ParseError,
    RateLimited,
    Refused,
    RequestRefused,
    RunStopped,
    TimedOut,
)
from codeclm.records import Comparison, Draft, Entry, Example, Metadata
from codeclm.watch import WINDOW, FailureWatch

ENTRY = Entry(0, "e", Metadata("chat", ("tone",)))
EXAMPLE = Example(Comparison(Draft("d", ENTRY, "text"), "S", "T"), "strong")
DONE = StepFinished("filter", None, (EXAMPLE,), 0.1)


def failed(error: ItemError) -> StepFailed:
    return StepFailed("judge", None, error, 0.1)


class Watched:
    def __init__(self) -> None:
        self.stops: list[RunStopped] = []
        self.watch = FailureWatch(self.stops.append)

    def see(self, event: object, times: int = 1) -> None:
        for _ in range(times):
            self.watch(event)


def test_it_stops_a_run_once_when_most_items_fail() -> None:
    """More than half of the last 200, not sooner, and says what to do."""
    watched = Watched()
    watched.see(DONE, WINDOW // 2)
    watched.see(failed(ParseError("no scores")), WINDOW // 2)
    assert not watched.stops
    watched.see(failed(ParseError("no scores")), 50)
    (stop,) = watched.stops
    assert str(stop).startswith("101 of the last 200 items failed, the latest in judge: no scores;")
    assert "--retry-failed" in str(stop)


def test_a_step_that_goes_on_after_a_failure_counts_it() -> None:
    """What a step hands on as failed is as bad as what it raises; what was declined is neither."""
    watched = Watched()
    watched.see(StepFinished("evolve", None, (Failed(None, "evolve", Refused("no")),), 0.1), WINDOW)
    assert not watched.stops
    watched.see(
        StepFinished("evolve", None, (Failed(None, "evolve", ParseError("?")),), 0.1), WINDOW
    )
    assert len(watched.stops) == 1
    assert "the latest in evolve" in str(watched.stops[0])


def test_few_items_are_no_proof() -> None:
    """A hundred failures at the start may be the hard ones."""
    watched = Watched()
    watched.see(failed(ParseError("x")), WINDOW - 1)
    assert not watched.stops


@pytest.mark.parametrize(
    "error", [RateLimited("x"), OutOfService("x"), Overloaded("x"), Refused("x"), Filtered("x")]
)
def test_what_is_not_the_items_fault_does_not_count(error: ItemError) -> None:
    """An endpoint that is down has a circuit breaker; a refusal is a result."""
    watched = Watched()
    watched.see(failed(error), 3 * WINDOW)
    assert not watched.stops


@pytest.mark.parametrize("error", [EmptyAnswer("x"), TimedOut("x"), RequestRefused("x")])
def test_what_is_put_off_counts_as_well(error: ItemError) -> None:
    """It has failed for now, for a reason that the endpoint's state does not explain."""
    watched = Watched()
    watched.see(StepPostponed("respond", None, error), WINDOW)
    assert len(watched.stops) == 1


def test_old_failures_are_forgotten() -> None:
    """Only the last 200 count."""
    watched = Watched()
    watched.see(failed(ParseError("x")), 90)
    watched.see(DONE, WINDOW)
    watched.see(failed(ParseError("x")), 90)
    assert not watched.stops
