"""Waits that endpoints ask for, in each of the forms in which they do."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.llm.hint import LONGEST_S, duration_s, reset_s, retry_after_s, said_s

NOW = datetime(2026, 3, 4, 5, 6, 7, tzinfo=UTC)
IN_90_S = format_datetime(NOW + timedelta(seconds=90), usegmt=True)

HINTS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    ({"retry-after": "20"}, 20),
    ({"retry-after": " 1.5 "}, 1.5),
    ({"retry-after": "0"}, 0),
    ({"llm_provider-retry-after": "7"}, 7),
    ({"llm_provider-retry-after": "7", "llm_provider-retry-after-ms": "6500"}, 6.5),
    ({"llm_provider-retry-after-ms": "6500", "retry-after": "20"}, 20),
    ({"llm_provider-retry-after": "7", "retry-after": "-1"}, 7),
    ({"retry-after-ms": "250", "retry-after": "20"}, 0.25),
    ({"retry-after-ms": "soon", "retry-after": "20"}, 20),
    ({"retry-after-ms": "-1", "retry-after": "20"}, 20),
    ({"retry-after": "6m0s"}, 360),
    ({"retry-after": IN_90_S}, 90),
    ({"retry-after": IN_90_S, "date": format_datetime(NOW - timedelta(seconds=10))}, 100),
    ({"retry-after": "2026-03-04T05:07:37Z"}, 90),
    ({"retry-after": format_datetime(NOW - timedelta(days=1))}, 0),
    ({"retry-after": "-1"}, None),
    ({"retry-after": "nan"}, None),
    ({"retry-after": "inf"}, None),
    ({"retry-after": "1e300"}, None),
    ({"retry-after": "tomorrow"}, None),
    ({"retry-after": ""}, None),
]


@pytest.mark.parametrize(("headers", "seconds"), HINTS)
def test_hints_in_headers(headers: dict[str, str], seconds: float | None) -> None:
    """Milliseconds before seconds before a date, a gateway's own before what it passes on; nonsense is no hint."""
    assert retry_after_s(headers, NOW) == seconds


def limits(**named: str) -> dict[str, str]:
    return {f"x-ratelimit-{name.replace('_', '-')}": value for name, value in named.items()}


RESETS: list[tuple[dict[str, str], float | None]] = [
    ({}, None),
    # Of what is used up, the last to be renewed.
    (limits(remaining_requests="0", reset_requests="1s"), 1),
    (
        limits(
            remaining_requests="0", reset_requests="1s", remaining_tokens="0", reset_tokens="6m0s"
        ),
        360,
    ),
    (
        limits(
            remaining_requests="0", reset_requests="1s", remaining_tokens="9", reset_tokens="6m0s"
        ),
        1,
    ),
    (limits(remaining_requests="0", reset_requests="8h24m0s"), 30_240),
    # Nothing is used up.
    (limits(remaining_requests="3", reset_requests="1s"), None),
    # Nothing is known but the resets.
    (limits(reset_requests="500ms", reset_tokens="54"), 54),
    (limits(reset_requests="8h24m0s", reset_tokens="54"), 54),
    (limits(reset_requests="8h24m0s"), None),
    (limits(remaining_requests="-1", reset_requests="7"), 7),
    (limits(remaining_requests="0", reset_requests="2s", reset_tokens="9s"), 2),
    # No resets at all.
    (limits(remaining_requests="0", reset_requests="-1"), None),
    (limits(remaining_requests="0", reset_requests="0"), None),
    (limits(remaining_requests="0", reset_requests="0s"), None),
    (limits(remaining_requests="0", reset_requests="soon"), None),
    (limits(remaining_requests="0"), None),
    # Points in time.
    (limits(remaining="0", reset=str(int(NOW.timestamp()) + 30)), 30),
    (limits(remaining="0", reset=f"{int(NOW.timestamp()) + 30}000"), 30),
    (limits(remaining="0", reset=f"{int(NOW.timestamp()) - 30}"), None),
    (
        {
            "anthropic-ratelimit-input-tokens-remaining": "0",
            "anthropic-ratelimit-input-tokens-reset": "2026-03-04T05:06:48Z",
            "anthropic-ratelimit-requests-remaining": "4",
            "anthropic-ratelimit-requests-reset": "2026-03-04T05:07:48Z",
        },
        41,
    ),
]


@pytest.mark.parametrize(("headers", "seconds"), RESETS)
def test_resets_of_limits(headers: dict[str, str], seconds: float | None) -> None:
    """What is used up counts; without a word on that, what is plausible; -1 and 0 say nothing."""
    assert reset_s(headers, NOW) == seconds


SAID: list[tuple[str, float | None]] = [
    ("Please retry in 10h17m5.7s.", 37_025.7),
    ("Please try again in 6ms. Visit", 0.006),
    ("Please try again in 20s", 20),
    ("Please try again in 1m30.5s.", 90.5),
    ("Please retry after 37 seconds.", 37),
    ("Rate limit is exceeded. Try again in 8 seconds.", 8),
    ("Please wait 46 seconds before retrying.", 46),
    ("please wait for 2 minutes and 5 seconds", 120),
    ("try again in 1 hour", 3600),
    ("try again in 250 milliseconds", 0.25),
    ("try again in 2 days", 172_800),
    ("Retry in 5m", 300),
    ("You will regain access on 2026-03-04 at 06:06 UTC.", 3593),
    ("You will regain access on 2026-03-05.", 68_033),
    ("You will regain access on 2026-99-99.", None),
    ("[{'error': {'details': [{'retryDelay': '46s'}]}}]", 46),
    ('{"retryDelay": "0.5s"}', 0.5),
    ("{'retryDelay': 'soon'}", None),
    ("try again in 5 meters", None),
    ("try again in 20", None),
    ("try again later", None),
    ("we retry 3 times", None),
    ("try again in 999999 days", None),
    ("", None),
]


@pytest.mark.parametrize(("text", "seconds"), SAID)
def test_hints_in_sentences(text: str, seconds: float | None) -> None:
    """Durations with short and long units; a number without a unit, or of another unit, is no hint."""
    assert said_s(text, None, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("46s", 46), ("10h17m5.7s", 37025.7), ("500ms", 0.5), ("6m0s", 360), ("5", None), ("", None)],
)
def test_durations(text: str, seconds: float | None) -> None:
    """Durations as Go writes them."""
    assert duration_s(text) == (None if seconds is None else pytest.approx(seconds))


@given(st.integers(0, 23), st.integers(0, 59), st.integers(0, 59), st.integers(0, 999))
def test_durations_survive_being_written(hours: int, minutes: int, seconds: int, ms: int) -> None:
    """As a duration in a header and in a sentence, in seconds, and as a date, a wait is the same."""
    whole = hours * 3600 + minutes * 60 + seconds
    written = f"{hours}h{minutes}m{seconds}.{ms:03}s"
    assert duration_s(written) == pytest.approx(whole + ms / 1000)
    assert said_s(f"Please retry in {written}.") == pytest.approx(whole + ms / 1000)
    assert retry_after_s({"retry-after-ms": str(whole * 1000 + ms)}) == whole + ms / 1000
    assert retry_after_s({"retry-after": str(whole)}) == whole
    date = format_datetime(NOW + timedelta(seconds=whole), usegmt=True)
    assert retry_after_s({"retry-after": date}, NOW) == whole


values = st.one_of(
    st.text(max_size=40),
    st.text(alphabet="0123456789hms.-+eTZ: ", max_size=40),
    st.sampled_from(
        ["0", "-1", "1e308", "9" * 400, "2026-03-04T05:06:07Z", "9999-12-31T23:59:59Z"]
    ),
    st.datetimes().map(str),
    st.datetimes().map(format_datetime),
)
NAMES = [
    "date",
    "retry-after",
    "retry-after-ms",
    "x-ratelimit-remaining-requests",
    "x-ratelimit-reset-requests",
    "x-ratelimit-reset-tokens",
    "anthropic-ratelimit-requests-reset",
]


@given(st.dictionaries(st.sampled_from(NAMES), values), values)
def test_a_hint_is_a_plausible_wait_or_none(headers: dict[str, str], text: str) -> None:
    """Whatever stands in headers or sentences, nothing is raised, and no wait is negative or endless."""
    said = said_s(f"Please retry in {text}", headers, NOW)
    for hint in (retry_after_s(headers, NOW), reset_s(headers, NOW), said):
        assert hint is None or 0 <= hint <= LONGEST_S
