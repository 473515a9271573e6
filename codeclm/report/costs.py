"""What a run cost, as its summary tells it; what one example cost, by the prices that the run was given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from codeclm.costs import price_in_rows
from codeclm.errors import UsageError
from codeclm.llm.money import PICODOLLARS
from codeclm.prices import Price, Prices
from codeclm.report.lineage import Call
from codeclm.report.words import count, money

__all__ = ["CallRow", "Costs", "Tariff", "call_rows", "costs_of"]


@dataclass(frozen=True, slots=True)
class Costs:
    """``headline`` is what matters most, ``sentences`` the rest; ``by_fate`` is money, or empty."""

    headline: str
    sentences: tuple[str, ...]
    by_fate: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class CallRow:
    """Calls of one stage to one model, as texts."""

    stage: str
    model: str
    calls: str
    cache_hits: str
    shared: str
    retries: str
    input_tokens: str
    cached: str
    output_tokens: str
    cost: str


class Tariff:
    """What a call costs: by the prices of the package, those of the run's ``settings`` over them.

    ``summary`` tells which models the run has asked: rows name them without the URLs of their servers.
    """

    def __init__(self, settings: Mapping[str, Any], summary: Mapping[str, Any]) -> None:
        inner = settings.get("settings")
        own = inner.get("prices") if isinstance(inner, Mapping) else None
        self._prices = Prices(dict(_readable(own if isinstance(own, Mapping) else {})))
        rows = summary.get("calls")
        named = (row.get("model") for row in (rows if isinstance(rows, list) else ()))
        self._models = {str(model) for model in named}

    def cost(self, call: Call) -> float | None:
        """What the call costs where the cache did not answer it; None where price or tokens are not known."""
        if call.input_tokens is None or call.output_tokens is None:
            return None
        price = price_in_rows(self._prices, {*self._models, call.model}, call.model)
        if price is None:
            return None
        return price.picodollars(call.input_tokens, call.output_tokens) / PICODOLLARS


def _readable(own: Mapping[str, Any]) -> Iterator[tuple[str, Price]]:
    for model, given in own.items():
        with suppress(KeyError, TypeError, UsageError):  # a file is what somebody made of it
            yield str(model), Price(given["input"], given["output"], given.get("cached_input"))


def costs_of(summary: Mapping[str, Any], selected: int) -> Costs:
    """What the summary says; where it knows no prices, tokens."""
    cost = summary.get("cost")
    tokens = _tokens(summary, selected)
    if not isinstance(cost, Mapping) or cost.get("paid") is None:
        unknown = "Money is not known: the run had no price of its models on record."
        return Costs(tokens or "nothing was selected so far", (unknown,))
    currency = str(cost.get("currency") or "USD")
    each = _float(cost.get("per_selected"))
    headline = (
        f"{money(each, currency)} per selected example" if each is not None else "nothing selected"
    )
    sentences = [f"{money(_float(cost.get('paid')), currency)} paid in all", tokens]
    if cost.get("prices_as_of"):
        sentences.append(f"by prices as of {cost['prices_as_of']}")
    unpriced = cost.get("unpriced")
    if isinstance(unpriced, list) and unpriced:
        sentences.append(f"not counted, for no price is known: {', '.join(map(str, unpriced))}")
    fates = cost.get("by_fate")
    fates = fates if isinstance(fates, Mapping) else {}
    by_fate = tuple((str(name), money(_float(one), currency)) for name, one in fates.items())
    return Costs(headline, tuple(one for one in sentences if one), by_fate)


def call_rows(summary: Mapping[str, Any]) -> list[CallRow]:
    """A row a stage and model, iterations together; the sum of them all last."""
    sums: dict[tuple[str, str], dict[str, float | None]] = {}
    total: dict[str, float | None] = {}
    for row in _rows(summary):
        key = str(row.get("stage")), str(row.get("model"))
        _add(sums.setdefault(key, {}), row)
        _add(total, row)
    rows = [_call_row(*key, one) for key, one in sorted(sums.items())]
    return [*rows, _call_row("all", "", total)] if rows else []


NUMBERS = (
    "calls",
    "cache_hits",
    "shared",
    "retries",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
)


def _call_row(stage: str, model: str, sums: Mapping[str, float | None]) -> CallRow:
    calls, hits, shared, retries, asked, cached, said = (count(sums.get(name)) for name in NUMBERS)
    cost = sums.get("cost")
    shown = money(cost) if cost is not None else "–"
    return CallRow(stage, model, calls, hits, shared, retries, asked, cached, said, shown)


def _add(sums: dict[str, float | None], row: Mapping[str, Any]) -> None:
    """Add what is known; a cost that is unknown in one part is unknown of the whole."""
    for name in NUMBERS:
        value = _float(row.get(name))
        if value is not None:
            sums[name] = (sums.get(name) or 0) + value
    if row.get("calls"):
        before, here = sums.get("cost", 0.0), _float(row.get("cost"))
        sums["cost"] = None if before is None or here is None else before + here


def _tokens(summary: Mapping[str, Any], selected: int) -> str:
    rows = _rows(summary)
    asked, said = (
        sum(_float(row.get(name)) or 0 for row in rows)
        for name in ("input_tokens", "output_tokens")
    )
    calls = sum(_float(row.get("calls")) or 0 for row in rows)
    if not selected:
        return ""
    return (
        f"{count(calls / selected)} calls, {count(asked / selected)} input and "
        f"{count(said / selected)} output tokens per selected example"
    )


def _rows(summary: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    rows = summary.get("calls")
    return [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []


def _float(value: object) -> float | None:
    return float(value) if type(value) in (int, float) else None  # type: ignore[arg-type]
