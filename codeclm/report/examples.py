"""Rows as the browser of examples takes them: plain data, each text as long as a page bears."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from codeclm.report.costs import Tariff
from codeclm.report.lineage import Call, Lineage, Round
from codeclm.report.reading import Reading
from codeclm.report.words import count, decision, money

__all__ = ["brief", "cost_words", "details", "searchable"]

LONGEST = 20_000
BRIEF = 240


def brief(lineage: Lineage) -> dict[str, Any]:
    """A line of the list."""
    return {
        "id": lineage.id,
        "fate": lineage.fate,
        "instruction": lineage.instruction[:BRIEF] or f"({lineage.stage or 'nothing'})",
        "iteration": lineage.iteration,
        "gap": lineage.gap,
        "responder": lineage.responder,
        "use_case": lineage.use_case[:BRIEF],
        "skills": [skill[:BRIEF] for skill in lineage.skills[:20]],
        "reason": lineage.reason[:BRIEF],
    }


def details(reading: Reading, numbers: Iterable[int]) -> list[dict[str, Any]]:
    """The whole lineages of these rows, as far as they are still there, with the texts of their seeds where known."""
    found = [one for number in numbers if (one := reading.lineage(number)) is not None]
    seeds = reading.seeds.find({one.seed_id for one in found if one.seed_id is not None})
    tariff = Tariff(reading.archive.settings, reading.archive.summary)
    theta = reading.figures.theta
    return [_detail(one, seeds.get(one.seed_id or ""), theta, tariff) for one in found]


def _detail(lineage: Lineage, seed: str | None, theta: float, tariff: Tariff) -> dict[str, Any]:
    return {
        **brief(lineage),
        "use_case": _cut(lineage.use_case),
        "reason": _cut(lineage.reason),
        "seed_id": lineage.seed_id,
        "seed": None if seed is None else _cut(seed),
        "stage": lineage.stage,
        "raw": _cut(lineage.raw),
        "response": None if lineage.response is None else _cut(lineage.response),
        "rounds": [_round(one, theta) for one in lineage.rounds],
        "calls": None if lineage.calls is None else [_call(one, tariff) for one in lineage.calls],
        "cost": cost_words(lineage, tariff),
    }


def cost_words(lineage: Lineage, tariff: Tariff) -> str:
    """The calls, tokens and money that went into it, in one line."""
    if lineage.calls is None:
        return "this run kept no account of calls by example"
    asked = sum(call.input_tokens or 0 for call in lineage.calls)
    said = sum(call.output_tokens or 0 for call in lineage.calls)
    costs = [tariff.cost(call) for call in lineage.calls]
    known = [one for one in costs if one is not None]
    priced = f", {money(sum(known))}" if known and len(known) == len(costs) else ""
    return (
        f"{len(lineage.calls)} calls, {count(asked)} input and {count(said)} output tokens{priced}"
    )


def searchable(lineage: Lineage) -> str:
    """All texts in which one would look for it."""
    texts = [lineage.id, lineage.use_case, *lineage.skills, lineage.reason, lineage.raw]
    texts += [lineage.seed_id or "", lineage.response or "", lineage.stage]
    for one in lineage.rounds:
        texts += [one.instruction, one.action or "", one.strong or "", one.target or ""]
    return "\n".join(texts).casefold()


def _round(one: Round, theta: float) -> dict[str, Any]:
    return {
        "number": one.number,
        "instruction": _cut(one.instruction),
        "action": None if one.action is None else _cut(one.action),
        "strong": None if one.strong is None else _cut(one.strong),
        "target": None if one.target is None else _cut(one.target),
        "strong_scores": one.strong_scores[:10],
        "target_scores": one.target_scores[:10],
        "words": decision(one.gap, theta),
    }


def _call(call: Call, tariff: Tariff) -> list[Any]:
    cost = tariff.cost(call)
    return [
        call.stage,
        call.model,
        call.iteration,
        call.input_tokens,
        call.output_tokens,
        None if cost is None else money(cost),
    ]


def _cut(text: str) -> str:
    if len(text) <= LONGEST:
        return text
    return f"{text[:LONGEST]}\n… ({len(text) - LONGEST:,} more characters)"
