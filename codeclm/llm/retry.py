"""The single retry loop: what may succeed later is tried again, later."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from random import Random

from codeclm.errors import ModelError, RateLimited, RunStopped, TransientError, Unreachable
from codeclm.llm.chat import ChatModel, ChatRequest, Completion
from codeclm.llm.events import Listener, Retried

__all__ = ["RetryPolicy", "RetryingModel"]


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and how long.

    A wait is drawn from 0 to ``base_s`` doubled with each attempt, ``cap_s`` at most, and is never
    shorter than what the endpoint asks for. A rate limit is no attempt; after
    ``rate_limit_patience_s`` in its grip, or if a wait would be longer than that, the call fails.
    """

    attempts: int = 5
    base_s: float = 1.0
    cap_s: float = 60.0
    rate_limit_patience_s: float = 3600.0

    def wait_s(self, failures: int, hint_s: float | None, random: Random) -> float:
        """Seconds before the next attempt, after so many ``failures`` (1 or more)."""
        highest_s = min(self.cap_s, self.base_s * 2.0 ** (failures - 1))
        return max(random.uniform(0, highest_s), hint_s or 0.0)


class RetryingModel:
    """Calls ``inner`` until it answers; between attempts a call holds nothing.

    ``inner`` must itself wait out a rate limit before it calls again, as LimitedModel does. Raises
    the last TransientError when all attempts have failed, RunStopped where that is because no
    call at all reaches the endpoint; all other errors at once.
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
        self._answered_at_s = -math.inf

    async def complete(self, request: ChatRequest) -> Completion:
        """Answer ``request`` within the policy's attempts."""
        failures = 0
        failing_since_s = math.inf
        limited_since_s: float | None = None
        while True:
            try:
                completion = await self._inner.complete(request)
                self._answered_at_s = self._clock()
                return completion
            except RateLimited as error:
                now_s = self._clock()
                limited_since_s = now_s if limited_since_s is None else limited_since_s
                self._check_patience(error, now_s - limited_since_s)
                continue
            except TransientError as error:
                failures += 1
                failing_since_s = min(failing_since_s, self._clock())
                wait_s = self._policy.wait_s(failures, error.retry_after_s, self._random)
                self._check_attempts(error, failures, wait_s, failing_since_s)
                self._tell(request, error, wait_s)
            await self._sleep(wait_s)

    def _check_patience(self, error: RateLimited, limited_for_s: float) -> None:
        if limited_for_s >= self._policy.rate_limit_patience_s:
            message = f"rate limited for {limited_for_s:.0f} s: {error}"
            raise ModelError(message, error.raw) from None

    def _check_attempts(
        self, error: TransientError, failures: int, wait_s: float, failing_since_s: float
    ) -> None:
        tired = wait_s > self._policy.rate_limit_patience_s
        if failures >= self._policy.attempts or tired:
            attempts = "1 attempt" if failures == 1 else f"{failures} attempts"
            if isinstance(error, Unreachable) and self._answered_at_s < failing_since_s:
                # Nobody is there for any call: failing them one by one would only waste the work.
                raise RunStopped(f"{self._model} is gone: {error} ({attempts})") from None
            raise type(error)(f"{error} ({attempts})", error.raw, error.retry_after_s) from None

    def _tell(self, request: ChatRequest, error: TransientError, wait_s: float) -> None:
        self._on_event(Retried(self._model, request.stage, type(error).__name__, wait_s))
