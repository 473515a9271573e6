"""An answer that is no completion becomes an error, with one line for a person."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from codeclm.errors import (
    CodecLMError,
    ContextTooLong,
    EndpointRefused,
    Filtered,
    KeyRefused,
    MalformedAnswer,
    ModelLoading,
    Overloaded,
    ParameterRefused,
    QuotaExhausted,
    RampTooFast,
    RateLimited,
    RequestRefused,
    ServerError,
    TransientError,
)
from codeclm.llm.complaint import Complaint
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.hint import reset_s, retry_after_s, said_s
from codeclm.llm.meaning import meaning_of
from codeclm.llm.parameter import refused_parameter
from codeclm.llm.secret import redact
from codeclm.llm.vocabulary import Meaning

__all__ = ["error_for", "one_line"]

MESSAGE_CHARACTERS = 300


def error_for(
    status: int,
    headers: Mapping[str, str],
    complaint: Complaint,
    endpoint: Endpoint,
    redact: Callable[[str], str] = redact,
    *,
    came_with_200: bool = False,
) -> CodecLMError:
    """The error that ``status`` and ``complaint`` amount to; its message fits one line.

    ``came_with_200`` is for an error inside of a 200: ``status`` is then what its code stands for.
    """
    heading = f"HTTP 200 with error {status}" if came_with_200 else f"HTTP {status}"
    said = one_line(f"{heading}: {redact(complaint.message) or 'no reason given'}")
    meaning = meaning_of(status, headers, complaint)
    answer = _Answer(status, headers, complaint, endpoint, said)
    if kind := WAITING.get(meaning):
        return kind(said, retry_after_s=answer.hint_s(with_resets=issubclass(kind, RateLimited)))
    if refused := REFUSED.get(meaning):
        return refused(said)
    return BUILT[meaning](answer)


def one_line(text: str) -> str:
    """``text`` on one line of at most 300 characters, without control characters."""
    printable = "".join(letter if letter.isprintable() else " " for letter in text[:4000])
    line = " ".join(printable.split())
    if len(line) <= MESSAGE_CHARACTERS:
        return line
    return line[: MESSAGE_CHARACTERS - 3] + "..."


@dataclass(frozen=True, slots=True)
class _Answer:
    """All that an error is made of; ``said`` is the line that quotes the endpoint."""

    status: int
    headers: Mapping[str, str]
    complaint: Complaint
    endpoint: Endpoint
    said: str

    def hint_s(self, *, with_resets: bool) -> float | None:
        """The wait asked for: by a header, by a field of the body, by a sentence, by the resets."""
        hints = self.hints_s()
        asked = hints if with_resets else hints[:-2]
        return next((seconds for seconds in asked if seconds is not None), None)

    def longest_hint_s(self) -> float | None:
        """For a quota of a day, whose shorter hints are about another limit."""
        return max((seconds for seconds in self.hints_s() if seconds is not None), default=None)

    def hints_s(self) -> list[float | None]:
        inside = {**self.complaint.headers, "date": self.headers.get("date", "")}
        return [
            retry_after_s(self.headers),
            self.complaint.wait_s,
            said_s(self.complaint.message, self.headers),
            reset_s(self.headers),
            reset_s(inside),
        ]


def _no_money(answer: _Answer) -> QuotaExhausted:
    # Only a date counts: no account is filled up in the seconds that a header of all 429s names.
    resume_after_s = said_s(answer.complaint.message, answer.headers)
    where = f"no credit or quota is left at {answer.endpoint.base_url}"
    return QuotaExhausted(
        one_line(f"{where}{_resume(resume_after_s)} ({answer.said})"), resume_after_s
    )


def _no_more_today(answer: _Answer) -> QuotaExhausted:
    resume_after_s = answer.longest_hint_s()
    where = f"the quota of the day for {answer.endpoint.model!r} is used up"
    return QuotaExhausted(
        one_line(f"{where}{_resume(resume_after_s)} ({answer.said})"), resume_after_s
    )


def _resume(seconds: float | None) -> str:
    """When to go on, rounded up to minutes: a start too early would only be refused again."""
    if seconds is None:
        return ""
    hours, minutes = divmod(max(1, math.ceil(seconds / 60)), 60)
    return f": resume in {hours} h {minutes} min" if hours else f": resume in {minutes} min"


def _no_quota_at_all(answer: _Answer) -> EndpointRefused:
    where = f"no quota for this model ({answer.endpoint.model!r} at {answer.endpoint.base_url})"
    return EndpointRefused(one_line(f"{where}: choose another, or a paid plan ({answer.said})"))


def _refused_key(answer: _Answer) -> KeyRefused:
    endpoint = answer.endpoint
    if endpoint.api_key_env:
        advice = f"{endpoint.base_url} refuses the key; check {endpoint.api_key_env}"
    else:
        advice = f"{endpoint.base_url} wants a key; name the variable that holds it (api_key_env)"
    return KeyRefused(one_line(f"{advice} ({answer.said})"))


def _refused_region(answer: _Answer) -> KeyRefused:
    where = f"{answer.endpoint.base_url} does not serve this account or this region"
    return KeyRefused(one_line(f"{where} ({answer.said})"))


def _refused_model(answer: _Answer) -> EndpointRefused:
    endpoint = answer.endpoint
    where = f"{endpoint.base_url} knows no model {endpoint.model!r}, or the URL is wrong"
    return EndpointRefused(one_line(f"{where} ({answer.said})"))


def _moved(answer: _Answer) -> EndpointRefused:
    return EndpointRefused(
        f"{answer.endpoint.base_url} redirects (HTTP {answer.status}); redirects are not followed, "
        "for they would carry the key to another place: give the final URL"
    )


def _refused_parameter(answer: _Answer) -> ParameterRefused:
    parameter = refused_parameter(answer.complaint) or ""
    return ParameterRefused(one_line(f"{parameter} is not supported ({answer.said})"), parameter)


def _cut_upload(answer: _Answer) -> MalformedAnswer:
    return MalformedAnswer(one_line(f"the request was cut on its way ({answer.said})"))


WAITING: dict[Meaning, type[TransientError]] = {
    Meaning.SLOWER: RateLimited,
    Meaning.RAMP_TOO_FAST: RampTooFast,
    Meaning.BUSY: Overloaded,
    Meaning.LOADING: ModelLoading,
    Meaning.BROKEN: ServerError,
}
REFUSED: dict[Meaning, type[RequestRefused]] = {
    Meaning.TOO_LONG: ContextTooLong,
    Meaning.FILTERED: Filtered,
    Meaning.REQUEST: RequestRefused,
}
BUILT: dict[Meaning, Callable[[_Answer], CodecLMError]] = {
    Meaning.NO_MONEY: _no_money,
    Meaning.NO_MORE_TODAY: _no_more_today,
    Meaning.NO_QUOTA_AT_ALL: _no_quota_at_all,
    Meaning.KEY: _refused_key,
    Meaning.REGION: _refused_region,
    Meaning.MODEL: _refused_model,
    Meaning.MOVED: _moved,
    Meaning.PARAMETER: _refused_parameter,
    Meaning.CUT_UPLOAD: _cut_upload,
}
