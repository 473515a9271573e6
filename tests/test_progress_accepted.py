"""Acceptance by iteration, of what is on file and of what is under way."""

from __future__ import annotations

from collections import Counter

from codeclm.engine.events import StepFinished
from codeclm.progress import Accepted, Rounds
from codeclm.records import Again, Draft, Entry, Metadata

ENTRY = Entry(0, "e", Metadata("writing", ("wit",)))


def goes_on(rounds: Rounds, iteration: int, times: int = 1) -> None:
    for _ in range(times):
        again = Again(Draft("d", ENTRY, "Sing", iteration))
        rounds(StepFinished("filter", object(), (again,), 0.0))


def found(rounds: Rounds, tally: Counter[tuple[str, str, int]]) -> list[tuple[int, int, int]]:
    return [(one.iteration, one.selected, one.judged) for one in rounds.accepted(tally)]


TALLY: Counter[tuple[str, str, int]] = Counter(
    {
        ("selected", "strong", 1): 30,
        ("selected", "target", 1): 5,
        ("selected", "strong", 3): 10,
        ("discarded", "", 4): 40,
        ("discarded", "respond", 2): 3,
        ("failed", "judge", 4): 2,
        ("failed", "encode", 0): 9,
    }
)
ALL = [(1, 35, 90), (2, 0, 52), (3, 10, 52), (4, 0, 40)]


def test_who_is_on_file_was_judged_at_all_iterations_before() -> None:
    """Whatever became of it: failed and declined instructions were not judged where that befell them."""
    assert found(Rounds(TALLY), TALLY) == ALL
    assert Rounds({}).accepted({}) == ()


def test_who_is_under_way_was_judged_where_it_went_on() -> None:
    """Not only what is selected early counts; and once it is on file nobody is counted twice."""
    tally: Counter[tuple[str, str, int]] = Counter({("selected", "strong", 1): 4})
    rounds = Rounds(Counter())
    goes_on(rounds, 1, times=6)
    assert found(rounds, tally) == [(1, 4, 10)]
    goes_on(rounds, 2, times=3)
    tally["selected", "strong", 2] += 2
    assert found(rounds, tally) == [(1, 4, 10), (2, 2, 5)]
    tally["discarded", "", 3] += 3
    tally["failed", "respond", 2] += 1
    assert found(rounds, tally) == [(1, 4, 10), (2, 2, 5), (3, 0, 3)]


def test_what_was_on_file_at_the_beginning_did_not_go_on_now() -> None:
    """A resumed run: who is made anew goes on again, who is on file does not."""
    rounds = Rounds(TALLY.copy())
    assert found(rounds, TALLY) == ALL
    goes_on(rounds, 1, times=5)
    assert found(rounds, TALLY)[0] == (1, 35, 95)
    later = TALLY + Counter({("selected", "strong", 2): 5})
    assert found(rounds, later)[:2] == [(1, 35, 95), (2, 5, 57)]


def test_a_share_of_nothing_is_nothing() -> None:
    """No division by zero."""
    assert Accepted(1, 0, 0).share == 0.0
    assert Accepted(1, 1, 4).share == 0.25
