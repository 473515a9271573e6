"""What the figures say, in sentences: where the knee is, and which side limits."""

from __future__ import annotations

from collections.abc import Sequence

from codeclm.bench.statistics import Figures
from codeclm.bench.sweep import Point, knee
from codeclm.llm.spec import ModelSpec

__all__ = ["BUSY", "TROUBLED", "disturbance", "knee_sentence", "limit_sentence", "point_of"]

TROUBLED = 0.01
"""A level in which more than this share of the attempts failed does not count as taken by the endpoint."""

NEARLY_ALL = 0.95
"""Nor does one where 429s, however few, kept calls waiting so that efficiency fell below this."""

BUSY = 0.90
"""A client that uses more than this share of a core is what limits."""

LATE_S = 0.1
USED_UP = 0.95
"""A limit of the user's own that is used to this share is what limits."""


def point_of(level: Figures) -> Point:
    """What the search for the knee needs to know of a level."""
    return Point(level.in_flight, level.calls_per_s, _is_troubled(level))


def _is_troubled(level: Figures) -> bool:
    paused = level.rate_limited > 0 and (level.efficiency or 0.0) < NEARLY_ALL
    return paused or level.failed_share > TROUBLED or not level.answers


def knee_sentence(levels: Sequence[Figures]) -> str:
    """Where the knee is, or that there is none yet."""
    points = [point_of(level) for level in levels]
    found = knee(points)
    if found is not None:
        level = next(one for one in levels if one.in_flight == found.in_flight)
        p95 = f", p95 {level.latency.p95_s:.3g} s" if level.latency else ""
        rate = f"{level.calls_per_s:,.4g} calls/s"
        return f"the knee is at {_in_flight(level)}: {rate}{p95}"
    if all(point.troubled for point in points):
        return "there is no knee: every level had refused or failed calls"
    if len(points) < 2:
        return "one level shows no knee; measure several, or --sweep"
    most = max(point.in_flight for point in points)
    return f"no knee up to {most:,} calls in flight: throughput was still rising"


def limit_sentence(levels: Sequence[Figures], spec: ModelSpec) -> str:
    """Which side limits, at the level with the highest throughput or where the endpoint objected."""
    best = max(levels, key=lambda level: level.calls_per_s)
    return (
        _client(best)
        or _own_limit(best, spec)
        or _objections(levels)
        or _endpoint(levels, best)
        or "the number of calls in flight limits: more of them may bring more answers"
    )


def disturbance(levels: Sequence[Figures]) -> str:
    """Whether something took this client's time that was not its own work; "" where nothing did."""
    worst = max(levels, key=lambda level: level.lag_p99_s)
    if worst.lag_p99_s <= LATE_S or worst.cpu >= BUSY:
        return ""
    return (
        f"this client was disturbed: its event loop was {worst.lag_p99_s * 1000:,.0f} ms late (p99) at "
        f"{_in_flight(worst)} though it used {worst.cpu:.0%} of a core; latencies are too high by that"
    )


def _client(best: Figures) -> str:
    if best.cpu < BUSY:
        return ""
    return (
        f"this client's CPU limits: it uses {best.cpu:.0%} of a core at {_in_flight(best)}; "
        "the endpoint may take more"
    )


def _own_limit(best: Figures, spec: ModelSpec) -> str:
    input_s, output_s = best.input_tokens_per_s or 0.0, best.output_tokens_per_s or 0.0
    for name, limit, used_per_s in (
        ("requests", spec.requests_per_minute, best.calls_per_s),
        ("tokens", spec.tokens_per_minute, input_s + output_s),
        ("input tokens", spec.input_tokens_per_minute, input_s),
        ("output tokens", spec.output_tokens_per_minute, output_s),
    ):
        if limit is not None and used_per_s * 60 >= USED_UP * limit:
            return f"a limit of your own limits: {limit:,g} {name} a minute"
    return ""


def _objections(levels: Sequence[Figures]) -> str:
    for level in sorted(levels, key=lambda one: one.in_flight):
        if not _is_troubled(level) or not level.failed:
            continue
        where = f"at {_in_flight(level)}"
        if level.rate_limited >= sum(level.errors.values()):
            plural = "" if level.rate_limited == 1 else "s"
            return f"a rate limit: {level.rate_limited:,} 429{plural} {where}"
        kinds = ", ".join(f"{count:,} {kind}" for kind, count in level.errors.items())
        return f"the endpoint fails {where}: {kinds}"
    return ""


def _endpoint(levels: Sequence[Figures], best: Figures) -> str:
    found = knee([point_of(level) for level in levels])
    if found is None:
        return ""
    return (
        f"the endpoint limits: more calls in flight bring no more answers, and this client uses "
        f"{best.cpu:.0%} of a core"
    )


def _in_flight(level: Figures) -> str:
    return f"{level.in_flight:,} {'call' if level.in_flight == 1 else 'calls'} in flight"
