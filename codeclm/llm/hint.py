"""How long an endpoint asks to wait, read from its headers or from a sentence of its own."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

__all__ = ["duration_s", "reset_s", "retry_after_s", "said_s"]

LONGEST_S = 366 * 86_400.0  # what is longer is no wait but a mistake
# The reset of a limit that may not be the one in question is believed up to this: else the reset of
# a quota of the day, of which there is plenty left, would look like the end of the run.
PLAUSIBLE_S = 900.0
SENTENCE_CHARACTERS = 4000

# A gateway keeps the provider's headers behind a prefix, and has no wait of its own beside them.
PASSED_ON = "llm_provider-"

PART = re.compile(r"(\d{1,15}(?:\.\d{1,15})?)(ms|h|m|s)")
AMOUNT = (
    r"(\d{1,15}(?:\.\d{1,15})?)\s{0,3}"
    r"(milliseconds?|ms|days?|d|hours?|h|minutes?|mins?|m|seconds?|secs?|s)(?![a-z])\s{0,3}"
)
SAID = re.compile(
    rf"(?:retry|try again|wait)\s{{1,3}}(?:(?:in|after|for)\s{{1,3}})?((?:{AMOUNT})+)",
    re.IGNORECASE,
)
SAID_PART = re.compile(AMOUNT, re.IGNORECASE)
QUOTED_DELAY = re.compile(r"retryDelay\W{1,6}(\d[\d.]{0,30}s)\b")
UNTIL = re.compile(r"regain access on (\d{4}-\d\d-\d\d)(?: at (\d\d:\d\d))?")
UNIT_S = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}

LIMITS = [
    *(
        (f"x-ratelimit-remaining{of}", f"x-ratelimit-reset{of}")
        for of in ("-requests", "-tokens", "")
    ),
    *(
        (f"anthropic-ratelimit-{of}-remaining", f"anthropic-ratelimit-{of}-reset")
        for of in ("requests", "tokens", "input-tokens", "output-tokens")
    ),
]


def retry_after_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds to wait by ``retry-after-ms`` or else ``retry-after``; None where neither says.

    Those that a gateway only passes on count where it says nothing itself. ``now`` stands in for a
    missing ``date`` header when the endpoint names a point in time. Names are looked up in lower case.
    """
    own_s = _asked_s(headers, "", now)
    return _asked_s(headers, PASSED_ON, now) if own_s is None else own_s


def _asked_s(headers: Mapping[str, str], prefix: str, now: datetime | None) -> float | None:
    milliseconds = _number(headers.get(f"{prefix}retry-after-ms", ""))
    if milliseconds is not None:
        return _believed(milliseconds / 1000)
    text = headers.get(f"{prefix}retry-after", "").strip()
    seconds = _number(text)
    if seconds is None:
        seconds = duration_s(text)
    if seconds is None:
        seconds = _until_s(_moment(text), headers, now)
    return _believed(seconds)


def reset_s(headers: Mapping[str, str], now: datetime | None = None) -> float | None:
    """Seconds until the limits in the headers that are used up are all renewed.

    Where no limit is said to be used up, those count of which nothing is known but their reset,
    up to 15 minutes. None where there is none of either kind.
    """
    used_up: list[float] = []
    unknown: list[float] = []
    for remaining_name, reset_name in LIMITS:
        seconds = _reset(headers.get(reset_name, "").strip(), headers, now)
        remaining = _number(headers.get(remaining_name, ""))
        if not seconds or seconds < 0:
            continue
        if remaining is None and seconds <= PLAUSIBLE_S:
            unknown.append(seconds)
        elif remaining == 0:
            used_up.append(seconds)
    return max(used_up or unknown, default=None)


def said_s(
    text: str, headers: Mapping[str, str] | None = None, now: datetime | None = None
) -> float | None:
    """Seconds in a sentence such as "Please retry in 10h17m5.7s" or "try again in 20 seconds".

    Also in one that names a day on which access comes back, or in a quoted body that names a delay;
    None where there is no such sentence.
    """
    text = text[:SENTENCE_CHARACTERS]
    if found := SAID.search(text):
        parts = SAID_PART.findall(found[1])
        return _believed(math.fsum(float(number) * _unit_s(unit) for number, unit in parts))
    if found := QUOTED_DELAY.search(text):
        return duration_s(found[1])
    if found := UNTIL.search(text):
        moment = _moment(f"{found[1]}T{found[2] or '00:00'}:00Z")
        return _believed(_until_s(moment, headers or {}, now))
    return None


def duration_s(text: str) -> float | None:
    """Seconds in a duration such as "46s", "6m0s", "1h2m5.7s" or "500ms"; None for all else."""
    parts = PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        return None
    return _believed(math.fsum(float(number) * UNIT_S[unit] for number, unit in parts))


def _unit_s(unit: str) -> float:
    """The length of a unit that may be written out: "minutes" is "m", but "milliseconds" is "ms"."""
    unit = unit.lower()
    if unit == "ms" or unit.startswith("milli"):
        return UNIT_S["ms"]
    return UNIT_S[unit[0]]


def _reset(text: str, headers: Mapping[str, str], now: datetime | None) -> float | None:
    """A duration, a number of seconds, or a point in time: RFC 3339, or seconds or ms of Unix."""
    number = _number(text)
    if number is None:
        seconds = duration_s(text)
        return _believed(_until_s(_moment(text), headers, now) if seconds is None else seconds)
    if number > 1e11:
        number /= 1000
    if number > 1e9:
        return _believed(number - _now(headers, now).timestamp())
    return _believed(number)


def _number(text: str) -> float | None:
    """A finite number that is not negative: some gateways send -1 for "unknown"."""
    try:
        number = float(text)
    except ValueError:
        return None
    return number if math.isfinite(number) and number >= 0 else None


def _believed(seconds: float | None) -> float | None:
    return seconds if seconds is not None and seconds <= LONGEST_S else None


def _until_s(
    moment: datetime | None, headers: Mapping[str, str], now: datetime | None
) -> float | None:
    if moment is None:
        return None
    return max(0.0, (moment - _now(headers, now)).total_seconds())


def _now(headers: Mapping[str, str], now: datetime | None) -> datetime:
    """The endpoint's own clock where it shows it: ours may be wrong."""
    return _moment(headers.get("date", "")) or now or datetime.now(UTC)


def _moment(text: str) -> datetime | None:
    """A date as HTTP writes it, or as RFC 3339 does."""
    try:
        date = datetime.fromisoformat(text) if text[4:5] == "-" else parsedate_to_datetime(text)
    except (TypeError, ValueError, IndexError, OverflowError):
        return None
    return date if date.tzinfo else date.replace(tzinfo=UTC)
