"""How much of what is allowed is used while work is left, and how soon the first example is there."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.endpoint import endpoint
from benchmarks.measured import pipeline
from benchmarks.pinned import pinned
from benchmarks.repeats import Sample, interleaved
from benchmarks.result import Result, Row, Value, made

__all__ = ["utilisation"]

RATE_PER_S, RATE_LATENCY_S, RATE_IN_FLIGHT = 300, 0.05, 64
IN_FLIGHT, LATENCY_S = 64, 0.2
SECONDS = 20
ROUNDS_MORE = 2  # the simulated judge sends more round again than the fast server's
PATH = ("preflight", "encode", "decode", "respond", "judge")
FIRST_CALLS = 4_500
RATE_TARGET, IN_FLIGHT_TARGET = 0.99, 0.98


def utilisation(repeats: int, say: Callable[[str], None], seconds: float = SECONDS) -> Result:
    """Three runs in turn: held by a rate, held by calls in flight, and one that is waited for."""
    with _simulator(f"{RATE_PER_S}/s") as held, endpoint(LATENCY_S) as served:

        def by_rate() -> Sample:
            calls = int(RATE_PER_S * seconds / ROUNDS_MORE)
            more = {"requests_per_minute": RATE_PER_S * 60, "adaptive": True, "model": "sim-strong"}
            found = pipeline(held, calls, RATE_IN_FLIGHT, **more)
            return {"share": found["calls_per_s"] / RATE_PER_S, "refused": found["refused"]}

        def by_calls() -> Sample:
            calls = int(IN_FLIGHT / LATENCY_S * seconds)
            found = pipeline(served.base_url, calls, IN_FLIGHT, adaptive=True)
            return {"share": found["calls_per_s"] * LATENCY_S / IN_FLIGHT}

        def first() -> Sample:
            more = {"adaptive": True, "stop_at": FIRST_CALLS // 10, "look_every_s": 0.005}
            found = pipeline(served.base_url, FIRST_CALLS, IN_FLIGHT, **more)
            return {"first_s": found["first_selected_s"], "start_s": found["open_s"]}

        runs = {"rate": by_rate, "in flight": by_calls, "first": first}
        found = interleaved(runs, repeats, say)
    return made("utilisation", _rows(found), {"repeats": repeats, "seconds": seconds})


def _rows(found: dict[str, list[Sample]]) -> list[Row]:
    def values(name: str, metric: str) -> tuple[float, ...]:
        return tuple(sample[metric] for sample in found[name])

    rate = {"allowed_per_s": RATE_PER_S, "latency_ms": RATE_LATENCY_S * 1000}
    calls: dict[str, Value] = {"allowed_in_flight": IN_FLIGHT, "latency_ms": LATENCY_S * 1000}
    path_s = len(PATH) * LATENCY_S
    first: dict[str, Value] = {**calls, "path": f"{' '.join(PATH)}: {path_s:g} s"}
    waited = values("first", "first_s")
    share = tuple((sample["first_s"] - sample["start_s"]) / path_s for sample in found["first"])
    return [
        Row("stated rate", rate, "used", "share", values("rate", "share"), True, RATE_TARGET),
        Row("stated rate", rate, "refused", "calls", values("rate", "refused"), target=0),
        Row(
            "calls in flight",
            calls,
            "used",
            "share",
            values("in flight", "share"),
            True,
            IN_FLIGHT_TARGET,
        ),
        Row("first selected", first, "since_process_start", "s", waited),
        Row("first selected", first, "since_run_start", "ratio to its path", share),
    ]


@contextmanager
def _simulator(rate: str) -> Iterator[str]:
    """The base URL of the project's simulator, which refuses what exceeds ``rate``."""
    command = [sys.executable, "-m", "codeclm", "simulate", "--port", "0", "--rate-limit", rate]
    command += ["--latency", f"{RATE_LATENCY_S * 1000:g}ms"]
    with pinned(1):
        child = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    with child:
        try:
            assert child.stdout is not None
            for line in child.stdout:
                if found := re.search(r"http://\S+/v1", line):
                    yield found[0]
                    return
            raise RuntimeError("the simulator did not start")
        finally:
            child.terminate()
