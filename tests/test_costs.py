"""What a run has cost, and what for: sums of a ledger and of rows, and unknown where a price is."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeclm.console import execute
from codeclm.costs import cost_of, paid_of, price_in_rows
from codeclm.ledger import Ledger
from codeclm.llm.chat import Usage
from codeclm.llm.events import Answered, PerhapsBilled
from codeclm.prices import Price, Prices
from codeclm.progress import NoView
from codeclm.run import Order
from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.running import check_books, seeds, settings_for

pytestmark = pytest.mark.anyio

A, B = "openai:a@http://127.0.0.1:1/v1", "openai:b@http://127.0.0.1:1/v1"
PRICES = Prices({"a": Price(1, 10, 0.1), "b": Price(2, 20)})


def answered(model: str, stage: str, source: str, usage: Usage, attempt: int = 0) -> Answered:
    iteration = 1 if stage in {"respond", "judge"} else 0
    return Answered(model, stage, source, usage, 0.1, (), "x", iteration, attempt, "k")


def ledger_of(*events: object, prices: Prices = PRICES) -> Ledger:
    ledger = Ledger(prices=prices)
    for event in events:
        ledger(event)
    return ledger


EVENTS = (
    answered(A, "decode", "endpoint", Usage(1000, 100)),
    answered(A, "decode", "endpoint", Usage(1000, 50), attempt=1),
    answered(A, "judge", "endpoint", Usage(1000, 10, 400)),
    answered(B, "respond", "endpoint", Usage(100, 100)),
    answered(B, "respond", "cache", Usage(100, 300)),
    PerhapsBilled(A, "judge", 1, 1000, 100),
)
SPENT = {("selected", "openai:a"): [1000, 10], ("discarded", "openai:b"): [100, 100]}


def test_each_part_is_what_it_says() -> None:
    """Paid with the prompt cache's discount, the fates at full price, repeated draws and failed attempts apart."""
    cost = cost_of(ledger_of(*EVENTS), SPENT, selected=2)
    million = 1e6
    assert cost["paid"] == pytest.approx((2600 + 40 + 10 * 160 + 200 + 2000) / million)
    assert cost["per_selected"] == cost["paid"] / 2
    assert {fate: amount * million for fate, amount in cost["by_fate"].items()} == pytest.approx(
        {
            "selected": 1000 + 100,
            "discarded": 200 + 2000,
            "failed": 0,
            "preparation": 1000 + 1000,
            "redrawn": 1000 + 500,
            "retried": 1000 + 1000,
        }
    )
    assert cost["saved"]["by_prompt_cache"] == pytest.approx(400 * 0.9 / million)
    assert cost["saved"]["by_cache"] == pytest.approx((200 + 6000) / million)
    assert paid_of(ledger_of(*EVENTS, prices=PRICES)) == cost["paid"]
    assert (cost["currency"], cost["unpriced"], cost["prices_as_of"]) == ("USD", [], None)


def test_an_unknown_price_makes_amounts_unknown_and_no_others() -> None:
    """Never zero, never guessed; an answer of which nothing was counted is no answer for nothing either."""
    prices = Prices({"a": Price(1, 10)})
    ledger = ledger_of(*EVENTS, prices=prices)
    cost = cost_of(ledger, SPENT, selected=2)
    assert cost["unpriced"] == [B]
    assert cost["paid"] is cost["per_selected"] is cost["by_fate"]["discarded"] is None
    assert paid_of(ledger) is None
    assert cost["by_fate"]["selected"] > 0
    assert {row["cost"] is None for row in ledger.rows() if row["model"] == B} == {True}
    uncounted = ledger_of(answered(B, "judge", "endpoint", Usage()), prices=prices)
    assert cost_of(uncounted, {}, 0)["paid"] is None
    assert (
        cost_of(ledger_of(answered(A, "judge", "endpoint", Usage())), {}, 0)["uncounted_calls"] == 1
    )


def test_a_name_in_rows_has_a_price_where_there_is_no_doubt() -> None:
    """Rows name models without the URL of their server; two servers may have two prices."""
    assert price_in_rows(PRICES, [A, B], "openai:a") == Price(1, 10, 0.1)
    twice = Prices({A: Price(1, 1), "openai:a@http://127.0.0.1:2/v1": Price(2, 2)})
    assert price_in_rows(twice, [A], "openai:a") == Price(1, 1)
    assert price_in_rows(twice, [A, "openai:a@http://127.0.0.1:2/v1"], "openai:a") is None
    assert price_in_rows(PRICES, [], "openai:a") is None


def test_books_of_earlier_versions_go_on() -> None:
    """Their rows knew no iteration and no money."""
    row = {
        "model": A,
        "stage": "judge",
        "calls": 3,
        "cache_hits": 1,
        "input_tokens": 30,
        "output_tokens": 3,
    }
    [told] = Ledger([row], PRICES).rows()
    assert {**row, "iteration": 0} == {name: told[name] for name in (*row, "iteration")}
    assert told["cost"] == pytest.approx(60e-6)
    assert [Ledger([told], PRICES).rows()] == [[told]]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({}, ["cost: $0.", " for each selected example", " less by the provider's prompt cache"]),
        (
            {"prices": {}},
            [
                "cost: unknown, as no price is known of openai:sim-strong@",
                "(and 1 more)",
                "prices: {",
            ],
        ),
    ],
)
async def test_the_last_words_tell_the_cost(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], given: dict[str, Any], words: list[str]
) -> None:
    """And what one selected example cost; or how to say what a model costs."""
    async with SimulatorServer(World(), ServerOptions(prompt_cache=True)) as server:
        settings = settings_for(server.base_url, method={"total": 12, "augment_to": 0}, **given)
        assert await execute(Order(seeds(4), settings, tmp_path), NoView()) in {0, 3}
    [line] = [line for line in capsys.readouterr().out.splitlines() if line.startswith("cost: ")]
    assert all(word in line for word in words), line
    check_books(tmp_path)
