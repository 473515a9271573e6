"""The answers that went into each item, held until its row is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from codeclm.engine.events import StepFinished
from codeclm.llm.events import Answered
from codeclm.llm.names import without_url
from codeclm.methods.entries import Pair, entry_of
from codeclm.records import Seed, Unit
from codeclm.rows import Row

__all__ = ["Receipt", "Receipts"]

_OF_NO_ITEM = frozenset({"preflight", "rubrics"})
"""Rubrics are asked for by whichever instruction needs them first: they are nobody's in particular."""

_STEPS = (
    *("encode", "pairs", "decode", "generate"),
    *("complicate", "breadth", "evolve", "same", "improve", "respond", "judge", "rate"),
)
"""In the order in which an item goes through them."""


class Receipt(NamedTuple):
    """One answer. Tokens are None where the endpoint did not say. ``model`` is without the URL of its server: that may
    change from one run to the next, and a row is the same."""

    stage: str
    model: str
    iteration: int
    input_tokens: int | None
    output_tokens: int | None
    attempt: int


class Receipts:
    """A listener of the LLM layers and an observer of the engine.

    An answer counts for each item that it went into, paid or not, and once however often it was asked for: so what is
    told of an item follows from what is in the cache, and not from how often the run was interrupted.
    """

    wants = (StepFinished,)

    def __init__(self) -> None:
        self._held: dict[str, dict[tuple[str, int], Receipt]] = {}
        self._names: dict[str, str] = {}

    def __len__(self) -> int:
        """How many items are held."""
        return len(self._held)

    def __call__(self, event: object) -> None:
        if type(event) is Answered:
            if event.item and event.stage not in _OF_NO_ITEM:
                self._take_in(event)
        elif type(event) is StepFinished and type(event.item) in _PREPARING:
            self._held.pop(_PREPARING[type(event.item)](event.item), None)

    def columns(self, identity: str) -> Row:
        """``calls`` of the row of this item, and ``redraws``, those of them that repeat a draw, if there are any."""
        held = sorted(self._held.pop(identity, {}).values(), key=_order)
        redraws = [list(one[:-1]) for one in held if one.attempt]
        calls: Row = {"calls": [list(one[:-1]) for one in held]}
        return {**calls, "redraws": redraws} if redraws else calls

    def _take_in(self, event: Answered) -> None:
        held = self._held.get(event.item)
        if held is None:
            held = self._held[event.item] = {}
        name = self._names.get(event.model)
        if name is None:
            name = self._names[event.model] = without_url(event.model)
        held[event.key, event.iteration] = Receipt(
            event.stage,
            name,
            event.iteration,
            event.usage.input_tokens,
            event.usage.output_tokens,
            event.attempt,
        )


# What comes of these has ids of its own: when they are done no row will be theirs.
_PREPARING: dict[type, Callable[[Any], str]] = {
    Seed: lambda seed: entry_of(seed).id,
    Pair: lambda pair: pair.entry.id,
    Unit: lambda unit: unit.id,
}


def _order(one: Receipt) -> tuple[int, int, str, int, int, int]:
    step = _STEPS.index(one.stage) if one.stage in _STEPS else len(_STEPS)
    tokens = (one.input_tokens or 0, one.output_tokens or 0)
    return (one.iteration, step, one.model, one.attempt, *tokens)
