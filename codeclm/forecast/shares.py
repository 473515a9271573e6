"""Numbers with the intervals that they lie in."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

__all__ = ["Estimate", "exact", "wilson"]

Z = 1.96


@dataclass(frozen=True, slots=True)
class Estimate:
    """A number and the interval that it lies in with 95 %."""

    value: float
    low: float
    high: float


def exact(value: float) -> Estimate:
    """A number that is not in doubt."""
    return Estimate(value, value, value)


def wilson(some: float, of: float) -> Estimate:
    """A share of what was counted, with Wilson's interval."""
    if not of:
        return Estimate(0.0, 0.0, 1.0)
    share = some / of
    centre = (share + Z * Z / (2 * of)) / (1 + Z * Z / of)
    half = Z / (1 + Z * Z / of) * sqrt(share * (1 - share) / of + Z * Z / (4 * of * of))
    return Estimate(share, max(0.0, centre - half), min(1.0, centre + half))
