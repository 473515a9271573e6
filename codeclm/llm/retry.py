"""The single retry loop: what may succeed later is tried again, later."""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from codeclm.errors import (
    ModelError,
    OutOfService,
    Overloaded,
    ParameterRefused,
    RateLimited,
    StaleConnection,
    TimedOut,
    ToolCallAnswer,
    TransientError,
    UnusableAnswer,
)
from codeclm.llm.chat import ChatModel, ChatRequest, Completion
from codeclm.llm.events import CallFailed, Listener, Retried

__all__ = ["RetryPolicy", "RetryingModel"]

LONGEST_HINT_S = 3600.0
HELD_UP = (RateLimited, OutOfService)
"""No attempts: the endpoint's whole traffic is held up, and this call with it."""
AT_ONCE = (StaleConnection, ParameterRefused)
"""Made again at once: nobody got the call, or the next one is written differently."""
MOST_AT_ONCE = 8


@dataclass(frozen=True, slots=True)
class _Rule:
    """For errors of one kind: ``more`` attempts than the policy's, ``most`` at the most, waits up to ``cap_s``."""

    more: int = 0
    most: int = 1000
    base_s: float = 1.0
    cap_s: float = 30.0


# The first that fits counts. What the endpoint may bill (an answer that came, or that may come still) is tried less
# often than what it surely did not answer.
RULES: tuple[tuple[type[TransientError], _Rule], ...] = (
    (Overloaded, _Rule(more=3, base_s=2.0, cap_s=60.0)),
    (ToolCallAnswer, _Rule(most=2)),
    (UnusableAnswer, _Rule(most=3, cap_s=1.0)),
    (TimedOut, _Rule(most=3)),
    (StaleConnection, _Rule()),
    (ParameterRefused, _Rule()),
    (TransientError, _Rule()),
)


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long.

    ``attempts`` are for one call and one kind of failure; a wait is drawn from 0 to a bound that doubles with each,
    and is never shorter than what the endpoint asks for. While the endpoint asks to slow down or is out of
    service, calls are no attempts; after ``patience_s`` of that the call fails.
    """

    attempts: int = 5
    patience_s: float = 3600.0

    def most_attempts(self, error: TransientError) -> int:
        """How many calls may end in errors of this kind."""
        _, rule = _rule(error)
        return min(rule.most, self.attempts + rule.more if self.attempts > 1 else 1)

    def wait_s(self, error: TransientError, failures: int, random: Random) -> float:
        """Seconds before the next attempt, after so many ``failures`` (1 or more) of this kind."""
        _, rule = _rule(error)
        highest_s = min(rule.cap_s, rule.base_s * 2.0 ** (failures - 1))
        return max(random.uniform(0, highest_s), error.retry_after_s or 0.0)


class RetryingModel:
    """Calls ``inner`` until it answers; between attempts a call holds nothing.

    ``inner`` must itself wait out a rate limit or an outage before it calls again, as RegulatedModel does. Raises
    the last TransientError when all attempts have failed; all other errors at once.
    """

    def __init__(
        self,
        inner: ChatModel,
        policy: RetryPolicy,
        *,
        model: str,
        on_event: Listener,
        random: Random | None = None,
        sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._inner = inner
        self._policy = policy
        self._model = model
        self._on_event = on_event
        self._random = random or Random()
        self._sleep = sleep
        self._clock = clock

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request`` within the policy's attempts."""
        failures: Counter[type[TransientError]] | None = None  # most calls have none
        failing_since_s = math.inf
        while True:
            try:
                return await self._inner.complete(request)
            except TransientError as error:
                failures = Counter() if failures is None else failures
                failing_since_s = min(failing_since_s, self._clock())
                wait_s, tired = self._judge(error, failures, failing_since_s)
                if tired:
                    error.args = (f"{error} ({tired})",)
                    self._tell_failed(request, error)
                    raise
                self._tell_retried(request, error, wait_s)
            except ModelError as error:
                self._tell_failed(request, error)
                raise
            if wait_s:
                await self._sleep(wait_s)

    def _judge(
        self, error: TransientError, failures: Counter[type[TransientError]], since_s: float
    ) -> tuple[float, str]:
        """Seconds until the next attempt, or why there is none."""
        if isinstance(error, HELD_UP):
            held_up_for_s = self._clock() - since_s
            patient = held_up_for_s < self._policy.patience_s
            return 0.0, "" if patient else f"held up for {held_up_for_s:.0f} s"
        kind, _ = _rule(error)
        failures[kind] += 1
        count = failures[kind]
        if isinstance(error, AT_ONCE) and count <= MOST_AT_ONCE:
            return 0.0, ""
        wait_s = self._policy.wait_s(error, count, self._random)
        if count >= self._policy.most_attempts(error) or wait_s > LONGEST_HINT_S:
            return 0.0, "1 attempt" if count == 1 else f"{count} attempts"
        return wait_s, ""

    def _tell_retried(self, request: ChatRequest, error: TransientError, wait_s: float) -> None:
        if not isinstance(error, HELD_UP):
            name, iteration = type(error).__name__, request.iteration
            self._on_event(Retried(self._model, request.stage, name, wait_s, iteration))

    def _tell_failed(self, request: ChatRequest, error: ModelError) -> None:
        self._on_event(CallFailed(self._model, request.stage, type(error).__name__))


def _rule(error: TransientError) -> tuple[type[TransientError], _Rule]:
    return next((kind, rule) for kind, rule in RULES if isinstance(error, kind))
