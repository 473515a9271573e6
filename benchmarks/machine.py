"""What was measured on, and with: no host name, no path."""

from __future__ import annotations

import os
import platform
import sqlite3
import subprocess
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.pinned import can_pin

__all__ = ["commit", "machine", "versions"]

LIBRARIES = ("aiohttp", "asyncio-throttle", "diskcache", "jinja2", "orjson", "pydantic", "uvloop")
ROOT = Path(__file__).parent.parent


def machine() -> dict[str, str]:
    """The machine, in words."""
    return {
        "cores": str(os.cpu_count()),
        "cpu": _field("/proc/cpuinfo", "model name") or platform.processor() or platform.machine(),
        "memory": f"{_memory_gb():.0f} GB",
        "os": f"{platform.system()} {platform.release()}",
        "pinned": "client and endpoint on a core each" if can_pin() else "no",
    }


def versions(libraries: Sequence[str] = LIBRARIES) -> dict[str, str]:
    """Python, SQLite and ``libraries``, those that are installed."""
    found = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    for name in libraries:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def commit() -> tuple[str, bool]:
    """The commit that is checked out, and whether files differ from it; "unknown" outside of a checkout."""
    head = _git("rev-parse", "--short=12", "HEAD")
    return head or "unknown", bool(_git("status", "--porcelain", "--untracked-files=no"))


def _git(*words: str) -> str:
    try:
        done = subprocess.run(["git", *words], cwd=ROOT, capture_output=True, text=True)
    except OSError:
        return ""
    return done.stdout.strip() if not done.returncode else ""


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30


def _field(file: str, name: str) -> str:
    try:
        lines = Path(file).read_text().splitlines()
    except OSError:
        return ""
    return next((line.partition(":")[2].strip() for line in lines if line.startswith(name)), "")
