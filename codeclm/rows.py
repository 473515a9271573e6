"""Outcomes as rows: what a line of selected.jsonl, discarded.jsonl and failed.jsonl holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from codeclm.engine.stage import Failed
from codeclm.methods.entries import Pair, entry_of
from codeclm.records import (
    Again,
    Comparison,
    Draft,
    Dropped,
    Entry,
    Example,
    Rejection,
    Seed,
    Unit,
    Verdict,
    draft_of,
)

__all__ = ["Row", "declined_row", "dropped_row", "example_row", "failure_row", "rejection_row"]

Row = dict[str, Any]


def example_row(example: Example) -> Row:
    """A selected pair; ``gap`` and ``scores`` are None where nothing was filtered."""
    comparison = example.comparison
    response = comparison.strong if example.responder == "strong" else comparison.target
    return {
        "id": comparison.draft.id,
        "instruction": comparison.draft.instruction,
        "response": response,
        "responder": example.responder,
        **({} if example.rating is None else {"rating": example.rating}),
        **_lineage(comparison, example.verdict),
    }


def rejection_row(rejection: Rejection) -> Row:
    """A discarded instruction, with its reason."""
    comparison = rejection.verdict.comparison
    return {
        "id": comparison.draft.id,
        "instruction": comparison.draft.instruction,
        "reason": rejection.reason,
        **_lineage(comparison, rejection.verdict),
    }


def failure_row(failed: Failed) -> Row:
    """An item that a stage could not finish: an entry, a unit of work or an instruction."""
    entry, identity, draft = _failed_item(failed.item)
    row: Row = {
        "id": identity,
        "stage": failed.stage,
        "reason": f"{type(failed.error).__name__}: {failed.error}",
        "raw": failed.error.raw,
        "seed_id": entry.seed_id,
    }
    if draft is not None:
        row |= {
            "instruction": draft.instruction,
            "use_case": entry.metadata.use_case,
            "skills": entry.metadata.skills,
            "iteration": draft.iteration,
            "actions": draft.actions,
            "history": _history(_sent_round(failed.item)),
        }
    return row


def declined_row(failed: Failed) -> Row:
    """An instruction that an endpoint filtered, or a model refused: discarded for that, and no failure."""
    entry, identity, draft = _failed_item(failed.item)
    assert draft is not None
    return {
        "id": identity,
        "instruction": draft.instruction,
        "reason": f"{type(failed.error).__name__.lower()}: {failed.error}",
        "stage": failed.stage,
        "use_case": entry.metadata.use_case,
        "skills": entry.metadata.skills,
        "iteration": draft.iteration,
        "seed_id": entry.seed_id,
        "actions": draft.actions,
        "raw": failed.error.raw,
        "history": _history(_sent_round(failed.item)),
    }


def dropped_row(dropped: Dropped) -> Row:
    """An instruction that nothing more was paid for: a repeat, an overlap, or what its method has no use for."""
    draft = dropped.draft
    return {
        "id": draft.id,
        "instruction": draft.instruction,
        "reason": dropped.reason,
        **dropped.details,
        "use_case": draft.entry.metadata.use_case,
        "skills": draft.entry.metadata.skills,
        "iteration": draft.iteration,
        "seed_id": draft.entry.seed_id,
        "actions": draft.actions,
        "history": _history(draft.previous),
    }


def _lineage(comparison: Comparison, verdict: Verdict | None) -> Row:
    draft = comparison.draft
    return {
        "use_case": draft.entry.metadata.use_case,
        "skills": draft.entry.metadata.skills,
        "iteration": draft.iteration,
        "gap": verdict and verdict.gap,
        "scores": verdict and _scores(verdict),
        "seed_id": draft.entry.seed_id,
        "actions": draft.actions,
        "strong_response": comparison.strong,
        "target_response": comparison.target,
        "target_cut_off": comparison.target_cut_off,
        "target_refused": comparison.target_refused,
        "history": _history(draft.previous),
    }


def _history(latest: Verdict | None) -> list[Row]:
    """The comparisons that sent an instruction round again, up to ``latest``; the first comes first.

    They hold both responses: paid for, and at another theta one of them may be the pair to train on.
    """
    return [
        {
            "instruction": earlier.comparison.draft.instruction,
            "gap": earlier.gap,
            "scores": _scores(earlier),
            "strong_response": earlier.comparison.strong,
            "target_response": earlier.comparison.target,
            "target_cut_off": earlier.comparison.target_cut_off,
            "target_refused": earlier.comparison.target_refused,
        }
        for earlier in reversed([*_back_from(latest)])
    ]


def _scores(verdict: Verdict) -> Row:
    return {"strong": verdict.strong_scores, "target": verdict.target_scores}


def _back_from(verdict: Verdict | None) -> Iterator[Verdict]:
    while verdict is not None:
        yield verdict
        verdict = verdict.comparison.draft.previous


def _sent_round(item: object) -> Verdict | None:
    """The last verdict on an instruction that failed: what was to be improved has it beside its draft."""
    if isinstance(item, Again):
        return item.verdict
    draft = _failed_item(item)[2]
    return draft.previous if draft else None


def _failed_item(item: object) -> tuple[Entry, str, Draft | None]:
    match item:
        case Seed():
            entry = entry_of(item)
            return entry, entry.id, None
        case Pair(entry):
            return entry, entry.id, None
        case Unit():
            return item.entry, item.id, None
    draft = draft_of(item)
    if draft is None:
        raise TypeError(f"a {type(item).__name__} has no row")
    return draft.entry, draft.id, draft
