"""Amounts of money, exact."""

from __future__ import annotations

__all__ = ["PICODOLLARS", "dollars"]

PICODOLLARS = 10**12
"""To the dollar. A price of one dollar for a million tokens is a million of them for each: sums are exact."""


def dollars(picodollars: float) -> str:
    """An amount as people write it: two decimals, and more where it is small."""
    amount = picodollars / PICODOLLARS
    return f"${amount:,.2f}" if amount >= 10 or not amount else f"${amount:,.4f}"
