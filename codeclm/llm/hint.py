"""How long an endpoint asks to wait, read from its headers or its error body."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["duration_s", "retry_after_s"]

PART = re.compile(r"(\d+(?:\.\d+)?)(ms|h|m|s)")
UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or else ``retry-after``; None where neither says.

    ``now`` stands in for a missing ``date`` header when the endpoint names a point in time. Names
    are looked up in lower case.
    """
    milliseconds = _number(headers.get("retry-after-ms", ""))
    if milliseconds is not None:
        return milliseconds / 1000
    text = headers.get("retry-after", "").strip()
    seconds = _number(text)
    if seconds is None:
        seconds = duration_s(text)
    if seconds is None:
        until = _date(text)
        since = _date(headers.get("date", "")) or now or datetime.now(UTC)
        seconds = None if until is None else max(0.0, (until - since).total_seconds())
    return seconds


def duration_s(text: str) -> float | None:
    """Seconds in a duration such as "46s", "6m0s", "1h2m5.7s" or "500ms"; None for all else."""
    parts = PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return math.fsum(float(number) * UNIT_S[unit] for number, unit in parts)


def _number(text: str) -> float | None:
    """A finite number that is not negative: some gateways send -1 for "unknown"."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _date(text: str) -> datetime | None:
    try:
        date = parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
