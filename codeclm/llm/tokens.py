"""Tokens a minute: what a call will use is estimated before it starts and settled after."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from codeclm.llm.chat import ChatRequest, Usage
from codeclm.llm.held_up import Cause

__all__ = ["NO_TOKENS", "Estimates", "TokenBucket", "TokenLimits", "Tokens"]

CHARACTERS_PER_TOKEN = 4.0
UNKNOWN_OUTPUT_TOKENS = 512
BURST_S = 0.5
WINDOW_S = 60 + BURST_S  # a full bucket and a minute's refill are not more than a minute's tokens


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens of one call, estimated or used."""

    input: int = 0
    output: int = 0


NO_TOKENS = Tokens()


class Estimates:
    """What a call will use, learnt from what the calls of its stage have used at this endpoint.

    ``max_tokens`` is no estimate: who allows 8,192 and gets 300 would use a thirtieth of the limit. The tokens of a
    prompt follow from its characters, which differ by a factor of four between languages.
    """

    def __init__(self) -> None:
        self._outputs: dict[str, tuple[int, int]] = {}  # by stage: calls and tokens
        self._characters = 0
        self._input_tokens = 0

    def expected(self, request: ChatRequest) -> Tokens:
        """Tokens that the call will probably use; the output never more than it may have."""
        count, total = self._outputs.get(request.stage, (0, 0))
        output = -(-total // count) if count else UNKNOWN_OUTPUT_TOKENS
        if request.max_tokens is not None:
            output = min(output, request.max_tokens)
        return Tokens(self.prompt(request), output)

    def prompt(self, request: ChatRequest) -> int:
        """An estimate of the tokens of the messages."""
        per_token = CHARACTERS_PER_TOKEN
        if self._input_tokens and self._characters:
            per_token = self._characters / self._input_tokens
        return int(_characters(request) / per_token) + 1

    def learn(self, request: ChatRequest, usage: Usage) -> None:
        """Take in what a call has used."""
        if usage.output_tokens is not None:
            count, total = self._outputs.get(request.stage, (0, 0))
            self._outputs[request.stage] = (count + 1, total + usage.output_tokens)
        if usage.input_tokens is not None:
            self._characters += _characters(request)
            self._input_tokens += usage.input_tokens


class TokenBucket:
    """A bucket that holds what half a second refills and starts full.

    A call larger than the bucket may start when the bucket is full and leaves a debt behind.
    """

    def __init__(self, tokens_per_minute: float, clock: Callable[[], float]) -> None:
        self._refill_per_s = tokens_per_minute / WINDOW_S
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


class TokenLimits:
    """The limits on input, output and all tokens a minute, as far as there are any."""

    def __init__(
        self,
        clock: Callable[[], float],
        *,
        both: float | None = None,
        input: float | None = None,  # noqa: A002 - the word for it
        output: float | None = None,
    ) -> None:
        given = (
            (both, (1, 1), Cause.tokens),
            (input, (1, 0), Cause.input_tokens),
            (output, (0, 1), Cause.output_tokens),
        )
        self._buckets: Sequence[tuple[TokenBucket, int, int]] = [
            (TokenBucket(per_minute, clock), *shares)
            for per_minute, shares, _ in given
            if per_minute
        ]
        self._causes = [cause for per_minute, _, cause in given if per_minute]

    def __bool__(self) -> bool:
        return bool(self._buckets)

    def wait_s(self, tokens: Tokens) -> float:
        """Seconds until ``tokens`` can be taken from every bucket."""
        return max(self._waits_s(tokens))

    def why(self, tokens: Tokens) -> Cause:
        """Which of the limits it is that they wait for longest."""
        waits_s = [*self._waits_s(tokens)]
        return self._causes[waits_s.index(max(waits_s))]

    def _waits_s(self, tokens: Tokens) -> Iterator[float]:
        return (
            bucket.wait_s(tokens.input * inputs + tokens.output * outputs)
            for bucket, inputs, outputs in self._buckets
        )

    def take(self, tokens: Tokens) -> None:
        """Take ``tokens``; negative ones are put back."""
        for bucket, inputs, outputs in self._buckets:
            bucket.take(tokens.input * inputs + tokens.output * outputs)


def _characters(request: ChatRequest) -> int:
    return sum(len(message.content) for message in request.messages)
