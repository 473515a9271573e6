"""Snapshots made by hand, for tests of what looks at them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from codeclm.engine.events import PipelineStatistics, StageStatistics
from codeclm.llm.allowance import Allowance, LimitStatistics
from codeclm.llm.held_up import Cause
from codeclm.llm.latency import Latencies, LatencyCounts
from codeclm.llm.regulator import EndpointStatistics
from codeclm.progress import Accepted, EndpointRow, Snapshot

HeldUpFor = Mapping[tuple[Cause, str], float]


def latencies(*durations_s: float) -> LatencyCounts:
    counts = Latencies()
    for one in durations_s:
        counts.add(one)
    return counts.counts()


def endpoint(
    name: str = "gpt-4o",
    *,
    allowance: Allowance | None = None,
    allowed: int = 64,
    in_flight: int = 0,
    waiting: int = 0,
    resting: int = 0,
    busy_s: float = 0.0,
    held_up: HeldUpFor | None = None,
    rate_per_s: float | None = None,
    retries: int = 0,
    **more: Any,
) -> EndpointRow:
    limits = LimitStatistics(
        allowance=allowance or Allowance(64),
        in_flight=in_flight,
        peak_in_flight=in_flight,
        waiting=waiting,
        started=0,
        allowed=allowed,
        changes=((0.0, allowed),),
        rate_per_s=rate_per_s,
        resting=resting,
        busy_s=busy_s,
        held_up=held_up or {},
    )
    usual: dict[str, Any] = {
        "rate_limited": 0,
        "paused_for_s": 0.0,
        "paused_left_s": 0.0,
        "outages": 0,
        "is_down": False,
        "down_for_s": 0.0,
        "answers": 0,
        "failures": 0,
        "input_tokens": 0,
        "output_tokens": 0,
        "latencies": LatencyCounts(),
    }
    return EndpointRow(
        name, EndpointStatistics(name=name, limits=limits, **(usual | more)), retries
    )


def stage(
    name: str, waiting: int = 0, working: int = 0, done: int = 0, failed: int = 0
) -> StageStatistics:
    return StageStatistics(name, waiting, working, done, failed)


def snapshot(
    elapsed_s: float,
    *endpoints: EndpointRow,
    stages: tuple[StageStatistics, ...] = (),
    wanted: int = 1000,
    finished: tuple[int, int, int] = (0, 0, 0),
    calls: Mapping[str, int] | None = None,
    accepted: tuple[Accepted, ...] = (),
    tickets_in_use: int = 0,
    is_all_in: bool = False,
    is_stopping: bool = False,
    cpu_s: float = 0.0,
    cost: float | None = None,
) -> Snapshot:
    selected, discarded, failed = finished
    return Snapshot(
        wanted=wanted,
        elapsed_s=elapsed_s,
        outcomes={"selected": selected, "discarded": discarded, "failed": failed},
        calls=calls or {},
        pipeline=PipelineStatistics(stages, 0, 64, tickets_in_use, is_all_in, is_stopping, 12, 12),
        endpoints=endpoints,
        accepted=accepted,
        cpu_s=cpu_s,
        cost=cost,
    )
