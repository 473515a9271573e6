"""What the figures were measured with: nothing that names the machine or its user."""

from __future__ import annotations

import os
import platform
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version

from codeclm.version import __version__

__all__ = ["surroundings"]


def surroundings() -> Mapping[str, object]:
    """Versions, kind of system, processors that this process may use."""
    return {
        "codeclm": __version__,
        "python": platform.python_version(),
        "aiohttp": _version("aiohttp"),
        "uvloop": _version("uvloop"),
        "system": f"{platform.system()} {platform.machine()}",
        "processors": _processors(),
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None


def _processors() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
