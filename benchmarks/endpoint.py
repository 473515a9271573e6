"""The endpoint of all benchmarks: the fast server in a process and on a core of its own."""

from __future__ import annotations

import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import orjson

from benchmarks.pinned import pinned

__all__ = ["Served", "Stats", "endpoint"]


@dataclass(frozen=True, slots=True)
class Stats:
    """Requests that came, and how many of them were equal to an earlier one: answers that are paid twice.

    A run's preflight asks each model the same tiny thing at each start: it is among them.
    """

    requests: int
    repeated: int


@dataclass(frozen=True, slots=True)
class Served:
    """An endpoint that runs. ``base_url`` ends in ``/v1``."""

    base_url: str

    def stats(self) -> Stats:
        """What came so far."""
        where = self.base_url.removesuffix("/v1") + "/stats"
        with urllib.request.urlopen(where, timeout=10) as answer:
            return Stats(**orjson.loads(answer.read()))


@contextmanager
def endpoint(
    latency_s: float = 0.0, core: int | None = 1, *, jitter: float = 0.0
) -> Iterator[Served]:
    """Serve while the block lasts. The same request gets the same text, in every process.

    Latencies are spread evenly by the share ``jitter`` around ``latency_s``.
    """
    command = [sys.executable, "-m", "benchmarks.fast_server", str(latency_s), str(jitter)]
    fixed = {**os.environ, "PYTHONHASHSEED": "0"}
    with pinned(core):
        child = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=fixed, text=True
        )
    with child:
        assert child.stdin is not None
        assert child.stdout is not None
        try:
            base_url = child.stdout.readline().strip()
            if not base_url:
                raise RuntimeError("the endpoint of the benchmark did not start")
            yield Served(base_url)
        finally:
            child.stdin.close()
