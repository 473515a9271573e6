"""One run of one client: what it took, what reached the endpoint, what came out."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from benchmarks.child import Ran, run_child
from benchmarks.endpoint import Served
from benchmarks.peers.catalogue import Peer
from benchmarks.peers.environments import Unavailable, quiet
from benchmarks.peers.memory import watched

__all__ = ["Done", "Size", "run_job"]

CLIENTS = Path(__file__).parent / "clients"
ROOT = Path(__file__).parents[2]


@dataclass(frozen=True, slots=True)
class Size:
    """Of a job; it is ended after ``patience_s``."""

    calls: int
    in_flight: int
    patience_s: float


@dataclass(frozen=True, slots=True)
class Done:
    """``rows`` are the prompts with an answer in the final output; None where there is none, for it was killed.

    ``hung``: it was still not done when patience was over.
    """

    wall_s: float
    cpu_s: float
    peak_mb: float
    requests: int
    rows: int | None
    hung: bool


def run_job(
    peer: Peer, python: Path, served: Served, place: Path, size: Size, *, kill_at: int | None = None
) -> Done:
    """Run the client of ``peer`` in ``place``; kill it and all its processes once ``kill_at`` requests arrived.

    Raises Unavailable where it breaks.
    """
    before = served.stats().requests
    home = place.parent / "home"
    home.mkdir(exist_ok=True)
    place.mkdir(exist_ok=True)
    with watched() as memory:
        ran = run_child(
            _command(peer, python, served, place, size),
            timeout_s=size.patience_s,
            env={**quiet(peer, home), "PYTHONPATH": "" if peer.environment else str(ROOT)},
            kill_after=None
            if kill_at is None
            else lambda: served.stats().requests - before >= kill_at,
        )
    return Done(
        ran.wall_s,
        ran.cpu_s,
        memory.mb or ran.peak_mb,
        served.stats().requests - before,
        _rows(ran, killed=kill_at is not None),
        ran.timed_out,
    )


def _command(peer: Peer, python: Path, served: Served, place: Path, size: Size) -> list[str]:
    return [
        str(python),
        str(CLIENTS / f"{peer.client}.py"),
        f"--base-url={served.base_url}",
        f"--calls={size.calls}",
        f"--in-flight={size.in_flight}",
        f"--place={place}",
        f"--option={peer.option}",
    ]


def _rows(ran: Ran, *, killed: bool) -> int | None:
    if killed or ran.timed_out:
        return None
    try:
        return int(ran.figures()["rows"])
    except RuntimeError as error:
        raise Unavailable(f"broke: {str(error).splitlines()[-1]}") from None
