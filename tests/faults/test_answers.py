"""F11 and F12: no answer of a server, however broken, does more than become an error of this package."""

from __future__ import annotations

import json
import time
import tracemalloc
from collections.abc import Iterator
from random import Random
from typing import Any

import orjson
import pytest

from codeclm.errors import CodecLMError
from codeclm.llm.cache import CachedModel
from codeclm.llm.chat import ChatRequest, Completion, Message
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.store import MemoryStore
from codeclm.llm.wire import read_completion
from tests.faults.bench import Measure, Scale
from tests.loops import ON_UVLOOP
from tests.transcripts import ENDPOINT, TRANSCRIPTS, Transcript, read

STATUSES = (200, 200, 200, 204, 301, 400, 401, 402, 403, 404, 413, 422, 429, 500, 503, 529, 599)
NAMES = (
    "code",
    "choices",
    "content",
    "details",
    "error",
    "finish_reason",
    "loc",
    "message",
    "metadata",
)
NASTY = (
    b"NaN",
    b"-Infinity",
    b"1e999",
    b"9" * 400,
    b'"\\ud83d"',
    b'"\xff\xfe"',
    b"\x00",
    b"[" * 3000,
    b'{"a":' * 300 + b"1" + b"}" * 300,
    b"[" * 900 + b"]" * 900,
    b'"' + b"try again in " * 400 + b'"',
    b'"' + b"1" * 5000 + b'h"',
    b'"' + b"<think>" * 800 + b'"',
    b'"' + b"<script" * 800 + b'"',
    b'"' + b"not valid json" * 400 + b'"',
    b'"' + b"*" * 3000 + b"model " * 800 + b'"',
)
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 2**63, 1.5, "", " ", "x", "429", "RESOURCE_EXHAUSTED"),
    *([], {}, [None], [[]], {"": None}, {"code": 429}, [{"type": "extra_forbidden", "loc": []}]),
    *("limit: 0", "\u202e\x1b[31m\n", "insufficient_quota", ["body", 0], {"detail": [{"loc": 3}]}),
)  # fmt: skip


def cut(raw: bytes, random: Random) -> bytes:
    return raw[: random.randrange(len(raw) + 1)]


def garbled(raw: bytes, random: Random) -> bytes:
    """A few bytes become others, mostly no UTF-8."""
    garbage = bytearray(raw or b"{}")
    for _ in range(random.randrange(1, 6)):
        garbage[random.randrange(len(garbage))] = random.randrange(256)
    return bytes(garbage)


def spliced(raw: bytes, random: Random) -> bytes:
    """Something that no JSON has, or that goes deep or long, in place of a value or anywhere."""
    at = random.randrange(len(raw) + 1)
    colon = raw.find(b":", at) + 1
    if colon and random.random() < 0.8:
        end = min((raw.find(mark, colon) % (len(raw) + 1) for mark in b",}"), default=colon)
        return raw[:colon] + random.choice(NASTY) + raw[end:]
    return raw[:at] + random.choice(NASTY) + raw[at:]


def doubled(raw: bytes, random: Random) -> bytes:
    """A key twice, the second time with another value."""
    value = orjson.dumps(random.choice(VALUES))
    return raw.replace(
        b"}", b',"%s":%s}' % (random.choice(NAMES).encode(), value), random.randrange(1, 4)
    )


def retyped(raw: bytes, random: Random) -> bytes:
    """Values of other types, missing values, and values of another answer in their place."""
    try:
        tree = [orjson.loads(raw)]
    except orjson.JSONDecodeError:
        return garbled(raw, random)
    for _ in range(random.randrange(1, 4)):
        holder, key = random.choice(list(places(tree)))
        match random.randrange(4):
            case 0 if isinstance(holder, dict):
                del holder[key]
            case 1:
                other = random.choice(TRANSCRIPTS).body
                holder[key] = orjson.loads(orjson.dumps(other))
            case 2:
                holder[key] = deep(random)
            case _:
                holder[key] = orjson.loads(orjson.dumps(random.choice(VALUES)))
    try:
        return json.dumps(tree[0]).encode() if tree else b""
    except RecursionError:
        return raw


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a JSON value that something else can be put into."""
    left = [value]
    while left:
        holder = left.pop()
        for key, inner in holder.items() if isinstance(holder, dict) else enumerate(holder):
            yield holder, key
            if isinstance(inner, dict | list):
                left.append(inner)


def deep(random: Random) -> Any:
    value: Any = "x"
    for _ in range(random.choice((3, 30, 120, 600))):
        value = [value] if random.random() < 0.5 else {random.choice(NAMES): value}
    return value


def mutated(transcript: Transcript, random: Random) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of ``transcript``, of which something has gone wrong."""
    raw = transcript.raw
    for _ in range(random.randrange(1, 3)):
        raw = random.choice((cut, garbled, spliced, doubled, retyped))(raw, random)
    headers = (
        dict(random.choice(TRANSCRIPTS).headers) if random.random() < 0.2 else transcript.headers
    )
    for name in list(headers):
        if random.random() < 0.1:
            headers = {**headers, name: garbled(headers[name].encode(), random).decode("latin-1")}
    status = random.choice(STATUSES) if random.random() < 0.5 else transcript.status
    return status, headers, raw


def read_mutated(status: int, headers: dict[str, str], raw: bytes) -> str | None:
    """What is wrong with the outcome; None where it is a sound completion, or an error that can be shown."""
    try:
        completion = read_completion(status, headers, raw, endpoint=ENDPOINT)
    except CodecLMError as error:
        shown = str(error)
        return None if 0 < len(shown) <= 300 and shown.isprintable() else f"shows as {shown!r}"
    except Exception as error:
        return f"{error!r} of {raw[:200]!r}"
    sound = completion.text.strip() or completion.finish_reason == "length"
    return None if sound else f"{completion!r} of {raw[:200]!r}"


@pytest.mark.timeout(1800)
def test_mutated_answers_are_errors_or_completions(scale: Scale, measure: Measure) -> None:
    """F11: answers cut, garbled, retyped, nested deeply or doubled raise nothing foreign, and soon."""
    random, wrong, slowest_s = Random(11), [], 0.0
    number = scale(3_000, 100_000)
    for index in range(number):
        answer = mutated(TRANSCRIPTS[index % len(TRANSCRIPTS)], random)
        began_s = time.process_time()
        trouble = read_mutated(*answer)
        slowest_s = max(slowest_s, time.process_time() - began_s)
        wrong += [trouble] if trouble else []
    crashes = f"{len(wrong)} of {number:,}{wrong[:3] or ''}"
    measure("F11", "crashes on mutated answers", crashes, "0", met=not wrong)
    hung = slowest_s > 2
    measure("F11", "answers that take more than 2 s of CPU", int(hung), "0", met=not hung)


def test_goldens_are_classified(measure: Measure) -> None:
    """F11: every transcript is taken for what it is."""
    wrong = [
        str(transcript)
        for transcript in TRANSCRIPTS
        if outcome_of(transcript) != wanted(transcript)
    ]
    figure = f"{len(wrong)} of {len(TRANSCRIPTS)}"
    measure("F11", "misclassified golden transcripts", figure, "0", met=not wrong)


def test_large_answers_are_read_in_little_memory(measure: Measure) -> None:
    """F11: reading a body of the largest size takes a small multiple of it, whatever is in it.

    Twelve times its size is what the JSON parser reserves before it reads.
    """
    size = 16 * 2**20
    bodies = [
        b'{"choices":[{"message":{"content":"%s"}}]}',
        b'{"error":{"message":"%s"}}',
        b"<%s",
        b"%s",
    ]
    peaks = []
    for status in (200, 500):
        for body in bodies:
            raw = body.replace(b"%s", b"x" * size)
            tracemalloc.start()
            trouble = read_mutated(status, {}, raw)
            peaks.append(tracemalloc.get_traced_memory()[1] / size)
            tracemalloc.stop()
            assert trouble is None
    measure(
        "F11",
        "memory for a body of 16 MiB, times its size",
        max(peaks),
        "<= 16",
        met=max(peaks) <= 16,
    )


def outcome_of(transcript: Transcript) -> str:
    try:
        return read(transcript).finish_reason
    except CodecLMError as error:
        return type(error).__name__


def wanted(transcript: Transcript) -> str:
    expect = transcript.expect
    return str(expect.get("error", expect.get("finish_reason")))


ROWS_OF_200 = ("14", "15", "16", "17", "18", "19", "21", "22")
KEPT = ("length", "refusal")


@pytest.mark.anyio
@ON_UVLOOP
async def test_what_is_no_answer_is_not_kept(measure: Measure) -> None:
    """F12: what a 200 may hold instead of an answer is named, and asked again, never served from the cache.

    An answer that was cut short and one in which the model refuses are kept on purpose: they are
    paid for, the same request would be answered so again, and a paid answer is never paid twice.
    """
    chosen = [t for t in TRANSCRIPTS if t.status == 200 and t.row in ROWS_OF_200]
    named = cached = kept = failures = 0
    for transcript in chosen:
        model, asked = cached_model(transcript)
        outcomes = [await named_outcome(model), await named_outcome(model)]
        named += outcomes == [wanted(transcript)] * 2
        is_error = "error" in transcript.expect
        failures += is_error
        cached += is_error and len(asked.requests) < 2
        kept += wanted(transcript) in KEPT and len(asked.requests) == 1
    every = f"{named}/{len(chosen)}"
    measure("F12", "classified", every, "all", met=named == len(chosen) > 25)
    measure("F12", "failures kept in the cache", f"{cached} of {failures}", "0", met=cached == 0)
    wanted_kept = sum(wanted(transcript) in KEPT for transcript in chosen)
    figure = f"{kept}/{wanted_kept}"
    measure(
        "F12", "paid answers kept (cut short, refused)", figure, "all", met=kept == wanted_kept > 5
    )


def cached_model(transcript: Transcript) -> tuple[CachedModel, ScriptedModel]:
    """A model that always gets the answer of ``transcript``, behind a cache."""

    def answer(request: ChatRequest) -> Completion:
        return read(transcript)

    asked = ScriptedModel(answer)
    model = CachedModel(asked, MemoryStore(), {}, model="m", on_event=lambda event: None)
    return model, asked


async def named_outcome(model: CachedModel) -> str:
    try:
        completion = await model.complete(ChatRequest((Message("user", "Hi"),)))
    except CodecLMError as error:
        return type(error).__name__
    return completion.finish_reason
