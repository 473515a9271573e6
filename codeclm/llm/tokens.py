"""Tokens a minute: what a call will use is estimated before it starts and settled after."""

from __future__ import annotations

from collections.abc import Callable

from codeclm.llm.chat import ChatRequest, Usage

__all__ = ["OutputLengths", "TokenBucket", "prompt_tokens"]

CHARACTERS_PER_TOKEN = 4
UNKNOWN_OUTPUT_TOKENS = 512
BURST_S = 5


def prompt_tokens(request: ChatRequest) -> int:
    """An estimate of the tokens of the messages."""
    characters = sum(len(message.content) for message in request.messages)
    return characters // CHARACTERS_PER_TOKEN + 1


class OutputLengths:
    """How long the answers to a stage's calls are, on average so far.

    ``max_tokens`` is no estimate: who allows 8,192 and gets 300 would use a thirtieth of the limit.
    """

    def __init__(self) -> None:
        self._totals: dict[str, tuple[int, int]] = {}

    def expected(self, request: ChatRequest) -> int:
        """Tokens that the answer will probably have, never more than it may have."""
        count, total = self._totals.get(request.stage, (0, 0))
        expected = -(-total // count) if count else UNKNOWN_OUTPUT_TOKENS
        return expected if request.max_tokens is None else min(expected, request.max_tokens)

    def learn(self, stage: str, usage: Usage) -> None:
        """Take an answer into the average of its stage."""
        if usage.output_tokens is not None:
            count, total = self._totals.get(stage, (0, 0))
            self._totals[stage] = (count + 1, total + usage.output_tokens)


class TokenBucket:
    """A bucket that holds what five seconds refill and starts full.

    A call larger than the bucket may start when the bucket is full and leaves a debt behind.
    """

    def __init__(self, tokens_per_minute: float, clock: Callable[[], float]) -> None:
        self._refill_per_s = tokens_per_minute / 60
        self._capacity = self._refill_per_s * BURST_S
        self._level = self._capacity
        self._clock = clock
        self._filled_at_s = clock()

    def wait_s(self, tokens: int) -> float:
        """Seconds until ``tokens`` can be taken, 0 where they can be taken now."""
        self._fill()
        missing = min(tokens, self._capacity) - self._level
        return max(0.0, missing / self._refill_per_s)

    def take(self, tokens: int) -> None:
        """Take ``tokens``, whatever the level; a negative number puts some back."""
        self._fill()
        self._level = min(self._capacity, self._level - tokens)

    def _fill(self) -> None:
        now_s = self._clock()
        refill = (now_s - self._filled_at_s) * self._refill_per_s
        self._level = min(self._capacity, self._level + refill)
        self._filled_at_s = now_s
