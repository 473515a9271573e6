"""A server in virtual time whose limits nobody tells: a rate, calls in flight, a capacity; all may change."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random

from codeclm.errors import RateLimited
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message, Usage
from codeclm.llm.limits import Allowance
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from tests.virtual_time import VirtualLoop, run_virtual

__all__ = ["HiddenServer", "Nature", "Stretch", "Trial", "play"]

ON_THE_WAY_S = 0.005
ASKED = ChatRequest((Message("user", "x"),), stage="respond")


@dataclass(frozen=True, slots=True)
class Stretch:
    """From second ``since_s`` on: calls a second (in bursts of one second) and calls in flight; None: no limit."""

    since_s: float
    per_s: float | None = None
    in_flight: int | None = None


@dataclass(frozen=True, slots=True)
class Nature:
    """How a server is. ``capacity``: more calls at once make each slower. ``refused_share`` are refused for nothing."""

    stretches: Sequence[Stretch] = (Stretch(0.0),)
    latency_s: float = 0.5
    jitter: float = 0.5
    hint_s: float | None = 1.0
    capacity: int | None = None
    refused_share: float = 0.0

    def capacity_per_s(self, stretch: Stretch) -> float:
        """Answers a second at the most."""
        slots = [count for count in (stretch.in_flight, self.capacity) if count is not None]
        by_slots = min(slots) / (self.latency_s + ON_THE_WAY_S) if slots else math.inf
        return min(stretch.per_s or math.inf, by_slots)


class HiddenServer:
    """``log`` has second and acceptance of each call."""

    def __init__(self, nature: Nature, loop: VirtualLoop, seed: int) -> None:
        self._nature, self._loop, self._random = nature, loop, Random(seed)
        self._began_s = self._filled_s = loop.time()
        self._level = math.inf
        self._in_flight = 0
        self.log: list[tuple[float, bool]] = []

    async def complete(self, request: ChatRequest) -> Completion:
        await asyncio.sleep(ON_THE_WAY_S)
        nature, now_s = self._nature, self._loop.time() - self._began_s
        accepted = self._accepts(now_s)
        self.log.append((now_s, accepted))
        if not accepted:
            raise RateLimited("slower", retry_after_s=nature.hint_s)
        self._in_flight += 1
        try:
            latency_s = nature.latency_s * self._random.uniform(
                1 - nature.jitter, 1 + nature.jitter
            )
            await asyncio.sleep(latency_s * max(1, self._in_flight / (nature.capacity or math.inf)))
        finally:
            self._in_flight -= 1
        return Completion("ok", "stop", Usage(10, 20))

    def _accepts(self, now_s: float) -> bool:
        stretch = [one for one in self._nature.stretches if one.since_s <= now_s][-1]
        per_s = stretch.per_s or math.inf
        filled_s, self._filled_s = self._filled_s, self._loop.time()
        if per_s < math.inf:
            self._level = min(per_s, self._level + (self._filled_s - filled_s) * per_s)
        full = stretch.in_flight is not None and self._in_flight >= stretch.in_flight
        if full or self._level < 1 or self._random.random() < self._nature.refused_share:
            return False
        self._level -= 1
        return True


@dataclass(frozen=True, slots=True)
class Trial:
    """What a client made of a server in ``lasts_s`` seconds."""

    nature: Nature
    lasts_s: float
    log: Sequence[tuple[float, bool]]
    regulator: Regulator
    errors: list[Exception] = field(default_factory=list)

    def accepted_per_s(self, start_s: float, end_s: float) -> float:
        """Calls a second that the server took in that time."""
        taken = sum(accepted for second, accepted in self.log if start_s <= second < end_s)
        return taken / (end_s - start_s)

    def refused_share(self, start_s: float, end_s: float) -> float:
        """Of all calls that came in that time."""
        came = [accepted for second, accepted in self.log if start_s <= second < end_s]
        return came.count(False) / max(1, len(came))

    def spans(self) -> list[tuple[float, float, float]]:
        """Start, end and capacity of each stretch."""
        starts = [stretch.since_s for stretch in self.nature.stretches]
        ends = [*starts[1:], self.lasts_s]
        each = zip(starts, ends, self.nature.stretches, strict=True)
        return [(start, end, self.nature.capacity_per_s(one)) for start, end, one in each]

    def seconds_to(self, share: float, start_s: float, end_s: float, per_s: float) -> float:
        """Seconds until five of them have seen ``share`` of ``per_s``; infinite where they never do."""
        for second in range(int(start_s), int(end_s) - 4):
            if self.accepted_per_s(second, second + 5) >= share * per_s:
                return second - start_s
        return math.inf


def play(
    nature: Nature,
    lasts_s: float,
    *,
    demand: int = 300,
    pause_s: float = 0.0,
    allowance: Allowance | None = None,
    seed: int = 1,
) -> Trial:
    """``demand`` callers call again and again, each ``pause_s`` after its answer, through retries and limits."""

    async def main(loop: VirtualLoop) -> Trial:
        server = HiddenServer(nature, loop, seed)
        random = Random(seed)
        regulator = Regulator(
            allowance or Allowance(1_000), clock=loop.time, random=random, patience_s=1e9
        )
        model: ChatModel = RetryingModel(
            RegulatedModel(server, regulator),
            RetryPolicy(),
            model="m",
            on_event=lambda event: None,
            random=random,
            clock=loop.time,
        )
        ends_s = loop.time() + lasts_s
        errors: list[Exception] = []

        async def call_on() -> None:
            while loop.time() < ends_s:
                try:
                    await model.complete(ASKED)
                except Exception as error:
                    errors.append(error)
                if pause_s:
                    await asyncio.sleep(random.uniform(0, 2 * pause_s))

        async with asyncio.TaskGroup() as group:
            for _ in range(demand):
                group.create_task(call_on())
        return Trial(nature, lasts_s, server.log, regulator, errors)

    return run_virtual(main)
