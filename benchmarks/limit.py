"""How near the client and the whole pipeline come to a bare loop, in one run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from benchmarks.endpoint import endpoint
from benchmarks.measured import bare, client, pipeline, sample
from benchmarks.repeats import Sample, interleaved, ratios
from benchmarks.result import Result, Row, Value, made, rows_of

__all__ = ["IN_FLIGHT", "LATENCIES_MS", "limit"]

IN_FLIGHT, LATENCIES_MS = (64, 256, 1_024), (0, 200)
METRICS = {
    "calls_per_s": "calls/s",
    "cpu_ms": "ms a call",
    "lag_p99_ms": "ms",
    "start_cpu_s": "s",
    "memory_mb": "MB",
}
PEAK = {"peak_in_flight": "calls"}
TARGETS = {  # of the bare loop's calls/s, at latency 0
    "client": {64: 0.5, 256: 0.6, 1_024: 0.7},
    "pipeline": {64: 0.4, 256: 0.5, 1_024: 0.6},
}
LAG_TARGET_MS = 50
BARE, CALM = "bare", "bare, calm gc"
LOOK_S_A_CALL = 1e-5
MOST_SELDOM_S = 0.2  # the command's own view looks half as often


def looked_at(base_url: str, calls: int, in_flight: int) -> dict[str, Any]:
    """The pipeline, looked at about as often as somebody who watches does."""
    look_s = min(MOST_SELDOM_S, calls * LOOK_S_A_CALL)
    return pipeline(base_url, calls, in_flight, look_every_s=look_s)


CLIENTS: dict[str, Callable[..., dict[str, Any]]] = {
    BARE: bare,
    CALM: partial(bare, calm=True),
    "client": client,
    "pipeline": looked_at,
}
CALLS = "at least 20,000; a latency's for 6 s"
SETTINGS: dict[str, Value] = {
    "adaptive": False,
    "cache": "new, on disk before use",
    "measured": "2-95 % of the calls after a warm-up; pipeline 20-80 % of all",
    "prompt": "600 characters; the pipeline's own are longer",
    "answer": "1,000 characters",
}
LEAST_CALLS, CALLS_IN_FLIGHT, LATENT_S = 20_000, 40, 6


def limit(
    repeats: int,
    say: Callable[[str], None],
    in_flight: Sequence[int] = IN_FLIGHT,
    latencies_ms: Sequence[int] = LATENCIES_MS,
    calls: int | None = None,
) -> Result:
    """Bare loop, client and pipeline in turn. ``calls`` for each, else as many as take some seconds.

    The bare loop is there twice: with Python's own settings, and with a garbage collector as calm as this project's.
    """
    rows: list[Row] = []
    for latency_ms in latencies_ms:
        with endpoint(latency_ms / 1000) as served:
            for level in in_flight:
                number = calls or _calls(level, latency_ms / 1000)
                say(f"{level} in flight, {latency_ms} ms, {number:,} calls each")
                runs = {
                    name: partial(_sample, name, served.base_url, number, level) for name in CLIENTS
                }
                rows += _rows(interleaved(runs, repeats, say), level, latency_ms)
    settings: dict[str, Value] = {"repeats": repeats, "calls": calls or CALLS, **SETTINGS}
    return made("limit", rows, settings)


def _sample(name: str, base_url: str, calls: int, in_flight: int) -> Sample:
    figures = CLIENTS[name](base_url, calls, in_flight)
    return sample(figures, [*METRICS, *(PEAK if name == "pipeline" else ())])


def _calls(in_flight: int, latency_s: float) -> int:
    if latency_s:
        return int(in_flight / latency_s * LATENT_S)
    return max(LEAST_CALLS, CALLS_IN_FLIGHT * in_flight)


def _rows(found: dict[str, list[Sample]], in_flight: int, latency_ms: int) -> list[Row]:
    settings = {"in_flight": in_flight, "latency_ms": latency_ms}
    rows: list[Row] = []
    for name in ("client", "pipeline"):
        for floor in (BARE, CALM):
            target = TARGETS[name].get(in_flight) if floor == BARE and not latency_ms else None
            share = ratios(found[name], found[floor], "calls_per_s")
            cost = ratios(found[name], found[floor], "cpu_ms")
            label = f"{name} / {floor}"
            rows.append(Row(label, settings, "calls_per_s", "ratio", share, True, target))
            rows.append(Row(label, settings, "cpu_ms", "ratio", cost))
    for name, samples in found.items():
        metrics = {**METRICS, **(PEAK if name == "pipeline" else {})}
        for row in rows_of(name, settings, samples, metrics):
            is_lag = row.metric == "lag_p99_ms" and name not in (BARE, CALM)
            rows.append(row.with_target(LAG_TARGET_MS) if is_lag else row)
    return rows
