"""Durations as people write them: "50ms", "0.2s", "1m", "0.2"."""

from __future__ import annotations

import re

from codeclm.errors import UsageError

__all__ = ["parse_duration"]

_DURATION = re.compile(r"(\d+(?:\.\d*)?|\.\d+) ?(ms|s|m|)", re.ASCII)
_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "": 1.0}


def parse_duration(text: str) -> float:
    """Seconds in ``text``; a bare number is seconds. Raises UsageError for anything else."""
    found = _DURATION.fullmatch(text.strip())
    if not found:
        raise UsageError(f"not a duration: {text!r}; write for example 50ms, 0.2s or 2m")
    return float(found[1]) * _SECONDS[found[2]]
