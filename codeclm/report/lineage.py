"""What became of one seed, unit or instruction, read from its row however old the program that wrote it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

__all__ = ["Call", "Lineage", "Round", "lineage_of"]


@dataclass(frozen=True, slots=True)
class Call:
    """An answer that went into an instruction, paid or from the cache. Tokens are None where nobody counted them."""

    stage: str
    model: str
    iteration: int
    input_tokens: int | None
    output_tokens: int | None


@dataclass(frozen=True, slots=True)
class Round:
    """An iteration: the instruction, the action that made it, both responses, the scores from both orders.

    Responses are None where they are not on record, scores empty where nothing was judged.
    """

    number: int
    instruction: str
    action: str | None = None
    strong: str | None = None
    target: str | None = None
    strong_scores: tuple[float, ...] = ()
    target_scores: tuple[float, ...] = ()
    gap: float | None = None


@dataclass(frozen=True, slots=True)
class Lineage:
    """All of a row. ``fate`` is the file it stands in; ``calls`` is None where the run kept no account of them."""

    id: str
    fate: str
    rounds: tuple[Round, ...] = ()
    response: str | None = None
    responder: str = ""
    reason: str = ""
    stage: str = ""
    raw: str = ""
    use_case: str = ""
    skills: tuple[str, ...] = ()
    seed_id: str | None = None
    calls: tuple[Call, ...] | None = None

    @property
    def instruction(self) -> str:
        """The instruction as it was in the end; empty for a seed or a unit."""
        return self.rounds[-1].instruction if self.rounds else ""

    @property
    def iteration(self) -> int:
        """How often it was compared, or was to be; 0 for a seed or a unit."""
        return self.rounds[-1].number if self.rounds else 0

    @property
    def gap(self) -> float | None:
        """The gap of the last comparison."""
        return self.rounds[-1].gap if self.rounds else None


def lineage_of(fate: str, row: Mapping[str, Any]) -> Lineage:
    """The row of ``fate`` (selected, discarded or failed); what makes no sense in it is left out."""
    seed_id = row.get("seed_id")
    return Lineage(
        id=_text(row.get("id")),
        fate=fate,
        rounds=_rounds(row),
        response=_optional(row.get("response")),
        responder=_text(row.get("responder")),
        reason=_text(row.get("reason")),
        stage=_text(row.get("stage")),
        raw=_text(row.get("raw")),
        use_case=_text(row.get("use_case")),
        skills=tuple(one for one in _list(row.get("skills")) if isinstance(one, str)),
        seed_id=None if seed_id is None else str(seed_id),
        calls=_calls(row["calls"]) if isinstance(row.get("calls"), list) else None,
    )


def _rounds(row: Mapping[str, Any]) -> tuple[Round, ...]:
    if "instruction" not in row:
        return ()
    earlier = [one for one in _list(row.get("history")) if isinstance(one, Mapping)]
    actions = [_text(one) for one in _list(row.get("actions"))]
    rounds = [_round(number, one, actions) for number, one in enumerate(earlier, 1)]
    iteration = row.get("iteration")
    last = iteration if type(iteration) is int and iteration > len(rounds) else len(rounds) + 1
    return (*rounds, _round(last, row, actions))


def _round(number: int, row: Mapping[str, Any], actions: list[str]) -> Round:
    scores = row.get("scores")
    scores = scores if isinstance(scores, Mapping) else {}
    place = number - 2  # the basic instruction is iteration 1, and no action made it
    return Round(
        number=number,
        instruction=_text(row.get("instruction")),
        action=actions[place] if 0 <= place < len(actions) else None,
        strong=_optional(row.get("strong_response")),
        target=_optional(row.get("target_response")),
        strong_scores=_numbers(scores.get("strong")),
        target_scores=_numbers(scores.get("target")),
        gap=next(iter(_numbers([row.get("gap")])), None),
    )


def _calls(rows: Iterable[object]) -> tuple[Call, ...]:
    calls = [row for row in rows if isinstance(row, list) and len(row) >= 5]
    return tuple(
        Call(_text(stage), _text(model), _count(iteration) or 0, _count(asked), _count(said))
        for stage, model, iteration, asked, said, *_ in calls
    )


def _count(value: object) -> int | None:
    return value if type(value) is int and value >= 0 else None


def _numbers(values: object) -> tuple[float, ...]:
    return tuple(
        float(one) for one in _list(values) if type(one) in (int, float) and abs(one) < 1e9
    )


def _list(value: object) -> list[Any]:
    return value if isinstance(value, list) else []


def _optional(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else "" if value is None else str(value)
