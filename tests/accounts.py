"""Whether the money and the tokens of a run add up: its summary against its own files."""

from __future__ import annotations

import json
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from codeclm.ledger import COLUMNS
from codeclm.llm.names import without_url
from codeclm.prices import Price, Prices
from codeclm.sink import INSTRUCTION_STAGES

Tokens = dict[str, int]
SIM_PRICES = {
    "sim-strong": {"input": 2.5, "cached_input": 0.25, "output": 10},
    "sim-target": {"input": 0.15, "output": 0.6},
    "sim-judge": {"input": 1, "output": 4},
}
"""Of the simulated models, so that every run of a test has a cost."""


def prices_in(directory: Path) -> Prices:
    """The prices that the run was last given."""
    stored = json.loads((directory / "settings.json").read_bytes())["settings"]
    return Prices({name: Price(**one) for name, one in stored.get("prices", {}).items()})


def check_money(directory: Path, summary: dict[str, Any], *, some_in_vain: bool = False) -> None:
    """What is said to be paid is the sum of its rows, and each fate costs what its rows say.

    ``some_in_vain``: some was paid for what is in no row, as where the cache was lost on the way, or where a second try
    of what had failed changed what there is to be made.
    """
    prices, cost = prices_in(directory), summary["cost"]
    for row in summary["calls"]:
        assert {"model", "stage", "iteration", "cost", *COLUMNS} == {*row}
        price = prices.of(row["model"])
        assert row["cost"] == (price and pytest.approx(_paid(price, row)))
        assert row["cached_input_tokens"] <= row["input_tokens"]
        assert row["redraws"] <= row["calls"] >= row["uncounted"]
    models = {row["model"] for row in summary["calls"] if prices.of(row["model"]) is None}
    assert models <= {*cost["unpriced"]}
    if cost["unpriced"]:
        return
    assert cost["paid"] == pytest.approx(sum(row["cost"] for row in summary["calls"]))
    selected = summary["counts"]["selected"]
    assert cost["per_selected"] == (pytest.approx(cost["paid"] / selected) if selected else None)
    redrawn = 0.0
    for fate in ("selected", "discarded", "failed"):
        once, again = _of_rows(directory, fate, prices)
        assert cost["by_fate"][fate] == pytest.approx(once), fate
        redrawn += again
    assert cost["by_fate"]["redrawn"] >= redrawn - 1e-9
    assert all(amount >= 0 for amount in [*cost["by_fate"].values(), *cost["saved"].values()])
    # What was begun and needed no more is in no row, nor what a session before this one began beyond that.
    beyond = summary["counts"]["pending"] or (summary["selection"] and summary["sessions"] > 1)
    in_rows = summary["state"] == "complete" and not beyond
    if in_rows and not summary["cache_troubles"] and not some_in_vain:
        _check_sums(directory, summary)


def _check_sums(directory: Path, summary: dict[str, Any]) -> None:
    """Every paid answer is in a row, and of one session also the reverse: what is in a row was paid, or reused."""
    cost = summary["cost"]
    given = sum(cost["by_fate"].values()) - cost["by_fate"]["retried"]
    at_full_price = cost["paid"] + cost["saved"]["by_prompt_cache"]
    assert given >= at_full_price - 1e-9
    if summary["sessions"] == 1:
        assert given <= at_full_price + cost["saved"]["by_cache"] + 1e-9
    in_rows = tokens_in_rows(directory)
    for row in summary["calls"]:
        if row["stage"] in INSTRUCTION_STAGES:
            name = without_url(row["model"])
            held = in_rows.pop((row["stage"], name, row["iteration"]), {})
            for kind in ("input_tokens", "output_tokens"):
                assert held.get(kind, 0) >= row[kind], row
                if summary["sessions"] == 1:
                    assert held.get(kind, 0) <= row[kind] + row[f"reused_{kind}"], row
    assert not in_rows or summary["sessions"] > 1


def tokens_in_rows(directory: Path) -> dict[tuple[str, str, int], Tokens]:
    """By stage, model and iteration: the tokens that the rows of instructions hold."""
    sums: defaultdict[tuple[str, str, int], Tokens] = defaultdict(
        lambda: {"input_tokens": 0, "output_tokens": 0}
    )
    for fate in ("selected", "discarded", "failed"):
        for row in _rows(directory, fate):
            for stage, model, iteration, given, made in row["calls"]:
                sums[stage, model, iteration]["input_tokens"] += given or 0
                sums[stage, model, iteration]["output_tokens"] += made or 0
    return dict(sums)


def _of_rows(directory: Path, fate: str, prices: Prices) -> tuple[float, float]:
    """What went into the instructions of ``fate``: first draws, and repeated ones."""
    sums = {"calls": 0.0, "redraws": 0.0}
    for row in _rows(directory, fate):
        for column in sums:
            for _, model, _, given, made in row.get(column, ()):
                price = prices.of(model)
                assert price is not None
                sums[column] += price.picodollars(given or 0, made or 0) / 1e12
    return sums["calls"] - sums["redraws"], sums["redraws"]


def _rows(directory: Path, fate: str) -> list[dict[str, Any]]:
    lines = (directory / f"{fate}.jsonl").read_bytes().splitlines()
    rows = {row["id"]: row for row in map(json.loads, reversed(lines))}  # the first of an id counts
    return [row for row in rows.values() if fate != "failed" or "instruction" in row]


def _paid(price: Price, row: dict[str, Any]) -> float:
    tokens = row["input_tokens"], row["output_tokens"], row["cached_input_tokens"]
    return price.picodollars(*tokens) / 1e12
