"""Rows of a new selection, in the form in which a run writes them."""

from __future__ import annotations

from typing import Any

from codeclm.judgements import Judgement
from codeclm.rethreshold.decision import Decision, Subject

__all__ = ["decided_row"]

_FRONT = ("id", "instruction")
_FATE = ("response", "responder", "reason", "stage", "raw")


def decided_row(subject: Subject, decision: Decision) -> dict[str, Any]:
    """The row of ``subject`` with its new fate."""
    row = subject.row
    if decision.taken is not None:
        as_it_was = subject.last == "selected" and decision.taken is subject.comparisons[-1]
        return row if as_it_was else _example(row, decision.taken)
    if decision.fate == subject.last and decision.reason == (row.get("reason") or ""):
        return row
    return {**{name: row[name] for name in _FRONT}, "reason": decision.reason, **_rest(row)}


def _example(row: dict[str, Any], taken: Judgement) -> dict[str, Any]:
    assert taken.responses is not None
    rest = _rest(row)
    calls = rest.get("calls")
    if isinstance(calls, list):  # [stage, model, iteration, ...]: what came later had no part in it
        rest["calls"] = [call for call in calls if call[2] <= taken.iteration]
    return {
        "id": row["id"],
        "instruction": taken.instruction,
        "response": taken.responses[taken.winner],
        "responder": taken.winner,
        **rest,
        "iteration": taken.iteration,
        "gap": taken.gap,
        "scores": taken.scores,
        "actions": row["actions"][: taken.iteration - 1],
        "strong_response": taken.responses["strong"],
        "target_response": taken.responses["target"],
        "target_cut_off": taken.target_cut_off,
        "target_refused": taken.target_refused,
        "history": row["history"][: taken.iteration - 1],
    }


def _rest(row: dict[str, Any]) -> dict[str, Any]:
    """What neither comes first nor tells of the fate."""
    return {name: value for name, value in row.items() if name not in {*_FRONT, *_FATE}}
