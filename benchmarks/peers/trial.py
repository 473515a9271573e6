"""One repeat of one client: four jobs on a fresh endpoint, and two with a kill between them."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.endpoint import endpoint
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environments import Unavailable
from benchmarks.peers.job import Done, Size, run_job
from benchmarks.repeats import Sample

__all__ = ["KILL_IN_FLIGHT", "KILL_LATENCY_S", "LARGER", "METRICS", "Terms", "trial"]

LARGER = 3
START_CALLS = 2  # of one row DataDesigner's statistics break
# So that even the slowest has as many calls in flight as it may when the kill comes.
KILL_LATENCY_S, KILL_IN_FLIGHT = 0.2, 32

METRICS: Mapping[str, str] = {
    "cpu_ms_a_call_marginal": "ms",
    "cpu_ms_a_call_job": "ms",
    "calls_per_s": "1/s",
    "wall_s": "s",
    "start_cpu_s": "s",
    "peak_mb": "MB",
    "again_s": "s",
    "again_calls": "calls",
    "paid_twice": "calls",
    "rows_lost": "rows",
    "resume_hung": "of 1",
    "resume_broke": "of 1",
}
"""What a trial finds, with units: of the job with its start, but for those of the larger job.

Those are calls_per_s, and cpu_ms_a_call_marginal, from the difference of the two.
"""


@dataclass(frozen=True, slots=True)
class Terms:
    """What all clients are measured under."""

    size: Size
    latency_s: float


def trial(peer: Peer, python: Path, terms: Terms) -> Sample:
    """All of ``METRICS``. Raises Unavailable where the client breaks or does not end."""
    with tempfile.TemporaryDirectory(prefix="bench-peers-") as directory:
        place = Path(directory)
        return {
            **_measured(peer, python, terms, place),
            **_interrupted(peer, python, terms, place / "interrupted"),
        }


def _measured(peer: Peer, python: Path, terms: Terms, place: Path) -> Sample:
    size = terms.size
    start_size = replace(size, calls=START_CALLS)
    larger = replace(size, calls=LARGER * size.calls)
    with endpoint(terms.latency_s) as served:
        start = _whole(run_job(peer, python, served, place / "start", start_size), START_CALLS)
        job = _whole(run_job(peer, python, served, place / "job", size), size.calls)
        again = _whole(run_job(peer, python, served, place / "job", size), size.calls)
        large = _whole(run_job(peer, python, served, place / "larger", larger), larger.calls)
    more = larger.calls - size.calls
    return {
        "cpu_ms_a_call_marginal": 1_000 * (large.cpu_s - job.cpu_s) / more,
        "cpu_ms_a_call_job": 1_000 * job.cpu_s / size.calls,
        "calls_per_s": larger.calls / large.wall_s,
        "wall_s": job.wall_s,
        "start_cpu_s": start.cpu_s,
        "peak_mb": job.peak_mb,
        "again_s": again.wall_s,
        "again_calls": again.requests,
    }


def _interrupted(peer: Peer, python: Path, terms: Terms, place: Path) -> Sample:
    """SIGKILL when half of the requests came, then the same command."""
    calls = terms.size.calls
    size = replace(terms.size, in_flight=min(terms.size.in_flight, KILL_IN_FLIGHT))
    with endpoint(max(terms.latency_s, KILL_LATENCY_S)) as served:
        run_job(peer, python, served, place, size, kill_at=(calls + 1) // 2)
        try:
            resumed = run_job(peer, python, served, place, size)
        except Unavailable:  # a figure of its own: the rest was measured
            resumed = None
        paid_twice = served.stats().repeated
    rows = resumed.rows if resumed else None
    return {
        "paid_twice": paid_twice,
        "rows_lost": calls - (rows or 0),
        "resume_hung": float(resumed is not None and resumed.hung),
        "resume_broke": float(resumed is None),
    }


def _whole(done: Done, calls: int) -> Done:
    """``done``, where it is as it should be: figures of half a job would flatter."""
    if done.hung:
        raise Unavailable("did not end in time")
    if done.rows != calls:
        raise Unavailable(f"{done.rows} of {calls} rows came out")
    return done
