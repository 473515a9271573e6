"""A run with a budget over real HTTP: never a cent beyond, whoever stops it, and with more it goes on as if nothing
had been. The judge is the server's own bill."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path
from typing import Any

import pytest

from codeclm.assembly import prices_of
from codeclm.errors import BudgetExhausted, RunStopped, UsageError
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.job import Parties, Party
from codeclm.run import Finished
from codeclm.settings_file import load_settings
from codeclm.simulator import Faults, ServerOptions, SimulatorServer, World
from codeclm.synthesis import synthesize
from tests.accounts import SIM_PRICES
from tests.killing import run_until_killed, start, write_inputs
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, contents, seeds, settings_for

pytestmark = pytest.mark.anyio

METHOD = {"total": 40, "augment_to": 12}
PRICES = prices_of(load_settings(None, {"prices": SIM_PRICES}))


def billed(server: SimulatorServer) -> float:
    """Dollars that the server would want: for all that it generated, whether or not anybody took it."""
    total = 0
    for model, bill in server.log.bills.items():
        price = PRICES.of(model)
        assert price is not None
        total += price.picodollars(bill.input_tokens, bill.output_tokens, bill.cached_input_tokens)
    return total / 1e12


async def limited(directory: Path, server: SimulatorServer, **budget: Any) -> Finished:
    """A session within ``budget``."""
    max_tokens = {"max_tokens": 512} | METHOD
    settings = settings_for(server.base_url, method=max_tokens, budget=budget, max_in_flight=8)
    return await complete(directory, settings)


@ON_UVLOOP
async def test_a_run_stops_at_its_budget_and_goes_on_when_it_is_raised(tmp_path: Path) -> None:
    """Exit code 5 and one clear line; raised in steps, the dataset is that of the run that had no budget."""
    async with SimulatorServer(World(), ServerOptions(prompt_cache=True)) as server:
        await limited(tmp_path / "whole", server)
        whole = billed(server)
    assert not (tmp_path / "whole" / "spending.json").exists()
    async with SimulatorServer(World(), ServerOptions(record_calls=True)) as server:
        for cap in (0.3 * whole, 0.6 * whole):
            finished = await limited(tmp_path / "parts", server, max_cost=cap)
            assert finished.exit_code == 5
            assert finished.says_how
            assert "is used up" in finished.reason
            assert "raise --max-cost" in finished.reason
            assert 0.5 * cap < billed(server) <= cap
            summary = check_books(tmp_path / "parts")
            assert summary["state"] == "stopped"
            spent = json.loads((tmp_path / "parts" / "spending.json").read_bytes())["at_most"]
            assert spent["picodollars"] / 1e12 == pytest.approx(billed(server))
            assert spent["calls"] == server.log.answered
        finished = await limited(tmp_path / "parts", server, max_cost=2 * whole)
        assert finished.exit_code in {0, 3}
        assert server.log.paid_again == 0
        assert finished.summary["cost"]["paid"] == pytest.approx(billed(server))
    check_books(tmp_path / "parts")
    dataset = contents(tmp_path / "whole")["dataset.jsonl"]
    assert contents(tmp_path / "parts")["dataset.jsonl"] == dataset


@pytest.mark.parametrize("setting", ["max_calls", "max_tokens"])
async def test_calls_and_tokens_have_caps_too(tmp_path: Path, setting: str) -> None:
    """Preflight and repeated calls count."""
    cap = {"max_calls": 100, "max_tokens": 60_000}[setting]
    async with SimulatorServer(World(), ServerOptions(faults=Faults.parse("500=0.05"))) as server:
        finished = await limited(tmp_path, server, **{setting: cap})
        assert finished.exit_code == 5
        assert setting.replace("_", "-") in finished.reason
        log = server.log
        used = {"max_calls": log.answered, "max_tokens": log.input_tokens + log.output_tokens}
    assert cap / 2 < used[setting] <= cap
    check_books(tmp_path)


async def test_time_has_a_cap(tmp_path: Path) -> None:
    """The run stops when it is over; the next session does not begin before it is raised."""
    async with SimulatorServer(World(), ServerOptions(latency_s=0.05)) as server:
        finished = await limited(tmp_path, server, max_hours=0.3 / 3600)
        assert finished.exit_code == 5
        assert "raise --max-hours" in finished.reason
        asked = server.log.requests
        with pytest.raises(BudgetExhausted, match="hours is used up"):
            await limited(tmp_path, server, max_hours=0.3 / 3600)
        assert server.log.requests == asked
    check_books(tmp_path)


async def test_what_fails_and_may_be_billed_counts(tmp_path: Path) -> None:
    """Under faults of all kinds the bill stays below the cap, and the run goes on as before when that is raised."""
    faults = "500=0.02,reset=0.02,cut=0.02,empty=0.02,slow=0.01"
    options = ServerOptions(faults=Faults.parse(faults))
    async with SimulatorServer(World(), options) as server:
        finished = await limited(tmp_path, server, max_cost=0.15)
        assert finished.exit_code == 5
        assert billed(server) <= 0.15
        lost = finished.summary["cost"]["by_fate"]["retried"]
        spent = json.loads((tmp_path / "spending.json").read_bytes())["at_most"]["picodollars"]
        assert lost > 0
        assert spent / 1e12 == pytest.approx(finished.summary["cost"]["paid"] + lost)
        assert spent <= 0.15e12
    check_books(tmp_path)


@ON_UVLOOP
async def test_killed_sessions_do_not_spend_twice(tmp_path: Path) -> None:
    """Killed half-way, then left to its end: exit code 5, and the server's bill is within the one budget."""
    cap, method = 0.2, "total: 60, augment_to: 16, max_tokens: 128"
    options = ServerOptions(latency_s=0.004, latency_jitter=1)
    async with SimulatorServer(World(), options) as server:
        inputs = write_inputs(tmp_path, server.base_url, method=method)
        command = [*inputs, "--max-cost", str(cap)]
        assert await run_until_killed(command, tmp_path / "run", server, 30)
        child = await start(command, tmp_path / "run", stdout=asyncio.subprocess.PIPE)
        output, _ = await child.communicate()
        assert child.returncode == 5, output
        assert b"raise --max-cost" in output
        assert 0.2 * cap < billed(server) <= cap
    check_books(tmp_path / "run")


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])
async def test_an_interrupt_wakes_calls_that_wait_for_the_budget(tmp_path: Path) -> None:
    """Calls that wait for others to settle are not sent any more; the run stops as it does without a budget."""
    async with SimulatorServer(World(), ServerOptions(latency_s=0.3)) as server:
        command = [*write_inputs(tmp_path, server.base_url), "--max-cost", "0.05"]
        child = await start(command, tmp_path / "run")
        while server.log.in_flight < 2:
            await asyncio.sleep(0.01)
        child.send_signal(signal.SIGINT)
        assert await child.wait() == 4
        assert billed(server) <= 0.05


async def test_a_price_that_nobody_knows_is_no_base_for_a_budget(tmp_path: Path) -> None:
    """Refused before the start, with the line that gives the price; the other budgets need none."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=METHOD, budget={"max_cost": 1}, prices={})
        with pytest.raises(UsageError, match=r'prices: \{"openai:sim-strong@.*input: DOLLARS'):
            await complete(tmp_path / "run", settings)
        assert server.log.requests == 0
        assert not (tmp_path / "run").exists()
        settings = settings_for(server.base_url, method=METHOD, budget={"max_calls": 20}, prices={})
        assert (await complete(tmp_path / "run", settings)).exit_code == 5
        free = {"sim-strong": {"input": 0, "output": 0}, "sim-target": {"input": 0, "output": 0}}
        settings = settings_for(server.base_url, method=METHOD, budget={"max_cost": 0}, prices=free)
        assert (await complete(tmp_path / "run", settings)).exit_code in {0, 3}
    summary = check_books(tmp_path / "run")
    assert summary["cost"]["paid"] == 0


async def test_what_takes_the_limit_on_tokens_away_is_refused(tmp_path: Path) -> None:
    """Nobody could say what a call can come to."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=METHOD, budget={"max_calls": 5})
        assert settings.models is not None
        tree = settings.models.model_dump()
        tree["strong"]["extra_body"] = {"max_tokens": None}
        settings = settings.model_validate({**settings.model_dump(), "models": tree})
        with pytest.raises(UsageError, match="takes the limit on output tokens away"):
            await complete(tmp_path, settings)


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"at_most": {"picodollars": -1, "calls": 0, "tokens": 0}}']
)
async def test_a_record_that_makes_no_sense_is_not_passed_over(tmp_path: Path, text: str) -> None:
    """It says what was spent: the run does not begin before somebody has looked at it."""
    async with SimulatorServer(World()) as server:
        await limited(tmp_path, server, max_calls=20)
        (tmp_path / "spending.json").write_text(text)
        asked = server.log.requests
        with pytest.raises(UsageError, match=r"spending\.json"):
            await limited(tmp_path, server, max_calls=2000)
        assert server.log.requests == asked


async def test_a_record_that_cannot_be_written_stops_the_run(tmp_path: Path) -> None:
    """Nothing is sent that is not on record."""
    (tmp_path / "run" / ".spending.json.new").mkdir(parents=True)
    (tmp_path / "run").chmod(0o700)
    async with SimulatorServer(World()) as server:
        with pytest.raises(RunStopped, match=r"spending\.json: cannot be written"):
            await limited(tmp_path / "run", server, max_calls=20)
        assert server.log.requests == 0


async def test_a_program_of_ones_own_is_kept_within_its_budget() -> None:
    """For as long as the block lasts; a budget that would not be kept is refused."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=METHOD, budget={"max_calls": 30})
        with pytest.raises(BudgetExhausted, match="30 calls"):
            async with synthesize(seeds(4), settings) as examples:
                async for _ in examples:
                    pass
        assert 20 < server.log.answered <= 30
        party = Party(ScriptedModel(lambda request: "yes"))
        with pytest.raises(UsageError, match=r"settings\.models"):
            async with synthesize(seeds(4), settings, parties=Parties(party, party)):
                pass
        settings = settings_for(server.base_url, method=METHOD, budget={"max_hours": 1})
        with pytest.raises(UsageError, match="max_hours"):
            async with synthesize(seeds(4), settings):
                pass
