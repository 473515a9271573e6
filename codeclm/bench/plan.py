"""What is going to be measured, and how many calls that can be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from codeclm.bench.load import Extent
from codeclm.bench.sweep import BISECTIONS, doublings
from codeclm.errors import UsageError
from codeclm.llm.chat import ChatRequest
from codeclm.llm.names import is_loopback, parse_model
from codeclm.llm.spec import ModelSpec

__all__ = ["Plan", "parse_levels"]

MOST_IN_FLIGHT = 20_000
WARM_UP = 8
REQUESTS, ROUNDS = 200, 4
SECONDS = 60.0


@dataclass(frozen=True, slots=True)
class Plan:
    """``levels`` of calls in flight, each of them measured in this order; none: a sweep up to ``most``.

    ``requests`` and ``seconds`` are of a level; where neither is given, both have defaults.
    """

    spec: ModelSpec
    requests_to_make: Sequence[ChatRequest]
    temperature: float | None
    max_tokens: int | None
    levels: tuple[int, ...]
    most: int
    requests: int | None = None
    seconds: float | None = None
    seed: int = 0

    def extent(self, in_flight: int) -> Extent:
        """How long a level is measured."""
        warm_up = max(in_flight, WARM_UP)
        if self.requests is None and self.seconds is None:
            return Extent(warm_up, max(REQUESTS, ROUNDS * in_flight), SECONDS)
        return Extent(warm_up, self.requests, self.seconds)

    @property
    def most_calls(self) -> int | None:
        """The most calls that this can be, retries aside; None where only the time is limited."""
        levels = self.levels or (*doublings(self.most), *[self.most] * BISECTIONS)
        extents = [(level, self.extent(level)) for level in levels]
        known = [
            extent.warm_up + extent.requests + level - 1
            for level, extent in extents
            if extent.requests is not None
        ]
        return 1 + sum(known) if len(known) == len(extents) else None

    @property
    def may_cost(self) -> bool:
        """Whether the endpoint is anywhere but on this machine."""
        host = urlsplit(parse_model(self.spec.model).base_url).hostname or ""
        return not is_loopback(host)

    def described(self) -> Mapping[str, object]:
        """The settings, as plain data."""
        spec = self.spec
        return {
            "levels": list(self.levels) or f"sweep up to {self.most}",
            "requests_a_level": self.requests,
            "seconds_a_level": self.seconds,
            "not_measured": f"the first {WARM_UP} calls of a level, or as many as are in flight",
            "temperature": self.temperature,
            "max_tokens": self.max_tokens,
            "max_in_flight": spec.max_in_flight,
            "requests_per_minute": spec.requests_per_minute,
            "tokens_per_minute": spec.tokens_per_minute,
            "input_tokens_per_minute": spec.input_tokens_per_minute,
            "output_tokens_per_minute": spec.output_tokens_per_minute,
            "timeout_s": spec.timeout_s,
            "attempts": spec.attempts,
            "seed": self.seed,
        }


def parse_levels(text: str) -> tuple[int, ...]:
    """Numbers of calls in flight, as in "1,8,64"; each once. Raises UsageError."""
    try:
        levels = tuple(dict.fromkeys(int(part) for part in text.split(",")))
    except ValueError:
        levels = ()
    if not levels or min(levels) < 1 or max(levels) > MOST_IN_FLIGHT:
        raise UsageError(
            f"--in-flight {text!r} is no list of numbers from 1 to {MOST_IN_FLIGHT:,}, such as 1,8,64"
        )
    return levels
