"""What a run has cost, and what for: the object ``cost`` of its summary."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from codeclm.ledger import Ledger, picodollars_paid
from codeclm.llm.money import PICODOLLARS
from codeclm.llm.names import without_url
from codeclm.prices import Price, Prices
from codeclm.sink import INSTRUCTION_STAGES

__all__ = ["Spent", "cost_of", "paid_of", "price_in_rows"]

Spent = Mapping[tuple[str, str], Iterable[int]]
"""By fate and model, as rows name it: tokens of input and output that went into the instructions of that fate."""

Counts = Mapping[str, int]


def cost_of(
    ledger: Ledger, spent: Spent, selected: int, models: Iterable[str] = ()
) -> dict[str, Any]:
    """All sessions together, in US dollars; an amount is None where the price of a model in it is not known.

    ``models`` are those of the run, also where this session has not asked them.

    ``paid`` is for the answers that were paid for. ``by_fate`` is what the answers that went into the instructions of
    each fate cost, cached or not, at the full price of input: an answer that two instructions share counts for both.
    Beside the fates there are ``preparation`` (all before there are instructions), ``redrawn`` (draws repeated because
    an answer could not be read, which are in no other part) and ``retried`` (attempts that failed and may be billed:
    at most so much, and not in ``paid``). ``saved`` is what the cache of answers, and the provider's cache of prompts,
    made cheaper.
    """
    books = _Books(ledger, models)
    paid = books.sum(picodollars_paid)
    fates = {fate: books.of_rows(spent, fate) for fate in ("selected", "discarded", "failed")}
    redrawn = (books.of_rows(spent, "redrawn"), books.sum(_redrawn, prepared=True))
    return {
        "currency": "USD",
        "prices_as_of": ledger.prices.as_of(books.models),
        "paid": _dollars(paid),
        "unpriced": ledger.prices.unpriced(sorted(books.models)),
        "by_fate": {
            **{fate: _dollars(amount) for fate, amount in fates.items()},
            "preparation": _dollars(books.sum(_first_drawn, prepared=True)),
            "redrawn": None if None in redrawn else _dollars(sum(filter(None, redrawn))),
            "retried": _dollars(books.sum(_lost)),
        },
        "per_selected": _dollars(paid / selected) if paid is not None and selected else None,
        "saved": {
            "by_cache": _dollars(books.sum(_reused)),
            "by_prompt_cache": _dollars(books.sum(_discount)),
        },
        "uncounted_calls": sum(counts["uncounted"] for counts in ledger.columns.values()),
    }


def paid_of(ledger: Ledger) -> float | None:
    """``paid`` alone, for who looks often."""
    return _dollars(_Books(ledger).sum(picodollars_paid))


def price_in_rows(prices: Prices, models: Iterable[str], name: str) -> Price | None:
    """The price of what ``calls`` of a row names without its URL; ``models`` are those of the run, as the summary's
    rows name them. None where it is not known, or the same name at two URLs has two prices.
    """
    found = {prices.of(model) for model in models if without_url(model) == name}
    return found.pop() if len(found) == 1 else None


class _Books:
    """Sums over the rows of a ledger."""

    def __init__(self, ledger: Ledger, models: Iterable[str] = ()) -> None:
        self._rows = ledger.columns
        self.models = {*models, *(model for model, _, _ in ledger.columns)}
        self._prices = ledger.prices

    def sum(self, amount: Callable[[Price, Counts], int], *, prepared: bool = False) -> int | None:
        """The ``amount`` of all rows, or of those of preparation; None where one of no known price has any."""
        total = 0
        for (model, stage, _), counts in self._rows.items():
            if prepared and stage in INSTRUCTION_STAGES:
                continue
            price = self._prices.of(model)
            if price is not None:
                total += amount(price, counts)
            elif amount(_ANY, counts) or counts["uncounted"]:
                return None
        return total

    def of_rows(self, spent: Spent, fate: str) -> int | None:
        total = 0
        for (name, model), (given, made) in spent.items():
            if name == fate and (given or made):
                price = price_in_rows(self._prices, self.models, model)
                if price is None:
                    return None
                total += price.picodollars(given, made)
        return total


_ANY = Price(1, 1, 0.5)
"""Tells whether there is anything to be priced."""


def _first_drawn(price: Price, counts: Counts) -> int:
    whole = price.picodollars(counts["input_tokens"], counts["output_tokens"])
    return whole - _redrawn(price, counts)


def _redrawn(price: Price, counts: Counts) -> int:
    return price.picodollars(counts["redraw_input_tokens"], counts["redraw_output_tokens"])


def _reused(price: Price, counts: Counts) -> int:
    return price.picodollars(counts["reused_input_tokens"], counts["reused_output_tokens"])


def _lost(price: Price, counts: Counts) -> int:
    return price.most_picodollars(counts["lost_input_tokens"], counts["lost_output_tokens"])


def _discount(price: Price, counts: Counts) -> int:
    full = price.picodollars(counts["input_tokens"], counts["output_tokens"])
    return full - picodollars_paid(price, counts)


def _dollars(picodollars: float | None) -> float | None:
    return None if picodollars is None else picodollars / PICODOLLARS
