"""What models cost: looked up by their very name, never guessed."""

from __future__ import annotations

import datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import UsageError
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.money import PICODOLLARS, dollars
from codeclm.prices import Price, Prices, _table
from codeclm.settings_file import load_settings

OWN = {
    "house": Price(1, 2),
    "openai:house": Price(3, 4),
    "openai:house@http://127.0.0.1:8000/v1": Price(0, 0),
}


@pytest.mark.parametrize(
    ("model", "output"),
    [
        ("openai:gpt-4o-mini", 0.6),
        ("openai:gpt-4o-mini-2024-07-18", 0.6),
        ("openai:gpt-4o-2024-08-06", 10),
        ("openai:gpt-4o-2024-05-13", 15),  # a snapshot with a price of its own
        ("anthropic:claude-haiku-4-5-20251001", 5),
        ("groq:openai/gpt-oss-120b", 0.6),
        ("openai:gpt-4o-mini-2024", None),
        ("openai:gpt-4o-mini-2024-07-18-x", None),
        ("openai:gpt-4o-minimal", None),
        ("openai:GPT-4o-mini", None),
        ("openai:gpt-4o-mini@http://127.0.0.1:8000/v1", None),
        ("openai:gpt-4o-mini@https://proxy.example.com/v1", None),
        ("azure:gpt-4o-mini@https://mine.openai.azure.com/openai/v1", None),
        ("openrouter:openai/gpt-4o-mini", None),
        ("ollama:llama-3.1-8b-instant", None),
        ("litellm:gpt-4o-mini", None),
        ("mistral:mistral-small-latest", None),
        ("no such provider", None),
    ],
)
def test_the_table_knows_names_and_dated_snapshots_and_nothing_else(
    model: str, output: float | None
) -> None:
    """A name that is only near, a deployment, a gateway or a server of one's own has no known price."""
    price = Prices().of(model)
    assert (price and price.output) == output


@pytest.mark.parametrize(
    ("model", "price"),
    [
        ("openai:house", Price(3, 4)),
        ("openai:house@http://127.0.0.1:8000/v1", Price(0, 0)),
        ("openai:house@http://127.0.0.1:9000/v1", Price(3, 4)),
        ("vllm:house", Price(1, 2)),
        ("vllm:other", None),
        ("house", Price(1, 2)),  # a model of the user's own, without a provider
    ],
)
def test_the_users_prices_come_first(model: str, price: Price | None) -> None:
    """Of several names of a model the one that says most counts; nothing is a price of zero."""
    assert Prices(OWN).of(model) == price


def test_the_table_is_sound() -> None:
    """Each price is of a provider with a home of its own, plausible and dated; input read from a cache is cheaper."""
    for provider, models in _table().items():
        assert PROVIDERS[provider].base_url
        assert not PROVIDERS[provider].is_local
        for model, price in models.items():
            assert Prices().of(f"{provider}:{model}") == price
            assert 0 < price.input <= price.output <= 200, model
            assert 0 < (price.cached_input or price.input) <= price.input, model
            assert datetime.date(2025, 1, 1) < datetime.date.fromisoformat(price.as_of)


def test_the_oldest_date_that_is_used_is_told() -> None:
    """Of the models in question, those with a price of the table's."""
    prices = Prices(OWN)
    assert prices.as_of(["openai:o3-mini", "openai:gpt-5-nano", "vllm:house"]) == "2026-05-31"
    assert prices.as_of(["vllm:house", "vllm:other"]) is None
    assert prices.unpriced(["vllm:other", "vllm:house", "vllm:other"]) == ["vllm:other"]


@given(st.integers(0, 10**9), st.integers(0, 10**9), st.data())
def test_amounts_are_exact(tokens: int, output: int, data: st.DataObject) -> None:
    """Sums are of whole picodollars; cached input is a part of the input, and the most is never less."""
    cached = data.draw(st.integers(0, tokens))
    price = Price(0.15, 0.6, 0.075)
    cost = price.picodollars(tokens, output, cached)
    assert cost == (tokens - cached) * 150_000 + cached * 75_000 + output * 600_000
    assert cost <= price.most_picodollars(tokens, output)
    assert (
        Price(2, 8).picodollars(tokens, output, cached) == tokens * 2_000_000 + output * 8_000_000
    )


def test_amounts_are_readable() -> None:
    """Small ones with more decimals."""
    assert [dollars(n * PICODOLLARS) for n in (0, 0.00314, 1.5, 1234.567)] == [
        "$0.00",
        "$0.0031",
        "$1.5000",
        "$1,234.57",
    ]


def test_settings_hold_prices_and_a_budget_that_do_not_decide() -> None:
    """They may change from one session to the next; what makes no sense is named."""
    given = {"prices": {"house": {"input": 1, "output": 2}}, "budget": {"max_cost": 20}}
    settings = load_settings(None, given)
    assert settings.prices["house"].output == 2
    assert settings.budget.limits_calls
    assert settings.decisive() == load_settings(None, {}).decisive()
    assert not load_settings(None, {"budget": {"max_hours": 1}}).budget.limits_calls
    for wrong, word in (
        ({"prices": {"a": {"input": -1, "output": 1}}}, "prices.a.input"),
        ({"prices": {"a": {"input": 1}}}, "prices.a.output"),
        ({"prices": {"a": {"input": 1, "output": 1, "ouput": 1}}}, "did you mean 'output'"),
        ({"budget": {"max_costs": 1}}, "did you mean 'max_cost'"),
        ({"budget": {"max_cost": float("inf")}}, "budget.max_cost"),
    ):
        with pytest.raises(UsageError, match=word):
            load_settings(None, wrong)
