"""Figures as a person reads them."""

from __future__ import annotations

from decimal import Decimal

__all__ = ["count", "decision", "duration", "money", "percent"]


def count(number: float | None) -> str:
    """With thousands apart; a dash where it is not known."""
    return "–" if number is None else f"{number:,.0f}"


def percent(part: float, whole: float) -> str:
    """A share, or a dash of nothing."""
    return f"{part / whole:.1%}" if whole else "–"


def money(amount: float | None, currency: str = "USD") -> str:
    """To the cent, small amounts to four digits that say something, and tiny ones as such."""
    if amount is None:
        return "unknown"
    sign = "$" if currency == "USD" else f"{currency} "
    if amount and abs(amount) < 1:
        digits = f"{amount:.4g}" if abs(amount) >= 0.001 else f"{amount:.3g}"
        return f"{sign}{Decimal(digits):f}"  # no power of ten, as no bill has one
    return f"{sign}{amount:,.2f}"


def duration(seconds: float) -> str:
    """Like 2 h 5 min."""
    if seconds < 90:
        return f"{seconds:.1f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"


def decision(gap: float | None, theta: float) -> str:
    """What a gap says."""
    if gap is None:
        return "not judged"
    if gap > theta:
        return f"gap {gap:g} exceeds theta {theta:g}: strong wins"
    if gap < -theta:
        return f"gap {gap:g} is below -{theta:g}: target wins"
    return f"gap {gap:g} is within theta {theta:g}"
