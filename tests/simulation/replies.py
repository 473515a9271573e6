"""Raw answers: those of the golden transcripts, by what they amount to, and completions in every shape of theirs."""

from __future__ import annotations

import copy
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from codeclm.errors import CodecLMError, TransientError
from codeclm.llm.http import Answer
from codeclm.llm.regulator import LONGEST_PAUSE_S
from codeclm.llm.wire import read_completion
from tests.simulation.weather import DAILY
from tests.transcripts import ENDPOINT, TRANSCRIPTS, Transcript

__all__ = ["CANARY", "COMPLETIONS", "ERRORS", "Shape"]

CANARY = "canary-7c1f0e5b9d2a"
"""The key of all simulated calls; some servers write it into their errors."""
PLACE = "@the text@"
FINISH = "@the finish@"


@dataclass(frozen=True, slots=True)
class Shape:
    """One way to write a completion; the tokens are those that its usage counts, 0 where it counts none."""

    template: bytes
    input_tokens: int
    output_tokens: int

    def answer(self, text: str, finish_reason: str) -> Answer:
        """An answer that says ``text``."""
        body = self.template.replace(orjson.dumps(PLACE), orjson.dumps(text), 1)
        return Answer(200, {}, body.replace(FINISH.encode(), finish_reason.encode(), 1))


def _errors() -> dict[str, list[Answer]]:
    """By class: the answers as they are, and with the key written into their messages where that changes nothing."""
    found: dict[str, list[Answer]] = defaultdict(list)
    for transcript in TRANSCRIPTS:
        kind = transcript.expect.get("error")
        if kind is None or transcript.server == "anthropic":
            continue
        plain = Answer(transcript.status, transcript.headers, transcript.raw)
        found_kind, hint_s = _amounts_to(plain)
        if found_kind != kind:  # its own test sees to that
            continue
        if kind == "RateLimited" and (hint_s or 0) > LONGEST_PAUSE_S:
            kind = DAILY
        found[kind].append(plain)
        told = Answer(transcript.status, transcript.headers, _telling(transcript))
        if _amounts_to(told) == _amounts_to(plain):
            found[kind].append(told)
    return dict(found)


def _amounts_to(answer: Answer) -> tuple[str, float | None]:
    try:
        read_completion(answer.status, answer.headers, answer.body, endpoint=ENDPOINT)
    except CodecLMError as error:
        hint_s = error.retry_after_s if isinstance(error, TransientError) else None
        return type(error).__name__, hint_s
    return "", None


def _telling(transcript: Transcript) -> bytes:
    body = copy.deepcopy(transcript.body)
    if isinstance(body, str):
        return f"{body} {CANARY}".encode()
    return orjson.dumps(_told(body))


def _told(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {
            name: f"{one} Your key is {CANARY}."
            if name == "message" and isinstance(one, str)
            else _told(one)
            for name, one in value.items()
        }
    return [_told(one) for one in value] if isinstance(value, list) else value


def _shapes() -> list[Shape]:
    shapes = []
    for transcript in TRANSCRIPTS:
        expect, body = transcript.expect, copy.deepcopy(transcript.body)
        if expect.get("finish_reason") != "stop" or transcript.server == "anthropic":
            continue
        choice = body["choices"][0]
        if choice["message"].get("content") != expect["text"]:
            continue
        choice["message"]["content"], choice["finish_reason"] = PLACE, FINISH
        raw = orjson.dumps(body)
        usage = read_completion(200, {}, raw, endpoint=ENDPOINT).usage
        shapes.append(Shape(raw, usage.input_tokens or 0, usage.output_tokens or 0))
    return shapes


ERRORS = _errors()
COMPLETIONS = _shapes()
