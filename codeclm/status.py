"""How a run is doing, from what it left in its directory: nothing is locked or written there."""

from __future__ import annotations

import os
import re
import socket
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.archive import RunArchive
from codeclm.rundir import OUTCOMES

__all__ = ["Status", "status_in", "status_of"]

SIGN = re.compile(r"pid (\d+) on (\S+)")
QUIET_S = 15.0
"""A run saves its summary every second: where its processes cannot be seen, that is its sign of life."""

CLOCKS_DIFFER_S = 5.0
FAILED_ITEMS = 3
STOPPED = 4


@dataclass(frozen=True, slots=True)
class Status:
    """``state``: "starting", "running", "complete", "stopped" or "killed" (it did not say good-bye).

    ``holder`` says who works on it now ("" for nobody), ``saved_s`` how long ago the summary was written, None for
    never. ``exit_code`` is what the run ended with, 0 while it goes on.
    """

    path: Path
    state: str
    holder: str
    saved_s: float | None
    exit_code: int
    settings: Mapping[str, Any]
    summary: Mapping[str, Any]

    @property
    def is_over(self) -> bool:
        """Whether nobody works on it."""
        return self.state not in ("starting", "running")

    @property
    def counts(self) -> Mapping[str, int]:
        """Instructions by fate, and all else that the summary counts."""
        counts: Mapping[str, int] = self.summary.get("counts") or dict.fromkeys(OUTCOMES, 0)
        return counts


def status_of(path: Path) -> Status:
    """The state of the run in ``path``. Raises UsageError where no run has worked there."""
    return status_in(RunArchive(path))


def status_in(archive: RunArchive) -> Status:
    """The state of the run whose books these are."""
    path = archive.path
    holder, host, signed_s = _holder(path)
    summary, saved_s = archive.summary, _age_s(path / "summary.json")
    if holder and host == socket.gethostname():
        is_alive = _is_alive(int(holder), signed_s)
    else:
        is_alive = bool(holder) and saved_s is not None and saved_s < QUIET_S
    state = _state(summary, is_alive=is_alive, is_signed=bool(holder))
    who = f"pid {holder} on {host}" if is_alive else ""
    return Status(path, state, who, saved_s, _exit_code(state, summary), archive.settings, summary)


def _holder(path: Path) -> tuple[str, str, float]:
    """The process that signed the lock, its machine, and when; it takes its name out when it ends well."""
    lock = path / "run.lock"
    try:
        signed = SIGN.match(lock.read_text("utf-8", "replace"))
        return (signed[1], signed[2], lock.stat().st_mtime) if signed else ("", "", 0.0)
    except OSError:
        return "", "", 0.0


def _is_alive(pid: int, signed_s: float) -> bool:
    """Whether the process that signed the lock at ``signed_s`` is there, and no later one of the same number."""
    try:
        os.kill(pid, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        boot = re.search(r"^btime (\d+)$", Path("/proc/stat").read_text(), re.MULTILINE)
        if fields[0] == "Z" or boot is None:
            return boot is None
        started_s = int(boot[1]) + int(fields[19]) / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError):  # not every system tells
        return True
    return started_s < signed_s + CLOCKS_DIFFER_S


def _state(summary: Mapping[str, Any], *, is_alive: bool, is_signed: bool) -> str:
    if is_alive:
        return "running" if summary.get("state") == "running" else "starting"
    if is_signed:
        return "killed"
    return "complete" if summary.get("state") == "complete" else "stopped"


def _exit_code(state: str, summary: Mapping[str, Any]) -> int:
    if state == "complete":
        return FAILED_ITEMS if summary.get("failed_by_stage") else 0
    if state == "stopped":
        return int(summary.get("exit_code") or STOPPED)
    return STOPPED if state == "killed" else 0


def _age_s(file: Path) -> float | None:
    try:
        return max(0.0, time.time() - file.stat().st_mtime)
    except OSError:
        return None
