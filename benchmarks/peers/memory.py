"""How much memory a measured process and all it started hold together at their highest."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from benchmarks.pinned import pinned

__all__ = ["Highest", "watched"]

LOOK_EVERY_S = 0.1
PROCESSES = Path("/proc")


class Highest:
    """The highest sum seen so far; pages that several processes share count once."""

    def __init__(self) -> None:
        self.mb = 0.0

    def look(self) -> None:
        """Add up the sessions that this process's children lead."""
        stats = dict(_stats())
        led = {
            pid
            for pid, (parent, session) in stats.items()
            if parent == os.getpid() and session == pid
        }
        members = [pid for pid, (_, session) in stats.items() if session in led]
        self.mb = max(self.mb, sum(map(_proportional_kb, members)) / 1024)


@contextmanager
def watched(core: int | None = 1) -> Iterator[Highest]:
    """Look while the block lasts, from the endpoint's core. Nothing is seen where there is no /proc."""
    highest, over = Highest(), threading.Event()

    def watch() -> None:
        with pinned(core):
            while not over.wait(LOOK_EVERY_S):
                highest.look()

    thread = threading.Thread(target=watch, daemon=True)
    thread.start()
    try:
        yield highest
    finally:
        over.set()
        thread.join()


def _stats() -> Iterator[tuple[int, tuple[int, int]]]:
    """Parent and session of each process."""
    if not PROCESSES.is_dir():
        return
    for directory in PROCESSES.iterdir():
        if directory.name.isdigit():
            with suppress(OSError):
                fields = (directory / "stat").read_text().rpartition(")")[2].split()
                yield int(directory.name), (int(fields[1]), int(fields[3]))


def _proportional_kb(pid: int) -> int:
    with suppress(OSError):
        for line in (PROCESSES / str(pid) / "smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1])
    return 0
