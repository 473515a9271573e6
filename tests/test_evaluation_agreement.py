"""Agreement of judges: kappas, flips, labels of people."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.evaluation.agreement import agreement, flips, read_labels
from codeclm.evaluation.crr import OUTCOMES, Outcome

outcomes = st.sampled_from(OUTCOMES)


def pairs(table: list[list[int]]) -> list[tuple[Outcome, Outcome]]:
    return [
        (a, b)
        for a, row in zip(OUTCOMES, table, strict=True)
        for b, count in zip(OUTCOMES, row, strict=True)
        for _ in range(count)
    ]


def test_kappa_has_its_known_value() -> None:
    """The textbook's table of two outcomes: agreement 0.70, kappa 0.4; weights change nothing where all is as far."""
    made = agreement(pairs([[20, 0, 5], [0, 0, 0], [10, 0, 15]]))
    assert made.items == 50
    assert made.raw == pytest.approx(0.7)
    assert made.kappa == made.linear == made.quadratic == pytest.approx(0.4)
    assert made.table["loss"] == {"win": 10, "tie": 0, "loss": 15}


def test_weights_forgive_what_is_near() -> None:
    """By hand: 30 comparisons, 6 one step apart. By chance 2/3 differ; 4/9 of steps and 1/3 of squares are lost."""
    made = agreement(pairs([[8, 2, 0], [1, 8, 1], [0, 2, 8]]))
    by_chance = {"kappa": 0.0, "linear": 0.0, "quadratic": 0.0}
    rows, columns = (10, 10, 10), (9, 12, 9)
    for i, j in ((i, j) for i in range(3) for j in range(3)):
        share = rows[i] * columns[j] / 900
        by_chance["kappa"] += share * (i != j)
        by_chance["linear"] += share * abs(i - j) / 2
        by_chance["quadratic"] += share * (i - j) ** 2 / 4
    assert made.kappa == pytest.approx(1 - (6 / 30) / by_chance["kappa"])
    assert made.linear == pytest.approx(1 - (6 / 30 / 2) / by_chance["linear"])
    assert made.quadratic == pytest.approx(1 - (6 / 30 / 4) / by_chance["quadratic"])
    assert [*sorted(map(float, (made.kappa or 0, made.linear or 0, made.quadratic or 0)))] == [
        made.kappa,
        made.linear,
        made.quadratic,
    ]


@given(st.lists(st.tuples(outcomes, outcomes), min_size=1, max_size=40))
def test_agreement_is_symmetric_and_bounded(judged: list[tuple[Outcome, Outcome]]) -> None:
    """Whoever comes first: the same figures; equal judges have kappa 1 or none at all."""
    one, other = agreement(judged), agreement([(b, a) for a, b in judged])
    for name in ("raw", "kappa", "linear", "quadratic"):
        assert getattr(one, name) == pytest.approx(getattr(other, name))
        assert getattr(one, name) is None or -1 <= getattr(one, name) <= 1
    same = agreement([(a, a) for a, _ in judged])
    assert same.raw == 1
    assert same.kappa in (None, 1)


def test_flips_are_told_from_smaller_changes() -> None:
    """A flip names another winner; a draw in one order is a change; the first response's favour is in points."""
    found = flips([((8, 6), (8, 6)), ((8, 6), (6, 8)), ((7, 7), (6, 7)), ((5, 5), (5, 5))])
    assert (found.items, found.flipped, found.changed) == (4, 0.25, 0.5)
    assert found.first == pytest.approx((0 + 2 + 0.5 + 0) / 4)


def test_no_common_comparison_is_said() -> None:
    """Rather than an agreement of nothing."""
    with pytest.raises(UsageError, match="no comparison in common"):
        agreement([])


def test_labels_are_read_as_people_write_them(tmp_path: Path) -> None:
    """Whole words or letters in any case, with and without a candidate."""
    path = tmp_path / "labels.csv"
    path.write_text("\ufeffid,label,candidate\na,Win,x\nb,t,\nc,LOSS,x\nc,loss,x\n", "utf-8")
    assert read_labels(path) == {("a", "x"): "win", ("b", ""): "tie", ("c", "x"): "loss"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("id,verdict\na,win\n", "no column 'label'"),
        ("", "no column 'id' and no column 'label'$"),
        ("id,label\na,win\nb,maybe\n", "line 3: the label 'maybe'"),
        ("id,label\na,win\na,tie\n", "line 3: 'a' has two different labels"),
    ],
)
def test_labels_that_are_none_are_said(tmp_path: Path, text: str, message: str) -> None:
    """With file and line."""
    path = tmp_path / "labels.csv"
    path.write_text(text)
    with pytest.raises(UsageError, match=message):
        read_labels(path)
    with pytest.raises(
        UsageError, match=r"none\.csv: cannot be read \(No such file or directory\)"
    ):
        read_labels(tmp_path / "none.csv")
