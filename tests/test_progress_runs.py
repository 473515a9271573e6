"""Runs over HTTP that are looked at: by what holds them back, by their log, by their metrics."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from prometheus_client.parser import text_string_to_metric_families

from codeclm.console import Progress, execute, view_for
from codeclm.errors import UsageError
from codeclm.progress import HeldUpBy, NoView, Snapshot, View, Views, held_up_by
from codeclm.progress.log_file import LogFile
from codeclm.progress.metrics import Metrics
from codeclm.run import Order, Stopper, run
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.simulator import Faults, ServerOptions, SimulatorServer, World
from tests.loops import ON_UVLOOP
from tests.running import seeds
from tests.test_progress_log_file import lines_of

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]


AT_WORK = 3


class Looking(NoView):
    """Tells what holds the run back for a while after its ``endpoint`` began to work, or went down; and stops it."""

    interval_s = 0.1
    WHILE_S = 0.8

    def __init__(self, stopper: Stopper, endpoint: str, *, goes_down: bool) -> None:
        self._stopper, self._endpoint, self._goes_down = stopper, endpoint, goes_down
        self._earlier: Snapshot | None = None
        self.found: HeldUpBy | None = None

    def show(self, snapshot: Snapshot) -> None:
        now = replace(snapshot, cpu_s=0.0)  # how busy this machine is, is not the question
        if self._earlier is None:
            self._earlier = now if self._has_begun(now) else None
        elif self.found is None and now.elapsed_s >= self._earlier.elapsed_s + self.WHILE_S:
            self.found = held_up_by(self._earlier, now)
            self._stopper.stop("seen enough")

    def _has_begun(self, now: Snapshot) -> bool:
        return any(
            row.statistics.is_down if self._goes_down else row.statistics.answers > AT_WORK
            for row in now.endpoints
            if row.name == self._endpoint
        )


def settings_of(urls: Mapping[str, str], **models: Mapping[str, Any]) -> Settings:
    """Each party at its own server; enough work for all of the test, and no climb to a limit."""
    spec = {"send_seed": True, "adaptive": False, "patience_s": 60}
    parties = {
        party: {
            "model": f"openai:sim-{party}@{urls[party]}",
            "max_in_flight": 64,
            **spec,
            **models.get(party, {}),
        }
        for party in ("strong", "target", "judge")
    }
    return load_settings(None, {"models": parties, "method": {"total": 5000, "augment_to": 0}})


QUICK = ServerOptions(latency_s=0.05)


async def seen(place: Path, slow: ServerOptions, party: str, **models: Any) -> HeldUpBy:
    """What holds a run back whose ``party`` is served like this."""
    async with SimulatorServer(World(), QUICK) as quick, SimulatorServer(World(), slow) as other:
        urls = dict.fromkeys(("strong", "target", "judge"), quick.base_url)
        order = Order(seeds(8), settings_of({**urls, party: other.base_url}, **models), place)
        stopper = Stopper()
        view = Looking(stopper, f"sim-{party}", goes_down=bool(slow.faults.planned))
        await run(order, view, stopper)
    assert view.found is not None
    return view.found


async def test_over_http_the_right_one_is_named(tmp_path: Path) -> None:
    """A stated rate, few calls in flight, a slow judge, an endpoint that goes down: at the same time, apart."""
    down = replace(QUICK, faults=Faults.parse("outage:503@1.5s-60s"))
    rate, slots, judge, outage = await asyncio.gather(
        seen(tmp_path / "1", QUICK, "strong", strong={"requests_per_minute": 240}),
        seen(tmp_path / "2", QUICK, "target", target={"max_in_flight": 1}),
        seen(tmp_path / "3", ServerOptions(latency_s=0.7), "judge", judge={"max_in_flight": 3}),
        seen(tmp_path / "4", down, "target"),
    )
    assert rate.line.startswith("limited by 240 requests a minute of sim-strong, ")
    assert slots.line == "limited by 1 call in flight of sim-target, respond stage"
    assert judge.line == "limited by 3 calls in flight of sim-judge, judge stage"
    assert (outage.kind, outage.endpoint) == ("outage", "sim-target")


async def scraped(port: int) -> dict[str, list[tuple[dict[str, str], float]]]:
    """What Prometheus would read: samples by name."""
    async with (
        aiohttp.ClientSession() as client,
        client.get(f"http://127.0.0.1:{port}/metrics") as answer,
    ):
        text = await answer.text()
    found: dict[str, list[tuple[dict[str, str], float]]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, []).append((sample.labels, sample.value))
    return found


class Scraping(NoView):
    """Lets the test look once the run has made some calls."""

    interval_s = 0.05

    def __init__(self) -> None:
        self.enough = asyncio.Event()

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.outcomes["selected"] >= 1:
            self.enough.set()


async def test_metrics_and_log_of_a_run(tmp_path: Path) -> None:
    """Scraped while it goes on; what it logs is what befell it, without a word of any model."""
    options = ServerOptions(
        latency_s=0.02, faults=Faults.parse("500=0.05,429=0.05"), retry_after_s=0.05
    )
    metrics, scraping = Metrics(0), Scraping()
    log, directory = tmp_path / "run.log", tmp_path / "run"
    async with SimulatorServer(World(), options) as server:
        urls = dict.fromkeys(("strong", "target", "judge"), server.base_url)
        order = Order(seeds(8), settings_of(urls), directory)
        view: View = Views([scraping, metrics, LogFile(log)])
        stopper = Stopper()
        with view:
            async with asyncio.TaskGroup() as group:
                running = group.create_task(run(order, view, stopper))
                await scraping.enough.wait()
                found = await scraped(metrics.port)
                stopper.stop("seen enough")
            finished = running.result()
    check_metrics(found)
    lines = lines_of(log)
    events = [event for _, event, _ in lines]
    assert [events[0], events[1], events[-1]] == ["started", "begins", "ended"]
    assert {"retry", "pause", "stopping"} <= {*events}
    fields = lines[-1][2]
    assert (fields["state"], fields["exit_code"], fields["reason"]) == (
        "stopped",
        "4",
        "seen enough",
    )
    assert int(fields["selected"]) == finished.summary["counts"]["selected"]
    text = log.read_text()
    for name in ("selected", "discarded", "failed"):
        for line in (directory / f"{name}.jsonl").read_text().splitlines():
            row = json.loads(line)
            assert row.get("instruction", "?!")[:40] not in text
    summary = json.loads((directory / "summary.json").read_bytes())
    assert (summary["reason"], summary["exit_code"]) == ("seen enough", 4)


def check_metrics(found: Mapping[str, list[tuple[dict[str, str], float]]]) -> None:
    """They are there, they agree with one another, and their buckets are cumulative."""
    paid = sum(
        value for labels, value in found["codeclm_calls_total"] if labels["source"] == "endpoint"
    )
    answered = sum(value for _, value in found["codeclm_call_duration_seconds_count"])
    assert answered >= paid > 0
    assert {labels["outcome"] for labels, _ in found["codeclm_instructions_total"]} == {
        "selected",
        "discarded",
        "failed",
    }
    strong = [
        (float(labels["le"]), value)
        for labels, value in found["codeclm_call_duration_seconds_bucket"]
        if labels["endpoint"] == "sim-strong"
    ]
    assert strong == sorted(strong)
    assert [value for _, value in strong] == sorted(value for _, value in strong)
    assert (strong[0][0], strong[-1][0]) == (0.01, float("inf"))
    for name in ("in_flight", "in_flight_limit", "waiting"):
        endpoints = {labels["endpoint"] for labels, _ in found[f"codeclm_calls_{name}"]}
        assert endpoints == {"sim-strong", "sim-target", "sim-judge"}
    tokens = {labels["type"]: value for labels, value in found["codeclm_tokens_total"]}
    assert all(tokens[kind] > 0 for kind in ("input", "output"))
    assert {"codeclm_run_info", "codeclm_stage_items", "codeclm_retries_total"} <= {*found}
    assert "codeclm_cost_usd_total" not in found  # a price that is not known is not zero


async def test_metrics_are_for_this_machine_alone() -> None:
    """The port is open on loopback, free again afterwards, and taken by one at a time."""
    with Metrics(0) as metrics:
        assert metrics._server.server_address[0] == "127.0.0.1"
        assert "codeclm_run_info" in await scraped(metrics.port)
        taken = pytest.raises(UsageError, match=f"port {metrics.port} .* another --metrics-port")
        with taken, Metrics(metrics.port):
            pass
    with Metrics(metrics.port):
        pass


async def test_a_missing_extra_is_one_line() -> None:
    """What to install; no traceback."""
    look = (
        "import sys; sys.modules['prometheus_client'] = None\n"
        "sys.argv = ['codeclm', 'demo', '--metrics-port', '9']\n"
        "from codeclm.cli import main; main()"
    )
    told = await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-c", look],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    expected = "codeclm: --metrics-port needs prometheus-client; pip install 'codeclm[metrics]'\n"
    assert (told.returncode, told.stdout, told.stderr) == (2, "", expected)


async def test_json_is_all_there_is_on_standard_output(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """From the start to the end, with the exit code that the command has; and again for a finished run."""
    async with SimulatorServer(World()) as server:
        urls = dict.fromkeys(("strong", "target", "judge"), server.base_url)
        settings = settings_of(urls).model_copy()
        method = replace(settings.method, total=8)
        order = Order(seeds(4), settings.model_copy(update={"method": method}), tmp_path / "run")
        for events in (["start", "begin"], ["start", "message", "end"]):
            code = await execute(order, view_for(Progress.json))
            found = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
            assert [one["event"] for one in found][: len(events)] == events
            assert (found[-1]["event"], found[-1]["exit_code"], code) == ("end", 0, 0)
            assert found[-1]["dataset"] == str(tmp_path / "run" / "dataset.jsonl")
