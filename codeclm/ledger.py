"""Counts calls: by model and stage, what was paid, what the cache gave, tokens and retries."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Any

from codeclm.llm.events import Answered, CacheTrouble, CallFailed, Paused, Retried

__all__ = ["Ledger"]

_COLUMNS = ("calls", "cache_hits", "shared", "retries", "input_tokens", "output_tokens")
_COLUMN_OF_SOURCE = {"endpoint": "calls", "cache": "cache_hits", "shared": "shared"}


class Ledger:
    """A listener of the LLM layers. ``earlier`` are the rows of sessions before this one, to go on from."""

    def __init__(self, earlier: Iterable[Mapping[str, Any]] = ()) -> None:
        self._columns: dict[tuple[str, str], Counter[str]] = {}
        self.cache_troubles: Counter[str] = Counter()
        self.session: Counter[str] = Counter()
        self.pauses: Counter[str] = Counter()
        self.errors: dict[str, Counter[str]] = {}  # by model: kinds of failed attempts
        self.retries: Counter[str] = Counter()  # by model, of this session
        self.flags: Counter[str] = Counter()
        for row in earlier:
            counts = {name: int(row.get(name) or 0) for name in _COLUMNS}
            self._columns[str(row.get("model")), str(row.get("stage"))] = Counter(counts)

    def __call__(self, event: object) -> None:
        match event:
            case Answered():
                self._answered(event)
            case Retried(model, stage, error):
                self._counts(model, stage)["retries"] += 1
                self.session["retries"] += 1
                self.retries[model] += 1
                self.errors.setdefault(model, Counter())[error] += 1
            case CallFailed(model, stage, error):
                self.errors.setdefault(model, Counter())[error] += 1
            case Paused(model):
                self.pauses[model] += 1
                self.session["pauses"] += 1
            case CacheTrouble(reason):
                self.cache_troubles[reason] += 1

    def rows(self) -> list[dict[str, Any]]:
        """One row for each model and stage, cumulative over all sessions. Tokens are those paid for."""
        return [
            {"model": model, "stage": stage, **{name: counts[name] for name in _COLUMNS}}
            for (model, stage), counts in sorted(self._columns.items())
        ]

    def _answered(self, event: Answered) -> None:
        if event.flags:
            self.flags.update(event.flags)
        counts, session = self._counts(event.model, event.stage), self.session
        column = _COLUMN_OF_SOURCE[event.source]
        counts[column] += 1
        session[column] += 1
        if event.source == "endpoint":
            usage = event.usage
            for name, tokens in (
                ("input_tokens", usage.input_tokens or 0),
                ("output_tokens", usage.output_tokens or 0),
            ):
                counts[name] += tokens
                session[name] += tokens

    def _counts(self, model: str, stage: str) -> Counter[str]:
        counts = self._columns.get((model, stage))
        if counts is None:
            counts = self._columns[model, stage] = Counter()
        return counts
