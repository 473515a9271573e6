"""A run's numbers for Prometheus, over HTTP on loopback while it goes on.

Names and units follow Prometheus' conventions (seconds, ``_total`` for what only grows); the steps of the histogram
are those that OpenTelemetry advises for calls to generative models, 10 ms doubled again and again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
    InfoMetricFamily,
    Metric,
)
from prometheus_client.registry import Collector

from codeclm.errors import UsageError
from codeclm.llm.latency import LatencyCounts
from codeclm.progress.facts import RunBegan
from codeclm.progress.snapshot import EndpointRow, Snapshot
from codeclm.progress.view import NoView
from codeclm.version import __version__

__all__ = ["Metrics", "families"]

LOOPBACK = "127.0.0.1"
LONGEST_STEP_S = 700.0


class Metrics(NoView):
    """Serves the latest snapshot at ``/metrics`` of ``port`` (0: any free one; it is in ``port`` then)."""

    def __init__(self, port: int) -> None:
        self.port = port
        self._collector = _Collector()

    def __enter__(self) -> Metrics:
        registry = CollectorRegistry()
        registry.register(self._collector)
        try:
            self._server, self._thread = start_http_server(
                self.port, addr=LOOPBACK, registry=registry
            )
        except OSError as error:
            raise UsageError(
                f"port {self.port} of {LOOPBACK} cannot be listened on ({error.strerror}); "
                "give another --metrics-port"
            ) from None
        self.port = self._server.server_port
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def notice(self, event: object) -> None:
        if isinstance(event, RunBegan):
            self._collector.settings = event.settings_sha256

    def show(self, snapshot: Snapshot) -> None:
        self._collector.latest = snapshot


class _Collector(Collector):
    """Asked by the server's thread; snapshots never change, so there is nothing to lock."""

    def __init__(self) -> None:
        self.latest: Snapshot | None = None
        self.settings = ""

    def collect(self) -> Iterator[Metric]:
        about = {"version": __version__, "settings_sha256": self.settings}
        yield InfoMetricFamily("codeclm_run", "This program and what it works on", about)
        if self.latest is not None:
            yield from families(self.latest)


def families(snapshot: Snapshot) -> Iterator[Metric]:
    """All that is served of a snapshot."""
    yield from _of_run(snapshot)
    yield from _of_stages(snapshot)
    yield from _of_calls(snapshot)
    yield from _of_endpoints(snapshot.endpoints)


def _of_run(now: Snapshot) -> Iterator[Metric]:
    outcomes = CounterMetricFamily(
        "codeclm_instructions", "Instructions with an outcome, all sessions", labels=["outcome"]
    )
    for fate in now.fates:
        outcomes.add_metric([fate], now.outcomes[fate])
    yield outcomes
    if now.wanted:
        yield GaugeMetricFamily("codeclm_instructions_wanted", "As many are to be", now.wanted)
    if now.cost is not None:
        yield CounterMetricFamily("codeclm_cost_usd", "Paid so far, all sessions", now.cost)
    yield GaugeMetricFamily("codeclm_session_seconds", "Age of this session", now.elapsed_s)
    yield CounterMetricFamily(
        "codeclm_loop_busy_seconds", "Time that the event loop had work to do", now.cpu_s
    )
    rounds = GaugeMetricFamily(
        "codeclm_accepted_ratio", "Selected of those judged at an iteration", labels=["iteration"]
    )
    for one in now.accepted:
        rounds.add_metric([str(one.iteration)], one.share)
    yield rounds


def _of_stages(now: Snapshot) -> Iterator[Metric]:
    items = GaugeMetricFamily(
        "codeclm_stage_items", "Items in a stage at this moment", labels=["stage", "state"]
    )
    done = CounterMetricFamily(
        "codeclm_stage_items_done", "Items that a stage has ended", labels=["stage", "result"]
    )
    for stage in now.pipeline.stages:
        items.add_metric([stage.name, "waiting"], stage.waiting)
        items.add_metric([stage.name, "working"], stage.working)
        done.add_metric([stage.name, "done"], stage.done)
        done.add_metric([stage.name, "failed"], stage.failed)
    yield items
    yield done


def _of_calls(now: Snapshot) -> Iterator[Metric]:
    """By model and stage, of all sessions, as in the summary."""
    labels = ["model", "stage"]
    calls = CounterMetricFamily(
        "codeclm_calls", "Answers by where they came from", labels=[*labels, "source"]
    )
    retries = CounterMetricFamily("codeclm_retries", "Attempts made again", labels=labels)
    tokens = CounterMetricFamily("codeclm_tokens", "Tokens paid for", labels=[*labels, "type"])
    totals: dict[tuple[str, str], dict[str, int]] = {}
    for row in now.usage:
        columns = totals.setdefault((str(row["model"]), str(row["stage"])), {})
        for name, value in row.items():
            if isinstance(value, int):
                columns[name] = columns.get(name, 0) + value
    for key, columns in totals.items():
        for source, column in (
            ("endpoint", "calls"),
            ("cache", "cache_hits"),
            ("shared", "shared"),
        ):
            calls.add_metric([*key, source], columns.get(column, 0))
        retries.add_metric(key, columns.get("retries", 0))
        for kind in ("input", "output"):
            tokens.add_metric([*key, kind], columns.get(f"{kind}_tokens", 0))
    yield from (calls, retries, tokens)


def _of_endpoints(rows: Iterable[EndpointRow]) -> Iterator[Metric]:
    """Of this session."""
    label = ["endpoint"]
    in_flight = GaugeMetricFamily("codeclm_calls_in_flight", "Calls under way", labels=label)
    allowed = GaugeMetricFamily("codeclm_calls_in_flight_limit", "As many may be", labels=label)
    waiting = GaugeMetricFamily("codeclm_calls_waiting", "Calls that wait to start", labels=label)
    up = GaugeMetricFamily("codeclm_endpoint_up", "0 while it is out of service", labels=label)
    paused = GaugeMetricFamily(
        "codeclm_endpoint_paused_seconds", "Until calls may start again", labels=label
    )
    refused = CounterMetricFamily("codeclm_rate_limited", "Calls refused with 429", labels=label)
    failures = CounterMetricFamily("codeclm_attempts_failed", "Other failed ones", labels=label)
    held_up = CounterMetricFamily(
        "codeclm_held_up_seconds",
        "Time for which the first call in line could not start",
        labels=[*label, "cause", "stage"],
    )
    durations = HistogramMetricFamily(
        "codeclm_call_duration_seconds", "Of attempts that were answered", labels=label
    )
    for row in rows:
        one, limits = row.statistics, row.statistics.limits
        for family, value in (
            (in_flight, limits.in_flight),
            (allowed, limits.allowed),
            (waiting, limits.waiting),
            (up, int(not one.is_down)),
            (paused, one.paused_left_s),
            (refused, one.rate_limited),
            (failures, one.failures),
        ):
            family.add_metric([row.name], value)
        for (cause, stage), seconds in limits.held_up.items():
            held_up.add_metric([row.name, cause.name, stage], seconds)
        durations.add_metric([row.name], _steps(one.latencies), one.latencies.total_s)
    yield from (in_flight, allowed, waiting, up, paused, refused, failures, held_up, durations)


def _steps(latencies: LatencyCounts) -> list[tuple[str, float]]:
    steps = [
        (f"{limit_s:g}", float(count))
        for limit_s, count in latencies.up_to_doublings()
        if limit_s < LONGEST_STEP_S
    ]
    return [*steps, ("+Inf", float(latencies.calls))]
