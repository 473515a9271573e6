"""The status of a run in words, and as plain data."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from codeclm.printable import printable
from codeclm.progress.words import brief, clock_time, seconds_words
from codeclm.status import Status

__all__ = ["SCHEMA", "status_lines", "status_record"]

SCHEMA = 1
GO_ON = "the same command goes on where it stopped"


def status_record(status: Status) -> dict[str, Any]:
    """The status for machines; what is not known is None. ``progress`` is that of the JSON lines, while it runs."""
    summary = status.summary
    return {
        "schema": SCHEMA,
        "run": str(status.path),
        "state": status.state,
        "holder": status.holder or None,
        "saved_s_ago": None if status.saved_s is None else round(status.saved_s, 1),
        "exit_code": status.exit_code if status.is_over else None,
        "reason": summary.get("reason"),
        "wanted": summary.get("wanted"),
        "counts": dict(status.counts),
        "calls": _total(summary, "calls"),
        "cache_hits": _total(summary, "cache_hits"),
        "cost": _paid(summary),
        "sessions": summary.get("sessions"),
        "wall_time_s": summary.get("wall_time_s"),
        "endpoints": summary.get("endpoints", []),
        "progress": None if status.is_over else summary.get("progress"),
    }


def status_lines(status: Status) -> list[str]:
    """The status for a person, in lines that are safe to print."""
    return [printable(line) for line in _lines(status)]


def _lines(status: Status) -> Iterator[str]:
    summary = status.summary
    progress = {} if status.is_over else summary.get("progress") or {}
    yield _heading(status)
    if summary:
        yield _fates(status, progress)
        yield _calls(summary, progress)
        if progress.get("accepted_by_iteration"):
            yield _accepted(progress["accepted_by_iteration"])
        yield from _stages(progress)
        yield from _endpoints(summary, progress)
    if progress:
        yield progress["held_up_by"]["line"]
    yield from _how_to_go_on(status)


def _heading(status: Status) -> str:
    how = status.state
    if status.holder:
        how += f" ({status.holder})"
    elif reason := status.summary.get("reason"):
        how += f" ({reason})"
    saved = "" if status.saved_s is None else f", last saved {_ago(status.saved_s)} ago"
    return f"{status.path}: {how}{saved}"


def _ago(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else clock_time(seconds)


def _fates(status: Status, progress: Mapping[str, Any]) -> str:
    counts = status.counts
    done = sum(counts.get(name, 0) for name in ("selected", "surplus", "discarded", "failed"))
    fates = [
        f"{counts.get(name, 0):,} {name}"
        for name in ("selected", "surplus", "discarded", "failed", "pending")
        if name != "surplus" or counts.get(name)
    ]
    if counts.get("missing"):
        fates.append(f"{counts['missing']:,} missing")
    left_s = progress.get("left_s")
    left = "" if left_s is None else f"; about {clock_time(left_s)} left"
    return f"{done:,} of {status.summary.get('wanted', 0):,} instructions: {', '.join(fates)}{left}"


def _calls(summary: Mapping[str, Any], progress: Mapping[str, Any]) -> str:
    speed = f" ({progress['calls_per_s']:,.0f}/s)" if progress else ""
    parts = [
        f"{_total(summary, 'calls'):,} calls{speed}",
        f"{_total(summary, 'cache_hits'):,} cache hits",
        f"{brief(_total(summary, 'input_tokens'))} tokens in, {brief(_total(summary, 'output_tokens'))} out",
    ]
    cost = _paid(summary)
    if cost is not None:
        parts.append(f"${cost:,.2f} so far")
    sessions, wall = summary.get("sessions") or 1, summary.get("wall_time_s") or 0
    parts.append(f"{clock_time(wall)} in {sessions} session{'s' if sessions > 1 else ''}")
    return ", ".join(parts)


def _accepted(rows: list[Mapping[str, Any]]) -> str:
    shares = (
        f"{row['iteration']}: {row['selected'] / row['judged']:.0%}"
        for row in rows
        if row["judged"]
    )
    return f"accepted at iteration {'  '.join(shares)}"


def _stages(progress: Mapping[str, Any]) -> Iterator[str]:
    if rows := progress.get("stages"):
        names = ("waiting", "working", "done", "failed")
        yield f"{'stage':10}" + "".join(f"{name:>10}" for name in (*names, "items/s"))
        for row in rows:
            counts = "".join(f"{row[name]:>10,}" for name in names)
            yield f"{row['stage']:10}{counts}{brief(row['per_s']):>10}"


def _endpoints(summary: Mapping[str, Any], progress: Mapping[str, Any]) -> Iterator[str]:
    """As the run sees them while it goes on, else what is left of that in the summary."""
    for row in progress.get("endpoints", ()):
        yield (
            f"{row['endpoint']}: {row['in_flight']:,} of {row['in_flight_limit']:,} calls in flight, "
            f"{row['waiting']:,} waiting, {row['calls_per_s']:,.0f} calls/s, {brief(row['tokens_per_s'])} tokens/s, "
            f"{_trouble(row)}, p50 {seconds_words(row['latency_p50_s'])}, p95 {seconds_words(row['latency_p95_s'])}"
        )
    for row in () if progress else summary.get("endpoints", ()):
        yield (
            f"{row['model']}: {row.get('calls_started', 0):,} calls, "
            f"at most {row.get('peak_in_flight', 0):,} in flight, "
            f"{row.get('rate_limited', 0):,} 429s, {row.get('outages', 0):,} outages, "
            f"p50 {seconds_words(row.get('latency_p50_s'))}, p95 {seconds_words(row.get('latency_p95_s'))}"
        )


def _trouble(row: Mapping[str, Any]) -> str:
    words = f"{row['rate_limited']:,} 429s, {row['retries']:,} retries"
    if row["down_for_s"] is not None:
        return f"{words}, out of service for {row['down_for_s']:.0f} s"
    return f"{words}, paused for {row['paused_left_s']:.0f} s" if row["paused_left_s"] else words


def _how_to_go_on(status: Status) -> Iterator[str]:
    if status.state == "complete":
        yield f"dataset: {status.path / 'dataset.jsonl'} ({status.counts.get('selected', 0):,} examples)"
        if status.exit_code:
            yield "some items failed: reasons in failed.jsonl, the same command with --retry-failed tries them again"
    elif status.is_over:
        source = ((status.settings.get("input") or {}).get("source")) or ""
        from_file = f" (seeds were {source})" if source and source != "a list" else ""
        first = "mend that, then " if status.exit_code == 2 else ""
        yield f"{first}{GO_ON}: codeclm run ... -o {status.path}{from_file}"


def _total(summary: Mapping[str, Any], column: str) -> int:
    return sum(row.get(column) or 0 for row in summary.get("calls", ()))


def _paid(summary: Mapping[str, Any]) -> float | None:
    cost: float | None = (summary.get("cost") or {}).get("paid")
    return cost
