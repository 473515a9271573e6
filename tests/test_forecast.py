"""The forecast of a run: plain arithmetic, and what the run then really takes."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.forecast.calls import lines
from codeclm.forecast.forecast import Forecast, forecast
from codeclm.forecast.observed import observed
from codeclm.forecast.page import page
from codeclm.forecast.profile import Profile, Use
from codeclm.forecast.shares import Estimate, wilson
from codeclm.forecast.variants import Others
from codeclm.forecast.workload import Workload, workload
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.rounds import Round
from codeclm.pilot import Pilot
from codeclm.plan import Order, Plan, make_plan
from codeclm.progress import NoView
from codeclm.run import Stopper, run
from codeclm.seeds import SeedFile
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.simulator import SimulatorServer, World
from codeclm.sources import Source
from tests.running import check_books, seeds, settings_for

PRICES = {"sim-strong": {"input": 2, "output": 8}, "sim-target": {"input": 0.1, "output": 0.4}}


@pytest.fixture
def anyio_backend() -> tuple[str, dict[str, Any]]:
    """Whole runs, on the loop that the command has."""
    return "asyncio", {"use_uvloop": True}


def units_one_by_one(options: CodecLMOptions, entries: int) -> tuple[int, int, int]:
    """Units, what they ask for, what is taken: each entry of each round looked at by itself."""
    units = listed = taken = 0
    for increment in (
        after - before for before, after in zip((0, *options.goals), options.goals, strict=False)
    ):
        left = increment
        while left > 0:
            this = Round(left, entries, options.per_call)
            for rank in range(entries):
                keep = this.keep(rank)
                units += keep > 0
                listed += this.count * (keep > 0)
                taken += keep
            left -= this.count * entries
    return units, listed, taken


@given(
    total=st.integers(1, 400),
    more=st.integers(1, 200),
    items=st.integers(1, 60),
    size=st.integers(0, 80),
    per_call=st.integers(1, 7),
)
def test_units_are_counted_as_the_run_sizes_them(
    total: int, more: int, items: int, size: int, per_call: int
) -> None:
    """The arithmetic agrees with going through every entry of every round, extended totals included."""
    options = CodecLMOptions(total=total + more, extends=(total,), per_call=per_call)
    work = workload(options, items, size, has_seeds=True)
    assert (work.units, work.listed, work.instructions) == units_one_by_one(
        options, max(items, size)
    )
    assert work.instructions == total + more
    assert (work.entries, work.mixed) == (max(items, size), max(0, size - items))


def test_the_call_graph_is_plain_arithmetic() -> None:
    """By hand: 2 responses, 2 judgements and 1 improvement for each instruction that gets to an iteration."""
    work = Workload(
        seeds=10, pairs=5, entries=15, mixed=5, units=30, listed=120, instructions=100,
        iterations=2, judgements=2,
    )  # fmt: skip
    profile = Profile(
        reach=(1.0, 0.4, 0.1),
        selected=(0.6, 0.3, 0.05),
        uses={
            "encode": Use(1, 100, 10),
            "pairs": Use(1, 50, 1),
            "decode": Use(1.5, 60, 20),
            "rubrics": Use(1, 70, 200),
        },
        steps={
            ("respond", "strong", 1): Use(1, 30, 300),
            ("respond", "target", 1): Use(1, 30, 200),
            ("judge", "judge", 1): Use(1, 600, 4),
            ("improve", "strong", 2): Use(1, 90, 40),
            ("respond", "strong", 2): Use(1, 40, 300),
            ("respond", "target", 2): Use(1, 40, 200),
            ("judge", "judge", 2): Use(1, 700, 4),
            ("judge", "judge", 3): Use(1, 800, 4),
        },
        kept=0.9,
        asking=1.0,
    )
    found = {(one.stage, one.role, one.iteration): one for one in lines(work, profile)}
    calls = {key: round(one.calls, 6) for key, one in found.items()}
    assert calls == {
        ("encode", "strong", 0): 10,
        ("pairs", "strong", 0): 5,
        ("decode", "strong", 0): 45,
        ("rubrics", "strong", 0): 15,
        ("respond", "strong", 1): 90,
        ("respond", "target", 1): 90,
        ("judge", "judge", 1): 180,
        ("improve", "strong", 2): 36,
        ("respond", "strong", 2): 36,
        ("respond", "target", 2): 36,
        ("judge", "judge", 2): 72,
    }
    assert found["decode", "strong", 0].output == pytest.approx(45 * 20 * 120 / 30)
    assert found["judge", "judge", 2].input == pytest.approx(72 * 700)
    halved = {one.stage: one.calls for one in lines(replace(work, judgements=1), profile)}
    assert halved["judge"] == pytest.approx(36)


def test_wilson() -> None:
    """Known values of the interval, and its ends."""
    assert wilson(10, 20).low == pytest.approx(0.299, abs=0.001)
    assert wilson(10, 20).high == pytest.approx(0.701, abs=0.001)
    assert wilson(0, 50).low == 0
    assert wilson(0, 50).high == pytest.approx(0.071, abs=0.001)
    assert wilson(0, 0) == Estimate(0, 0, 1)


async def piloted(
    place: Path, settings: Settings, source: Source, pilot: Pilot
) -> tuple[Plan, Forecast]:
    order = Order(source, settings, place)
    await run(order, NoView(), Stopper(), pilot)
    plan = make_plan(order)
    return plan, forecast(plan, observed(plan, RunArchive(place)))


def actual(place: Path) -> dict[tuple[str, str], dict[str, float]]:
    """By stage and role what the run paid for."""
    found: dict[tuple[str, str], dict[str, float]] = {}
    for row in json.loads((place / "summary.json").read_bytes())["calls"]:
        if row["stage"] != "preflight":
            role = "target" if "target" in row["model"] else "strong"
            place_ = row["stage"], "judge" if row["stage"] == "judge" else role
            sums = found.setdefault(
                place_, dict.fromkeys(("calls", "input", "output", "cost"), 0.0)
            )
            sums["calls"] += row["calls"]
            sums["input"] += row["input_tokens"]
            sums["output"] += row["output_tokens"]
            sums["cost"] += row["cost"]
    return found


def foretold(made: Forecast) -> dict[tuple[str, str], dict[str, Estimate]]:
    return {
        (row.stage, row.role): {
            "calls": row.calls,
            "input": row.input,
            "output": row.output,
            "cost": row.cost or Estimate(-1, -1, -1),
        }
        for row in made.rows
    }


pytest_anyio = pytest.mark.anyio


@pytest_anyio
async def test_a_pilot_of_everything_foretells_everything(tmp_path: Path) -> None:
    """Where the pilot is the whole run, every number is what was paid, stage by stage, and nothing is in doubt."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(
            server.base_url, method={"total": 32, "augment_to": 0}, prices=PRICES
        )
        _, made = await piloted(tmp_path / "run", settings, seeds(16), Pilot(16))
        shorter = settings.model_copy(update={"method": replace(settings.method, iterations=2)})
        await run(Order(seeds(16), shorter, tmp_path / "two"), NoView(), Stopper())
    paid, said = actual(tmp_path / "run"), foretold(made)
    assert paid.keys() == said.keys()
    for place, amounts in paid.items():
        for name, amount in amounts.items():
            exactly = pytest.approx(amount, rel=0.12 if place[0] == "rubrics" else 1e-9)
            assert said[place][name].value == exactly, (place, name)
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    assert made.totals["selected"].value == pytest.approx(summary["counts"]["selected"])
    calls = made.totals["calls"]
    assert calls.low == calls.value == calls.high
    two = next(one for one in made.varied if one.name == "iterations: 2")
    really = sum(amounts["calls"] for amounts in actual(tmp_path / "two").values())
    assert two.calls.value == pytest.approx(really, rel=0.01)
    assert two.selected.value == check_books(tmp_path / "two")["counts"]["selected"]


@pytest_anyio
async def test_what_is_foretold_of_real_seeds_comes_about(
    tmp_path: Path, benchmark_seeds: Path
) -> None:
    """A pilot of 40 of 80 real seeds: calls, tokens and money by stage, and in all, are in the intervals."""
    source = SeedFile(benchmark_seeds / "vicuna.jsonl")
    async with SimulatorServer(World()) as server:
        method = {"total": 200, "augment_to": 100}
        settings = settings_for(server.base_url, method=method, prices=PRICES, max_in_flight=64)
        before = forecast(make_plan(Order(source, settings, tmp_path / "run")))
        _, made = await piloted(tmp_path / "run", settings, source, Pilot(40))
        await run(Order(source, settings, tmp_path / "run"), NoView(), Stopper())
    paid, said = actual(tmp_path / "run"), foretold(made)
    assert paid.keys() == said.keys()
    inside = [
        said[place][name].low - 1e-6 <= amount <= said[place][name].high + 1e-6
        for place, amounts in paid.items()
        for name, amount in amounts.items()
    ]
    assert sum(inside) >= 0.9 * len(inside) > 20  # they are intervals of 95 %
    for place, amounts in paid.items():
        assert said[place]["cost"].value == pytest.approx(amounts["cost"], rel=0.15), place
    selected = check_books(tmp_path / "run")["counts"]["selected"]
    for told in (made, before):
        for name in ("calls", "input", "output", "cost"):
            amount = sum(amounts[name] for amounts in paid.values())
            assert told.totals[name].low <= amount <= told.totals[name].high, name
        assert told.totals["selected"].low <= selected <= told.totals["selected"].high
    width = {
        name: one.totals["calls"].high - one.totals["calls"].low
        for name, one in (("a", before), ("b", made))
    }
    assert width["b"] < width["a"] / 4


def plan_of(tmp_path: Path, **given: Any) -> Plan:
    models = {"strong": {"model": "openai:gpt-4.1"}, "target": {"model": "openai:gpt-4.1-nano"}}
    for name, more in given.pop("models", {}).items():
        models[name] |= more
    settings = load_settings(None, {"models": models, **given})
    return make_plan(Order(seeds(20), settings, tmp_path, environ={}), to_run=False)


def test_an_unknown_price_is_unknown(tmp_path: Path) -> None:
    """One model without a price makes its rows and every sum unknown, and it is named with how to give it."""
    known = forecast(plan_of(tmp_path))
    assert known.totals["cost"].value > 0
    assert known.unpriced == []
    made = forecast(plan_of(tmp_path, models={"target": {"model": "vllm:mine"}}))
    assert "cost" not in made.totals
    assert {row.role for row in made.rows if row.cost is None} == {"target"}
    assert made.unpriced == ["vllm:mine"]
    told = "\n".join(page(made))
    assert "the price of vllm:mine is not known; give it in a --config file" in told
    assert "unknown" in told
    priced = forecast(
        plan_of(
            tmp_path,
            models={"target": {"model": "vllm:mine"}},
            prices={"mine": {"input": 0, "output": 0}},
        )
    )
    assert priced.totals["cost"].value == pytest.approx(
        sum(row.cost.value for row in priced.rows if row.cost)
    )


def test_the_limit_that_binds_is_named(tmp_path: Path) -> None:
    """Roles of one model share its limits; the tightest limit gives the hours."""
    limits = {"requests_per_minute": 60, "output_tokens_per_minute": 1_000_000_000}
    made = forecast(plan_of(tmp_path, models={"strong": limits}))
    strong = sum(row.calls.value for row in made.rows if row.role != "target")
    assert made.binding is not None
    assert made.hours is not None
    assert made.binding.limit == "requests a minute"
    assert made.hours.value == pytest.approx(strong / 60 / 60)
    assert "limited by requests a minute of openai:gpt-4.1" in "\n".join(page(made))
    assert forecast(plan_of(tmp_path)).hours is None


def test_so_many_selected_take_so_many_instructions(tmp_path: Path) -> None:
    """The number that is needed follows from the yield, and the forecast is for that number."""
    made = forecast(plan_of(tmp_path), selected=500)
    assert made.needed is not None
    share = made.totals["selected"].value / made.totals["instructions"].value
    assert made.totals["selected"].value == pytest.approx(500, abs=1)
    assert made.needed.value == pytest.approx(500 / share, abs=1)
    assert made.needed.low < made.needed.value < made.needed.high


def test_cheaper_variants_say_what_they_change(tmp_path: Path) -> None:
    """Fewer iterations, one judgement, another judge, a smaller target: each with calls, money and its effect."""
    others = Others(judges=["openai:gpt-4.1-mini"], targets=["openai:gpt-5-nano", "openai:gpt-4.1"])
    made = forecast(plan_of(tmp_path), others=others)
    names = [one.name for one in made.varied]
    assert names[0] == "as configured"
    assert {"iterations: 3", "iterations: 1", "swap_positions: false"} <= set(names)
    assert {"judge: openai:gpt-4.1-nano", "judge: openai:gpt-4.1-mini"} <= set(names)
    assert "target: openai:gpt-4.1" not in names  # it is dearer
    costs = {one.name: one.cost.value for one in made.varied if one.cost}
    assert all(cost <= costs["as configured"] + 1e-9 for cost in costs.values())
    assert costs["judge: openai:gpt-4.1-nano"] < costs["judge: openai:gpt-4.1-mini"]
    assert all(one.changes for one in made.varied[1:])
    assert not forecast(plan_of(tmp_path, method={"contrastive_filtering": False})).varied[1:]


@pytest_anyio
@pytest.mark.parametrize(
    "method",
    [
        {"total": 30, "augment_to": 0, "contrastive_filtering": False, "improvements": 1},
        {"total": 30, "augment_to": 0, "self_rubrics": False, "swap_positions": False},
        {"per_entry": 4, "per_call": 2},
    ],
    ids=str,
)
async def test_ablations_are_foretold_too(method: dict[str, Any], tmp_path: Path) -> None:
    """Without filtering, without rubrics, or by entry: the pilot of all seeds foretells the run."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=method, prices=PRICES)
        _, made = await piloted(tmp_path / "run", settings, seeds(6), Pilot(6))
        await run(Order(seeds(6), settings, tmp_path / "run"), NoView(), Stopper())
    paid = sum(amounts["calls"] for amounts in actual(tmp_path / "run").values())
    assert made.totals["calls"].value == pytest.approx(paid, rel=0.02)


@pytest_anyio
async def test_a_pilot_of_another_run_is_no_basis(tmp_path: Path) -> None:
    """A directory without a pilot is told so; with the same pilot and the same seed the forecast is the same."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 20, "augment_to": 0})
        plan, made = await piloted(tmp_path / "run", settings, seeds(8), Pilot(3))
        clusters = observed(plan, RunArchive(tmp_path / "run"))
        assert forecast(plan, clusters, random=Random(settings.seed)) == made
        (tmp_path / "run" / "pilot.jsonl").unlink()
        with pytest.raises(UsageError, match="no pilot was run there"):
            observed(plan, RunArchive(tmp_path / "run"))
