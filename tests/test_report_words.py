"""Figures of a report as a person reads them."""

from __future__ import annotations

import pytest

from codeclm.report.words import money


@pytest.mark.parametrize(
    ("amount", "shown"),
    [
        (None, "unknown"),
        (0.0, "$0.00"),
        (8e-7, "$0.0000008"),
        (6.884e-5, "$0.0000688"),
        (0.06356, "$0.06356"),
        (1234.5, "$1,234.50"),
    ],
)
def test_money_has_no_power_of_ten(amount: float | None, shown: str) -> None:
    """To the cent from a dollar on, and to a few digits that say something below, however little it is."""
    assert money(amount) == shown
