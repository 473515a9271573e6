"""What the endpoint is asked: texts of a run or of the user, endless, each of them distinct."""

from __future__ import annotations

import os
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from random import Random

from codeclm.errors import UsageError
from codeclm.llm.chat import ChatRequest, Message
from codeclm.seeds import parse_seed, parsed_rows

__all__ = ["MOST_PROMPTS", "endless", "in_proportion", "proportions", "read_prompts"]

MOST_PROMPTS = 10_000
"""Of a file; those that follow are not read."""

FIELDS = ("prompt", "instruction")
ROLES = ("system", "user", "assistant")


def read_prompts(
    path: Path, *, temperature: float | None, max_tokens: int | None
) -> Sequence[ChatRequest]:
    """The prompts in a file: lines of ``.txt``; ``prompt``, ``instruction`` or ``messages`` in ``.jsonl``, ``.json``.

    Also ``.csv`` with one of the first two. Raises UsageError with file and line.
    """
    found = []
    for _, messages, problem in islice(parsed_rows(path, _messages), MOST_PROMPTS):
        if problem is not None:
            raise problem
        found.append(ChatRequest(messages, temperature, max_tokens, stage="prompts"))
    if not found:
        raise UsageError(f"{path}: no prompt in it")
    return found


def in_proportion(requests: Sequence[ChatRequest], random: Random) -> Sequence[ChatRequest]:
    """The same requests in an order in which every stretch holds each stage in its proportion.

    What is drawn at random would make one level harder than the next.
    """
    by_stage: dict[str, list[ChatRequest]] = defaultdict(list)
    for request in requests:
        by_stage[request.stage].append(request)
    placed = []
    for stage in sorted(by_stage):
        ordered = by_stage[stage]
        random.shuffle(ordered)
        placed += [((n + 0.5) / len(ordered), stage, one) for n, one in enumerate(ordered)]
    return [request for _, _, request in sorted(placed, key=lambda one: one[:2])]


def proportions(requests: Sequence[ChatRequest]) -> Mapping[str, float]:
    """The share of each stage, the largest first."""
    counts = Counter(request.stage for request in requests)
    return {stage: count / len(requests) for stage, count in counts.most_common()}


def endless(requests: Sequence[ChatRequest], mark: str | None = None) -> Iterator[ChatRequest]:
    """The requests again and again, each with a number of its own in its text and as its draw.

    The number stands where the text begins to differ from others of its stage, after ``mark``, by default one that
    no other bench has: a server that keeps equal beginnings finds those that it would find in a run, and no others.
    """
    mark = os.urandom(3).hex() if mark is None else mark
    shared = _shared_beginnings(requests)
    number = 0
    while True:
        for request in requests:
            yield _numbered(request, shared[request.stage], f"({mark}-{number}) ", number)
            number += 1


def _numbered(request: ChatRequest, shared: int, text: str, number: int) -> ChatRequest:
    *before, last = request.messages
    content = last.content[:shared] + text + last.content[shared:]
    return request._replace(messages=(*before, Message(last.role, content)), draw=number)


def _shared_beginnings(requests: Sequence[ChatRequest]) -> Mapping[str, int]:
    """By stage, how many characters the last messages have in common, in whole words; 0 where there is one alone."""
    texts: dict[str, set[str]] = defaultdict(set)
    for request in requests:
        texts[request.stage].add(request.messages[-1].content)
    return {stage: _shared(found) if len(found) > 1 else 0 for stage, found in texts.items()}


def _shared(texts: set[str]) -> int:
    first, last = min(texts), max(texts)  # all others begin as these two do, as far as they agree
    differs = next((n for n, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), None)
    beginning = first[:differs]
    return max(beginning.rfind(space) for space in (" ", "\n")) + 1


def _messages(row: object) -> tuple[Message, ...]:
    if isinstance(row, dict) and "messages" in row:
        return _conversation(row["messages"])
    field = next((name for name in FIELDS if isinstance(row, dict) and name in row), FIELDS[0])
    text, _ = parse_seed(row, field)
    return (Message("user", text),)


def _conversation(value: object) -> tuple[Message, ...]:
    if not isinstance(value, list) or not value:
        raise UsageError("'messages' is not a list of at least one message")
    return tuple(map(_message, value))


def _message(value: object) -> Message:
    if not isinstance(value, dict) or value.get("role") not in ROLES:
        raise UsageError(f"a message needs a 'role' that is one of {', '.join(ROLES)}")
    content, _ = parse_seed(value, "content")
    return Message(value["role"], content)
