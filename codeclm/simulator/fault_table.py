"""Every fault there is, by name: what the client sees, and what may be said more exactly about it."""

from __future__ import annotations

from dataclasses import dataclass

__all__ = ["FAULTS", "FaultKind", "fault_list"]


@dataclass(frozen=True, slots=True)
class FaultKind:
    """``details`` are what may stand behind the colon: words, "N" (a whole number), or "NAME" (of a field).

    The first is what is meant where nothing is said; "" is the shape of the API that was called.
    """

    seen: str
    details: tuple[str, ...] = ()


_DIALECTS = ("", "openai", "anthropic")

FAULTS = {
    "429": FaultKind("too many requests, with Retry-After"),
    "400": FaultKind("bad request, for no reason that a client knows"),
    "401": FaultKind("the key is refused"),
    "403": FaultKind("not permitted"),
    "404": FaultKind("no such model"),
    "408": FaultKind("request timeout"),
    "429-nohint": FaultKind("too many requests, without any hint how long to wait"),
    "500": FaultKind("server error"),
    "502": FaultKind("bad gateway"),
    "503": FaultKind("service unavailable"),
    "504": FaultKind("gateway timeout"),
    "529": FaultKind("overloaded"),
    "quota": FaultKind(
        "no money or no quota for the day is left", (*_DIALECTS, "gemini", "openrouter")
    ),
    "overloaded": FaultKind(
        "too busy, in the words of a server", (*_DIALECTS, "mistral", "ollama", "sglang", "tgi")
    ),
    "slow-down": FaultKind("503 slow_down: do not grow so fast"),
    "loading": FaultKind("503 while llama.cpp loads its model"),
    "outage": FaultKind(
        "down: a gateway's page, or (refuse) nobody listens",
        ("503", "500", "502", "504", "529", "html502", "html503", "html504", "refuse"),
    ),
    "reset": FaultKind("the connection is reset without an answer"),
    "reset-reused": FaultKind(
        "a kept-alive connection closes as the request arrives; a new one never does"
    ),
    "timeout": FaultKind("no answer ever"),
    "hang": FaultKind("no answer ever (the same as timeout)"),
    "trickle": FaultKind("the answer comes at one byte a second"),
    "slow": FaultKind("ten times the latency"),
    "malformed": FaultKind("200 with broken JSON"),
    "cut": FaultKind("fewer bytes than Content-Length promises"),
    "huge": FaultKind("an answer of N MiB", ("64", "N")),
    "bomb": FaultKind("an answer of N MiB, packed a thousand times smaller", ("64", "N")),
    "filtered": FaultKind("400: Azure's content filter keeps the prompt"),
    "context": FaultKind("400: the prompt is longer than the model's context"),
    "bad-parameter": FaultKind("400 while the request has the field NAME", ("max_tokens", "NAME")),
    "error200": FaultKind("200 with an error of code N in its body", ("502", "N")),
    "empty": FaultKind("200 with null content"),
    "no-choices": FaultKind("200 with an empty list of choices, or none"),
    "tool-calls": FaultKind("200 that calls a tool nobody offered"),
    "reasoning": FaultKind("200 with null content; all was said in reasoning_content"),
    "unclosed-think": FaultKind("200 with thoughts that never end"),
    "think": FaultKind("an answer behind <think>thoughts</think>"),
    "length": FaultKind("an answer that stops half-way, finish_reason length"),
    "filtered-answer": FaultKind("200, finish_reason content_filter, no content"),
    "refusal": FaultKind("200 in which the model refuses"),
    "no-usage": FaultKind("an answer without its usage"),
}
"""Every fault by name."""


def fault_list() -> list[str]:
    """Lines that tell people which faults there are, and how they are written."""
    lines = _HOW.splitlines()
    for name, kind in FAULTS.items():
        details = "|".join(detail for detail in kind.details if detail)
        lines += [f"  {name}:{details}" if details else f"  {name}", f"      {kind.seen}"]
    return lines


_HOW = """\
--faults takes a list such as 500=0.02,quota@1000,401@50+1,outage:html502@30s-90s
  NAME=SHARE            that share of the requests (all shares together at most 1)
  NAME@N                every request from number N on
  NAME@N+K              K requests from number N on
  NAME@As-Bs, NAME@As   the requests from second A until B, or from A on (since the first request)
  NAME~TEXT             the requests with TEXT in their prompt
  NAME=SHARE@WHEN~TEXT  that share of the requests that are both
  NAME:DETAIL...        more exactly, with one of the details in the list below; without, the first
Where several fit, faults with @ or ~ come first, as they are written. Requests are numbered once
the limits let them in; an outage, or loading, in seconds comes before any limit.
"""
