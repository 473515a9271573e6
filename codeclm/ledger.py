"""Counts calls: by model, stage and iteration, what was paid, what the cache gave, tokens, retries, repeated draws."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from codeclm.llm.events import Answered, CacheTrouble, CallFailed, Paused, PerhapsBilled, Retried
from codeclm.llm.money import PICODOLLARS
from codeclm.prices import Price, Prices

__all__ = ["COLUMNS", "Ledger", "Place", "picodollars_paid"]

Place = tuple[str, str, int]
"""Model, stage and iteration."""

COLUMNS = (
    "calls",
    "cache_hits",
    "shared",
    "retries",
    "redraws",
    "uncounted",
    "input_tokens",
    "cached_input_tokens",
    "output_tokens",
    "redraw_input_tokens",
    "redraw_output_tokens",
    "reused_input_tokens",
    "reused_output_tokens",
    "lost_calls",
    "lost_input_tokens",
    "lost_output_tokens",
)
"""Tokens are those paid for; of ``uncounted`` calls the endpoint did not say how many. ``reused`` came from the cache,
or with an equal call. ``redraws`` are a part of what was paid. ``lost`` are attempts without a usable answer that may
be billed all the same: at most so many tokens."""

_COLUMN_OF_SOURCE = {"endpoint": "calls", "cache": "cache_hits", "shared": "shared"}


class Ledger:
    """A listener of the LLM layers. ``earlier`` are the rows of sessions before this one, to go on from."""

    def __init__(
        self, earlier: Iterable[Mapping[str, Any]] = (), prices: Prices | None = None
    ) -> None:
        self.prices = prices or Prices()
        self.columns: dict[Place, Counter[str]] = {}
        self.cache_troubles: Counter[str] = Counter()
        self.session: Counter[str] = Counter()
        self.pauses: Counter[str] = Counter()
        self.errors: dict[str, Counter[str]] = {}  # by model: kinds of failed attempts
        self.retries: Counter[str] = Counter()  # by model, of this session
        self.flags: Counter[str] = Counter()
        for row in earlier:
            counts = {name: int(row.get(name) or 0) for name in COLUMNS}
            place = str(row.get("model")), str(row.get("stage")), int(row.get("iteration") or 0)
            self.columns[place] = Counter(counts)

    def __call__(self, event: object) -> None:
        match event:
            case Answered():
                self._answered(event)
            case Retried(model, stage, error, _, iteration):
                self._counts((model, stage, iteration))["retries"] += 1
                self.session["retries"] += 1
                self.retries[model] += 1
                self.errors.setdefault(model, Counter())[error] += 1
            case CallFailed(model, stage, error):
                self.errors.setdefault(model, Counter())[error] += 1
            case PerhapsBilled(model, stage, iteration, given, made):
                counts = self._counts((model, stage, iteration))
                counts["lost_calls"] += 1
                counts["lost_input_tokens"] += given
                counts["lost_output_tokens"] += made
            case Paused(model):
                self.pauses[model] += 1
                self.session["pauses"] += 1
            case CacheTrouble(reason):
                self.cache_troubles[reason] += 1

    def rows(self) -> list[dict[str, Any]]:
        """One row for each model, stage and iteration, cumulative over all sessions.

        ``cost`` is in dollars, None where the price is not known.
        """
        return [
            {
                "model": model,
                "stage": stage,
                "iteration": iteration,
                **{name: counts[name] for name in COLUMNS},
                "cost": _dollars(self.prices.of(model), counts),
            }
            for (model, stage, iteration), counts in sorted(self.columns.items())
        ]

    def _answered(self, event: Answered) -> None:
        if event.flags:
            self.flags.update(event.flags)
        counts = self._counts((event.model, event.stage, event.iteration))
        session, usage = self.session, event.usage
        column = _COLUMN_OF_SOURCE[event.source]
        counts[column] += 1
        session[column] += 1
        given, made = usage.input_tokens or 0, usage.output_tokens or 0
        if event.source != "endpoint":
            counts["reused_input_tokens"] += given
            counts["reused_output_tokens"] += made
            return
        counts["input_tokens"] += given
        session["input_tokens"] += given
        counts["output_tokens"] += made
        session["output_tokens"] += made
        if usage.cached_input_tokens:
            counts["cached_input_tokens"] += usage.cached_input_tokens
            session["cached_input_tokens"] += usage.cached_input_tokens
        if usage.input_tokens is None or usage.output_tokens is None:
            counts["uncounted"] += 1
        if event.attempt:
            counts["redraws"] += 1
            counts["redraw_input_tokens"] += given
            counts["redraw_output_tokens"] += made

    def _counts(self, place: Place) -> Counter[str]:
        counts = self.columns.get(place)
        if counts is None:
            counts = self.columns[place] = Counter()
        return counts


def picodollars_paid(price: Price, counts: Mapping[str, int]) -> int:
    """What the answers of a row cost; input from the provider's prompt cache at its own price."""
    return price.picodollars(
        counts["input_tokens"], counts["output_tokens"], counts["cached_input_tokens"]
    )


def _dollars(price: Price | None, counts: Mapping[str, int]) -> float | None:
    return None if price is None else picodollars_paid(price, counts) / PICODOLLARS
