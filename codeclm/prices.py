"""What models cost: a dated table of well-known ones, and what the user says. An unknown price is unknown.

Left out of the table is what has no single price: models that cost more beyond a length of prompt or at certain hours,
names that stand for another model every few months, gateways, deployments with names of their own, and servers at
other URLs than the provider's.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import ROUND_CEILING, Decimal
from functools import cache
from pathlib import Path

from codeclm.errors import UsageError
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.money import PICODOLLARS
from codeclm.llm.names import ModelName, parse_model

__all__ = ["Price", "Prices", "how_to_give"]

_DATED = re.compile(r"-(?:20\d\d-[01]\d-[0-3]\d|20\d\d[01]\d[0-3]\d)")


@dataclass(frozen=True, slots=True)
class Price:
    """US dollars for a million tokens. ``cached_input`` is for input read from the provider's prompt cache, by
    default as ``input``. ``as_of`` is the day on which it was known, "" where the user gave it.
    """

    input: float
    output: float
    cached_input: float | None = None
    as_of: str = ""

    def __post_init__(self) -> None:
        for name in ("input", "output", "cached_input"):
            value = getattr(self, name)
            if value is not None and not 0 <= value <= 1e6:
                raise UsageError(f"a price must be from 0 to 1,000,000 dollars, not {value}")

    def picodollars(
        self, input_tokens: int, output_tokens: int, cached_input_tokens: int = 0
    ) -> int:
        """What so many tokens cost; those of the input that were cached are a part of it."""
        cached = self.input if self.cached_input is None else self.cached_input
        return (
            (input_tokens - cached_input_tokens) * _for_one(self.input)
            + cached_input_tokens * _for_one(cached)
            + output_tokens * _for_one(self.output)
        )

    def most_picodollars(self, input_tokens: int, output_tokens: int) -> int:
        """What so many tokens cost at the most, cached or not."""
        highest = max(self.input, self.cached_input or 0.0)
        return input_tokens * _for_one(highest) + output_tokens * _for_one(self.output)


class Prices:
    """The table, with ``own`` prices of the user over it.

    A model is called as in events: PROVIDER:MODEL, or PROVIDER:MODEL@BASE_URL where that is not the provider's own. A
    name of the user's is that, or without the URL, or the bare MODEL; the one that says most counts.
    """

    def __init__(self, own: Mapping[str, Price] | None = None) -> None:
        self._own = dict(own or {})
        self._found: dict[str, Price | None] = {}

    def of(self, model: str) -> Price | None:
        """The price of ``model``; None where it is not known."""
        if model not in self._found:  # a look at a run asks for a few models hundreds of times
            self._found[model] = self._find(model)
        return self._found[model]

    def _find(self, model: str) -> Price | None:
        try:
            name = parse_model(model)
        except UsageError:
            return self._own.get(model)
        for called in (model, str(name), f"{name.provider}:{name.model}", name.model):
            if called in self._own:
                return self._own[called]
        return _listed(name)

    def unpriced(self, models: Iterable[str]) -> list[str]:
        """Those of ``models`` whose price is not known, each once."""
        return [model for model in dict.fromkeys(models) if self.of(model) is None]

    def as_of(self, models: Iterable[str]) -> str | None:
        """The oldest day of the table's prices that are used for ``models``; None where none is."""
        dates = [price.as_of for model in models if (price := self.of(model)) and price.as_of]
        return min(dates, default=None)


def how_to_give(model: str) -> str:
    """How the price of ``model`` is said, for a person."""
    return f'give it in a --config file: prices: {{"{model}": {{input: DOLLARS, output: DOLLARS}}}}, per million tokens'


def _listed(name: ModelName) -> Price | None:
    """From the table: the very name, or that of a model of which this is a dated snapshot."""
    known = PROVIDERS[name.provider]
    if known.is_local or not known.base_url or name.base_url != known.base_url:
        return None
    models = _table().get(name.provider, {})
    if name.model in models:
        return models[name.model]
    dated = _DATED.search(name.model)
    return (
        models.get(name.model[: dated.start()])
        if dated and dated.end() == len(name.model)
        else None
    )


@cache
def _table() -> Mapping[str, Mapping[str, Price]]:
    stored = json.loads(Path(__file__).with_suffix(".json").read_text("utf-8"))
    return {
        provider: {
            model: Price(input_, output, cached, as_of)
            for model, (input_, cached, output, as_of) in models.items()
        }
        for provider, models in stored.items()
    }


@cache
def _for_one(per_million: float) -> int:
    """Picodollars for one token, rounded up."""
    exact = Decimal(repr(float(per_million))) * (PICODOLLARS // 10**6)
    return int(exact.to_integral_value(ROUND_CEILING))
