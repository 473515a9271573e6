"""One chat completion: what is asked, what comes back, and the one method every layer has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol

__all__ = ["ChatModel", "ChatRequest", "Completion", "Message", "Usage"]


class Message(NamedTuple):
    """``role`` is "system", "user" or "assistant"."""

    role: str
    content: str


class ChatRequest(NamedTuple):
    """One call.

    ``draw`` tells samples of one prompt apart: equal requests with equal draws are one answer.
    ``stage`` (who asks) and ``priority`` (lower goes first at the endpoint) do not change the answer
    and are no part of its identity; nor do ``item`` (the id of the entry, the unit of work or the instruction that the
    call is for, "" where that is not known), ``iteration`` (of the instruction, 0 before there is one) and ``attempt``
    (0, or the how-manieth repeated draw of one question it is). ``schema`` is ``{"name": ..., "schema": ...}``: a
    JSON schema that the answer is to follow where the endpoint can see to that; plain JSON values only.
    """

    messages: tuple[Message, ...]
    temperature: float | None = None
    max_tokens: int | None = None
    draw: int = 0
    stage: str = ""
    priority: int = 0
    schema: Mapping[str, object] | None = None
    item: str = ""
    iteration: int = 0
    attempt: int = 0


class Usage(NamedTuple):
    """Tokens as the endpoint counted them; None where it did not say.

    ``cached_input_tokens`` are those of the input that it read from its prompt cache.
    """

    input_tokens: int | None = None
    output_tokens: int | None = None
    cached_input_tokens: int | None = None


class Completion(NamedTuple):
    """An answer. ``text`` is without thoughts; those are in ``reasoning``.

    ``finish_reason`` is "stop", "length", "refusal", or the endpoint's own word, or "". ``flags`` say
    what else is to be known of it: "usage_missing" (tokens were not counted, or not both kinds),
    "filter_down" (the endpoint's content filter did not work: nothing was filtered).
    """

    text: str
    finish_reason: str = ""
    usage: Usage = Usage()
    reasoning: str = ""
    flags: tuple[str, ...] = ()


class ChatModel(Protocol):
    """Anything that answers: an endpoint, a layer around one, a test double."""

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request``; raises ModelError when this call cannot be answered."""
        ...
