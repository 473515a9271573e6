"""What an API must be able to say, so that one world can be behind several."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from codeclm.simulator.call import ChatCall
from codeclm.simulator.limits import LimitState
from codeclm.simulator.reply import Reply

__all__ = ["Dialect", "Said", "Stamp"]


@dataclass(frozen=True, slots=True)
class Said:
    """What a model said, before an API writes it down.

    ``finish_reason`` is "stop", "length", "content_filter" or "tool_calls". ``has_choices`` off: the frame
    of an answer with nothing in it. ``cached_tokens`` of the input were read from the prompt cache, None where there is
    none.
    """

    text: str | None
    finish_reason: str
    input_tokens: int
    output_tokens: int
    reasoning: str | None = None
    refusal: str | None = None
    tool: str | None = None
    has_usage: bool = True
    has_choices: bool = True
    cached_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Whose answer it is, and when: ``number`` makes its id, ``created_s`` is Unix time."""

    model: str
    number: int
    created_s: float


class Dialect(Protocol):
    """One API's way to ask, answer and refuse."""

    @property
    def name(self) -> str:
        """As faults call it."""

    def key_of(self, headers: Mapping[str, str]) -> str:
        """The API key that was sent, or an empty text."""

    def check_headers(self, headers: Mapping[str, str]) -> Reply | None:
        """A refusal where a header is missing."""

    def read_call(self, body: bytes) -> ChatCall:
        """The request in ``body``; raises BadRequest."""

    def answer(self, said: Said, stamp: Stamp, headers: Mapping[str, str]) -> Reply:
        """A whole answer."""

    def error(
        self,
        status: int,
        message: str,
        *,
        kind: str | None = None,
        param: str | None = None,
        code: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Reply:
        """An error; what the API has no field for is left out."""

    def limit_headers(self, states: Sequence[LimitState], now_s: float) -> dict[str, str]:
        """The state of the limits, as headers; ``now_s`` is Unix time."""
