"""Each benchmark at a tiny size, ending in figures that make sense; never a figure of time."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import pytest

from benchmarks.attribution import LOOP, attribute, read_stacks
from benchmarks.endpoint import endpoint
from benchmarks.gauge import Moment
from benchmarks.limit import limit
from benchmarks.measured import pipeline
from benchmarks.replay import replay
from benchmarks.result import Result, read, write
from benchmarks.scale import sample_of, scale
from benchmarks.watching import watching


def quiet(line: str) -> None:
    """Nobody listens."""


def check(found: Result, place: Path) -> dict[str, float]:
    """A valid file; the figures by what and metric."""
    assert read(write(found, place)) == found
    return {f"{row.name} {row.metric}": row.spread.median for row in found.rows}


def test_limit_sets_all_three_beside_each_other(tmp_path: Path) -> None:
    """Bare loop, client and pipeline each make their calls, and ratios to the bare loop come out."""
    figures = check(limit(1, quiet, [8], [0], 200), tmp_path)
    for name in ("bare", "client", "pipeline"):
        assert figures[f"{name} calls_per_s"] > 0
        assert figures[f"{name} cpu_ms"] > 0
    assert figures["pipeline / bare cpu_ms"] == pytest.approx(
        figures["pipeline cpu_ms"] / figures["bare cpu_ms"]
    )


def test_replay_makes_no_call_twice(tmp_path: Path) -> None:
    """A new run, a half-finished one and a finished one all come to their end."""
    figures = check(replay(1, quiet, [3_000], starts=False), tmp_path)
    assert figures["new calls_per_s"] > 0
    assert figures["half-finished wall_s"] > 0
    assert figures["finished cpu_s"] > 0


def test_scale_tells_cost_and_memory(tmp_path: Path) -> None:
    """Cost by decade of calls, and the slope of memory."""
    figures = check(scale(1, quiet, 1_500), tmp_path)
    assert figures["pipeline peak_mb"] > 0
    assert figures["pipeline raw_last_to_first"] > 0


def test_scale_takes_the_machines_speed_out() -> None:
    """Calls that cost half as much again at the end, on a machine that is a fifth slower by then: a quarter."""
    moments, cpu_s = [], 0.0
    for calls in range(0, 1_000_001, 10_000):
        is_late = calls > 900_000
        cpu_s += (0.00015 if is_late else 0.0001) * 10_000
        yard_s = 0.0012 if is_late else 0.001
        moments.append(asdict(Moment(calls, cpu_s, cpu_s, cpu_s, 100.0, 90.0, yard_s)))
    seen = {"moments": moments, "lag_p99_ms": 1.0, "lag_max_ms": 1.0, "calls_per_s": 1.0}
    found = sample_of(seen, [1_000, 10_000, 100_000, 1_000_000])
    assert found["raw_last_to_first"] == pytest.approx(1.5)
    assert found["last_to_first"] == pytest.approx(1.25)


def test_watching_charges_a_view(tmp_path: Path) -> None:
    """What a look costs, and which share of the run's CPU all looks are."""
    figures = check(watching(1, quiet, 450, ["rich"], 0.02), tmp_path)
    assert figures["rich look_ms"] > 0
    assert 0 < figures["rich looking_share"] < 100


def test_the_pipeline_fills_its_limit() -> None:
    """So many calls are in flight as were asked for, none fails, and none is made twice but the preflight."""
    with endpoint(0.01, core=None) as served:
        found = pipeline(served.base_url, 450, 16)
        stats = served.stats()
    assert found["peak_in_flight"] == 16
    assert found["exit_code"] == 0
    assert found["refused"] == 0
    assert stats.requests > 300
    assert stats.repeated == 0


STACKS = """\
thread (7): MainThread;_run_module_as_main (<frozen runpy>:173);<module> (x/benchmarks/pipeline.py:1) 50
thread (7);_run_module_as_main (<frozen runpy>:173);_compile_bytecode (<frozen importlib._bootstrap>:7) 9
thread (7): MainThread;_run_module_as_main (<frozen runpy>:173);Runner.run (lib/asyncio/runners.py:86) 10
thread (7): MainThread;a (x);Runner.run (lib/asyncio/runners.py:86);Run._step (x/codeclm/engine/run.py:2) 20
thread (7): MainThread;a (x);Runner.run (lib/asyncio/runners.py:86);KeyMaker.key (x/codeclm/llm/key.py:3);dumps (y/json.py:1) 70
thread (8): answer store;run (x);BatchThread._batches (x/codeclm/llm/batches.py:117) 500
thread (8): answer store;run (x);Shelf.keep (x/codeclm/llm/shelf.py:85) 3
"""  # noqa: E501 - as the sampler writes them


def test_samples_are_given_to_the_part_nearest_to_them() -> None:
    """Start-up and waiting threads are left out; what is common to all is its caller's; threads keep their share."""
    found = attribute(read_stacks(STACKS), 0.8)
    assert found.parts == pytest.approx(
        {LOOP: 0.08, "queues": 0.16, "key": 0.56, "cache write": 0.2}
    )
    assert found.own["dumps (y/json.py:1)"] == pytest.approx(0.56)
    assert found.with_callees["KeyMaker.key (codeclm/llm/key.py:3)"] == pytest.approx(0.56)
