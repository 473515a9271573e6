"""What a summary says of each endpoint: how it was used, what it took, what was learnt of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from codeclm.llm.held_up import Cause
from codeclm.llm.providers import Models
from codeclm.progress.snapshot import EndpointRow

__all__ = ["endpoint_rows", "endpoints_now"]


def endpoints_now(models: Models, retries: Mapping[str, int]) -> tuple[EndpointRow, ...]:
    """A row for each endpoint of this session, to be shown; ``retries`` are those of each model so far."""
    statistics = models.statistics()
    times = Counter(endpoint.model for endpoint in statistics)
    return tuple(
        EndpointRow(
            endpoint.model if times[endpoint.model] == 1 else str(one.name),
            one,
            retries.get(one.name, 0),
        )
        for endpoint, one in statistics.items()
    )


def endpoint_rows(models: Models) -> list[dict[str, Any]]:
    """A row for each endpoint of this session. ``in_flight_history``: seconds since the start, and the limit then."""
    learnt = models.learnt()
    return [
        {
            "model": endpoint.model,
            "base_url": endpoint.base_url,
            "calls_started": one.limits.started,
            "peak_in_flight": one.limits.peak_in_flight,
            "in_flight_limit": one.limits.allowed,
            "in_flight_history": [list(change) for change in one.limits.changes],
            "rate_limit_per_s": one.limits.rate_per_s,
            "rate_limited": one.rate_limited,
            "paused_for_s": round(one.paused_for_s, 3),
            "outages": one.outages,
            "answers": one.answers,
            "input_tokens": one.input_tokens,
            "output_tokens": one.output_tokens,
            "latency_p50_s": _rounded(one.latencies.percentile(0.5)),
            "latency_p95_s": _rounded(one.latencies.percentile(0.95)),
            "held_up_s": _by_cause(one.limits.held_up),
            "learnt": list(learnt.get(endpoint, ())),
        }
        for endpoint, one in models.statistics().items()
    ]


def _by_cause(held_up: Mapping[tuple[Cause, str], float]) -> dict[str, float]:
    """Seconds for which calls waited, by the name of what they waited for."""
    seconds: dict[str, float] = {}
    for (cause, _), waited_s in held_up.items():
        seconds[cause.name] = seconds.get(cause.name, 0.0) + waited_s
    return {name: round(value, 3) for name, value in seconds.items()}


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
