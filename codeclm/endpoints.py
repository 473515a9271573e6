"""What a summary says of each endpoint: how it was used, what it took, what was learnt of it."""

from __future__ import annotations

from typing import Any

from codeclm.llm.providers import Models

__all__ = ["endpoint_rows"]


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
            "learnt": list(learnt.get(endpoint, ())),
        }
        for endpoint, one in models.statistics().items()
    ]
