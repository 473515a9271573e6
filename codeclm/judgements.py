"""The comparisons that a row records: each was paid for, the last one and those before it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from codeclm.records import Responder

__all__ = ["Judgement", "judgements"]


@dataclass(frozen=True, slots=True)
class Judgement:
    """Both responses to one instruction, as they were judged.

    ``responses`` is None where only the scores of an earlier iteration are on record, as in runs of older versions.
    """

    iteration: int
    instruction: str
    gap: float
    scores: Mapping[str, Any]
    responses: Mapping[Responder, str] | None
    target_cut_off: bool = False
    target_refused: bool = False

    @property
    def winner(self) -> Responder:
        """Whose response the judge rated higher; strong where it rated both alike."""
        return "target" if self.gap < 0 else "strong"

    @property
    def flaw(self) -> str:
        """Why nothing can be learnt from the winner's response, if it is on record; "" where something can."""
        if (
            self.winner == "strong"
        ):  # half an answer of it, or none, ends an instruction before it is judged
            return ""
        if self.target_cut_off:
            return "was cut off"
        if self.target_refused:
            return "is a refusal"
        return "is empty" if self.responses and not self.responses["target"].strip() else ""


def judgements(row: Mapping[str, Any]) -> list[Judgement]:
    """What was judged on the way of the instruction in ``row``, in order; none where nothing was."""
    earlier = row.get("history") or []
    found = [_judgement(one, number) for number, one in enumerate(earlier, 1)]
    if row.get("gap") is not None:
        found.append(_judgement(row, int(row["iteration"])))
    return found


def _judgement(record: Mapping[str, Any], iteration: int) -> Judgement:
    strong, target = record.get("strong_response"), record.get("target_response")
    responses: Mapping[Responder, str] | None = None
    if isinstance(strong, str) and isinstance(target, str):
        responses = {"strong": strong, "target": target}
    return Judgement(
        iteration,
        record["instruction"],
        float(record["gap"]),
        record["scores"],
        responses,
        bool(record.get("target_cut_off")),
        bool(record.get("target_refused")),
    )
