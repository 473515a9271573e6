"""Progress as plain data, for machines: what the JSON view writes, and what summary.json holds while a run goes on."""

from __future__ import annotations

from typing import Any

from codeclm.progress.recent import Recent
from codeclm.progress.snapshot import EndpointRow

__all__ = ["progress_record"]


def progress_record(recent: Recent) -> dict[str, Any]:
    """The run as it is now; what is not known is None. Speeds are those of the last ten seconds."""
    now, held_up = recent.latest, recent.held_up_by()
    outcomes = now.outcomes
    return {
        "elapsed_s": round(now.elapsed_s, 3),
        "wanted": now.wanted or None,
        "finished": now.finished,
        **{fate: outcomes[fate] for fate in now.fates},
        "accepted_by_iteration": [
            {"iteration": one.iteration, "selected": one.selected, "judged": one.judged}
            for one in now.accepted
        ],
        "calls": now.calls.get("calls", 0),
        "calls_per_s": round(recent.per_s("calls"), 3),
        "cache_hits": now.calls.get("cache_hits", 0),
        "input_tokens": now.calls.get("input_tokens", 0),
        "output_tokens": now.calls.get("output_tokens", 0),
        "cost": now.cost,
        "projected_cost": _rounded(recent.projected_cost(), 4),
        "left_s": _rounded(recent.left_s(), 1),
        "held_up_by": {
            "kind": held_up.kind,
            "endpoint": held_up.endpoint or None,
            "stage": held_up.stage or None,
            "line": held_up.line,
        },
        "stages": _stages(recent),
        "endpoints": [_endpoint(recent, row) for row in now.endpoints],
    }


def _stages(recent: Recent) -> list[dict[str, Any]]:
    return [
        {
            "stage": stage.name,
            "waiting": stage.waiting,
            "working": stage.working,
            "done": stage.done,
            "failed": stage.failed,
            "per_s": round(recent.stage_per_s(stage), 3),
        }
        for stage in recent.latest.pipeline.stages
    ]


def _endpoint(recent: Recent, row: EndpointRow) -> dict[str, Any]:
    now, limits = row.statistics, row.statistics.limits
    speed = recent.endpoint_speed(row)
    return {
        "endpoint": row.name,
        "in_flight": limits.in_flight,
        "in_flight_limit": limits.allowed,
        "waiting": limits.waiting,
        "calls": now.answers,
        "calls_per_s": round(speed.calls_per_s, 3),
        "tokens_per_s": round(speed.tokens_per_s, 1),
        "rate_limited": now.rate_limited,
        "retries": row.retries,
        "latency_p50_s": _rounded(speed.latencies.percentile(0.5), 4),
        "latency_p95_s": _rounded(speed.latencies.percentile(0.95), 4),
        "paused_left_s": round(now.paused_left_s, 1),
        "down_for_s": round(now.down_for_s, 1) if now.is_down else None,
    }


def _rounded(value: float | None, digits: int) -> float | None:
    return None if value is None else round(value, digits)
