"""What lines of a forecast cost. A price that is not known makes a sum unknown, never smaller."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

from codeclm.forecast.calls import Line
from codeclm.llm.names import parse_model
from codeclm.prices import Price
from codeclm.settings import ModelsSettings

__all__ = ["Cast", "cast_of", "cost"]

PER = 1e6

Cast = Mapping[str, str]
"""The model of each role, as events call it."""


def cast_of(models: ModelsSettings) -> Cast:
    """Who plays which role; the strong model judges where no judge is given."""
    strong = str(parse_model(models.strong.model))
    judge = str(parse_model(models.judge.model)) if models.judge else strong
    return {"strong": strong, "target": str(parse_model(models.target.model)), "judge": judge}


def cost(
    lines: Iterable[Line], cast: Cast, price_of: Callable[[str], Price | None]
) -> float | None:
    """Dollars, without what a provider's prompt cache may save; None where a price is not known."""
    total = 0.0
    for line in lines:
        price = price_of(cast[line.role])
        if price is None:
            return None
        total += (line.input * price.input + line.output * price.output) / PER
    return total
