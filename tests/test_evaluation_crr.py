"""Wins, ties, losses and the Capacity Recovery Ratio."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.evaluation.crr import Outcome, Scores, Tally, outcome_of, tally_of

# Wins, ties and losses on Evol-Instruct and the CRR that the paper gives for them; first 7B, then 13B.
PAPER = {
    "Self-Instruct": ((17, 140, 61, "72.02"), (29, 136, 53, "75.69")),
    "Alpagasus": ((17, 147, 54, "75.23"), (26, 148, 44, "79.82")),
    "Tree-Instruct": ((23, 141, 54, "75.23"), (26, 154, 38, "82.57")),
    "WizardLM": ((19, 143, 56, "74.31"), (30, 149, 39, "82.11")),
    "WizardLM+": ((19, 146, 53, "75.69"), (31, 153, 34, "84.40")),
    "CodecLM": ((29, 145, 44, "79.82"), (35, 154, 29, "86.70")),
}
ROWS = [
    (f"{name} {size}", *row)
    for name, rows in PAPER.items()
    for size, row in zip(("7B", "13B"), rows, strict=True)
]


@pytest.mark.parametrize(
    ("name", "wins", "ties", "losses", "crr"), ROWS, ids=lambda value: str(value)
)
def test_the_papers_table(name: str, wins: int, ties: int, losses: int, crr: str) -> None:
    """All twelve rows, exact to two decimals."""
    tally = Tally(wins, ties, losses)
    assert tally.total == 218
    assert tally.crr is not None
    assert f"{tally.crr:.2f}" == crr


def test_there_are_twelve_rows() -> None:
    """None of the paper's rows is missing above."""
    assert len(ROWS) == 12


WIN, EVEN, LOSS = (8, 6), (7, 7), (5, 9)


@pytest.mark.parametrize(
    ("candidate_first", "reference_first", "outcome"),
    [
        (WIN, WIN, "win"),
        (WIN, EVEN, "tie"),
        (EVEN, WIN, "tie"),
        (WIN, LOSS, "tie"),
        (LOSS, WIN, "tie"),
        (EVEN, EVEN, "tie"),
        (EVEN, LOSS, "tie"),
        (LOSS, EVEN, "tie"),
        (LOSS, LOSS, "loss"),
        ((10, 9.5), (1.5, 1), "win"),
        ((9.5, 10), (1, 1.5), "loss"),
    ],
)
def test_the_swap_rule(candidate_first: Scores, reference_first: Scores, outcome: Outcome) -> None:
    """A win only where both orders say so, a loss only where both do; all else is a tie."""
    assert outcome_of(candidate_first, reference_first) == outcome


scores = st.tuples(st.integers(1, 10), st.integers(1, 10))


@given(scores, scores)
def test_what_one_wins_the_other_loses(one: tuple[int, int], other: tuple[int, int]) -> None:
    """With the roles exchanged a win is a loss, and a tie a tie; the order of the judgements does not matter."""
    exchanged = {"win": "loss", "tie": "tie", "loss": "win"}
    assert outcome_of(one[::-1], other[::-1]) == exchanged[outcome_of(one, other)]
    assert outcome_of(one, other) == outcome_of(other, one)


def test_nothing_judged_has_no_ratio() -> None:
    """No division by nothing, and no 0 % that nobody measured."""
    assert tally_of([]) == Tally()
    assert Tally().crr is None


def test_outcomes_are_counted() -> None:
    """Each under its name."""
    assert tally_of(["tie", "win", "tie", "loss", "tie"]) == Tally(wins=1, ties=3, losses=1)
