"""What an error answer comes down to: codes decide, then a plain order to retry or not, then the status.

A sentence decides only where a server has no code for what it says, or one code for two things: two
large providers use the same sentence for a rate limit and for an empty account.
"""

from __future__ import annotations

from collections.abc import Mapping

from codeclm.llm.complaint import Complaint
from codeclm.llm.hint import retry_after_s
from codeclm.llm.parameter import refused_parameter
from codeclm.llm.vocabulary import (
    CODES,
    EMPTY_ACCOUNT,
    NO_QUOTA,
    SENTENCES,
    STATUSES,
    TOO_LARGE_FOR_LIMIT,
    UNSUPPORTED,
    Meaning,
)

__all__ = ["meaning_of"]

SENTENCE_CHARACTERS = 4000
SURE = (402, 429)  # these say what to do, whatever x-should-retry says


def meaning_of(status: int, headers: Mapping[str, str], complaint: Complaint) -> Meaning:
    """What an answer with ``status`` (no 2xx), ``headers`` and ``complaint`` comes down to."""
    return (
        _by_codes(status, complaint)
        or _by_order(status, headers)
        or _by_sentence(status, complaint)
        or _by_status(status, headers, complaint)
    )


def _by_codes(status: int, complaint: Complaint) -> Meaning | None:
    found = next((meaning for meaning, codes in CODES.items() if codes & complaint.codes), None)
    if found is Meaning.SLOWER:
        return Meaning.TOO_LONG if status == 413 else _by_quota(complaint)
    if found is None and "overloaded" in complaint.codes:
        # With 429 it is the server's limit of calls in flight: there is room when one has ended.
        return Meaning.SLOWER if status == 429 else Meaning.BUSY
    if found is None and complaint.codes & UNSUPPORTED:
        return _by_field(complaint)
    return found


def _by_field(complaint: Complaint) -> Meaning | None:
    """What it means that a field, or its value, is not supported: not all can be left out."""
    if refused_parameter(complaint) is not None:
        return Meaning.PARAMETER
    return Meaning.MODEL if "model" in complaint.fields else None


def _by_quota(complaint: Complaint) -> Meaning:
    """Which limit it is that was reached: one that is 0, one of a day, of money, or of a minute."""
    text = complaint.message[:SENTENCE_CHARACTERS]
    nothing = any(value == "0" for _, value in complaint.quotas)
    if nothing or ("resource_exhausted" in complaint.codes and NO_QUOTA.search(text)):
        return Meaning.NO_QUOTA_AT_ALL
    if any("perday" in name.lower() for name, _ in complaint.quotas):
        return Meaning.NO_MORE_TODAY
    if EMPTY_ACCOUNT.search(text):
        return Meaning.NO_MONEY
    if TOO_LARGE_FOR_LIMIT.search(text):
        return Meaning.TOO_LONG
    return Meaning.SLOWER


def _by_order(status: int, headers: Mapping[str, str]) -> Meaning | None:
    """``x-should-retry``, which the providers' own clients obey before the status."""
    order = headers.get("x-should-retry", "").strip().lower()
    if order == "false" and (status >= 500 or status in (408, 409)):
        return Meaning.REQUEST
    if order == "true" and 400 <= status < 500 and status not in SURE:
        return Meaning.BROKEN
    return None


def _by_sentence(status: int, complaint: Complaint) -> Meaning | None:
    text = complaint.message[:SENTENCE_CHARACTERS]
    said = next(
        (
            meaning
            for statuses, meaning, words in SENTENCES
            if status in statuses and words.search(text)
        ),
        Meaning.REQUEST if status in (400, 422) else None,
    )
    if said is Meaning.REQUEST and refused_parameter(complaint) is not None:
        return Meaning.PARAMETER
    return said


def _by_status(status: int, headers: Mapping[str, str], complaint: Complaint) -> Meaning:
    if status == 402:  # with a hint: the price of the calls in flight fills a budget
        hint_s = retry_after_s(headers) if complaint.wait_s is None else complaint.wait_s
        return Meaning.NO_MONEY if hint_s is None else Meaning.SLOWER
    if status == 529 or (status == 503 and complaint.is_json):
        return Meaning.BUSY
    if status < 400:
        return Meaning.MOVED
    return Meaning.BROKEN if status >= 500 else STATUSES.get(status, Meaning.REQUEST)
