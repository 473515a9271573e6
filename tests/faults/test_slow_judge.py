"""F23: a judge ten times slower than all else, and one that never answers."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from codeclm.llm.preflight import PROMPT
from codeclm.progress import NoView, Snapshot
from codeclm.run import Order, Stopper, run
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.simulator import ServerOptions
from tests.faults.bench import Measure, Scale
from tests.faults.world_server import Asked, never, world_server
from tests.loops import ON_UVLOOP
from tests.running import check_books, rows, seeds

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

TICKETS, PER_CALL = 4, 5
BOUND = TICKETS * (PER_CALL + 1)
"""Units under way, each with the instructions of one call: all that may be inside."""


def settings(url: str, judge_url: str, total: int, **judge: Any) -> Settings:
    spec = {"max_in_flight": 4, "send_seed": True}
    models = {
        "strong": {"model": f"openai:sim-strong@{url}", **spec},
        "target": {"model": f"openai:sim-target@{url}", **spec},
        "judge": {"model": f"openai:sim-judge@{judge_url}", **spec, **judge},
    }
    method = {"total": total, "augment_to": 0, "per_call": PER_CALL}
    return load_settings(None, {"models": models, "method": method, "units_in_flight": TICKETS})


async def never_again(asked: Asked) -> None:
    """No answer after the first tiny call."""
    if PROMPT.encode() not in asked.body:
        await never(asked)


class Watch(NoView):
    """Remembers how far the generator was ahead of what had an outcome."""

    interval_s = 0.002

    def __init__(self) -> None:
        self.inside = self.ahead = 0

    def show(self, snapshot: Snapshot) -> None:
        stages = {stage.name: stage for stage in snapshot.pipeline.stages}
        self.inside = max(self.inside, snapshot.pipeline.inside_peak)
        made = stages["decode"].done * PER_CALL
        self.ahead = max(self.ahead, made - snapshot.finished)


async def test_f23_slow(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """The generator waits for the judge; what is inside stays within its bound, and all comes out."""
    total, latency_s = scale(40, 1_000), 0.004
    watch = Watch()
    async with (
        world_server(options=ServerOptions(latency_s=latency_s)) as server,
        world_server(options=ServerOptions(latency_s=10 * latency_s)) as slow,
    ):
        order = Order(seeds(8), settings(server.base_url, slow.base_url, total), tmp_path)
        finished = await run(order, watch, Stopper())
    check_books(tmp_path)
    measure(
        "F23",
        "slow judge: records inside at most",
        watch.inside,
        f"<= {BOUND}",
        met=watch.inside <= BOUND,
    )
    bar = f"<= {BOUND} of {total:,}"
    measure(
        "F23", "slow judge: instructions made ahead", watch.ahead, bar, met=watch.ahead <= BOUND
    )
    complete = finished.exit_code in {0, 3}
    measure("F23", "slow judge: deadlocks", int(not complete), "0", met=complete)


async def test_f23_dead(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """A judge that dies counts as out of service: the run stops, resumable, and all is accounted for."""
    total = scale(20, 200)
    watch = Watch()
    async with world_server() as server, world_server(never_again) as dead:
        given = settings(server.base_url, dead.base_url, total, timeout_s=0.1, patience_s=1)
        await run(Order(seeds(4), given, tmp_path), watch, Stopper())
    summary = check_books(tmp_path)
    counts = summary["counts"]
    lost = summary["wanted"] - counts["missing"] - counts["failed"] - counts["pending"]
    measure("F23", "dead judge: instructions not accounted for", lost, "0", met=lost == 0)
    measure(
        "F23",
        "dead judge: records inside at most",
        watch.inside,
        f"<= {BOUND}",
        met=watch.inside <= BOUND,
    )
    assert summary["state"] == "stopped"
    assert not rows(tmp_path / "failed.jsonl")
