"""Limits under whatever happens: random arrivals, durations, priorities, cancellations and pauses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from itertools import pairwise
from random import Random

from hypothesis import given, settings
from hypothesis import strategies as st

from codeclm.errors import RateLimited
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.events import Paused
from codeclm.llm.limits import Allowance
from codeclm.llm.pace import WINDOW_S
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from tests.virtual_time import VirtualLoop, VirtualWindow, run_virtual

SLACK_S = 1e-6


@dataclass
class Call:
    """What one call does, and what became of it."""

    number: int
    arrives_s: float
    lasts_s: float
    priority: int
    gives_up_after_s: float | None
    slower_s: float | None
    characters: int
    started_s: float | None = None
    ended_s: float | None = None
    cancelled: bool = False


@dataclass
class Allowed:
    max_in_flight: int
    per_minute: float | None
    tokens_per_minute: float | None


@dataclass
class Seen:
    calls: list[Call]
    allowed: Allowed
    pauses: list[tuple[float, float]] = field(default_factory=list)
    peak: int = 0
    in_flight: int = 0
    left_over: int = 0


calls = st.lists(
    st.builds(
        Call,
        number=st.just(0),
        arrives_s=st.floats(0, 20).map(lambda s: round(s, 2)),
        lasts_s=st.sampled_from([0.0, 0.1, 1.0, 7.0]),
        priority=st.integers(0, 3),
        gives_up_after_s=st.one_of(st.none(), st.none(), st.sampled_from([0.0, 0.1, 1.0, 5.0])),
        slower_s=st.one_of(*[st.none()] * 5, st.sampled_from([0.0, 0.5, 30.0])),
        characters=st.sampled_from([40, 400, 20_000]),
    ),
    min_size=10,
    max_size=60,
)
allowances = st.builds(
    Allowed,
    max_in_flight=st.integers(1, 8),
    per_minute=st.sampled_from([None, 30.0, 90.0, 600.0, 6000.0]),
    tokens_per_minute=st.sampled_from([None, None, 20_000.0]),
)


async def play(loop: VirtualLoop, script: list[Call], allowed: Allowed) -> Seen:
    seen = Seen(script, allowed)
    began_s = loop.time()

    def note(event: object) -> None:
        assert isinstance(event, Paused)
        seen.pauses.append((loop.time() - began_s, event.wait_s))

    window = None
    if allowed.per_minute is not None:
        count = int(allowed.per_minute)
        window = VirtualWindow(count, WINDOW_S * count / allowed.per_minute, loop.time)
    regulator = Regulator(
        Allowance(
            allowed.max_in_flight,
            adaptive=False,
            requests_per_minute=allowed.per_minute,
            tokens_per_minute=allowed.tokens_per_minute,
        ),
        clock=loop.time,
        window=window,
        random=Random(3),
        on_event=note,
    )

    class Endpoint:
        async def complete(self, request: ChatRequest) -> Completion:
            call = script[request.draw]
            call.started_s = loop.time() - began_s
            seen.in_flight += 1
            seen.peak = max(seen.peak, seen.in_flight)
            try:
                await asyncio.sleep(call.lasts_s)
            finally:
                seen.in_flight -= 1
                call.ended_s = loop.time() - began_s
            if call.slower_s is not None:
                raise RateLimited("slower", retry_after_s=call.slower_s)
            return Completion("yes", usage=Usage(call.characters // 5, 50))

    model = RegulatedModel(Endpoint(), regulator)

    async def live(call: Call) -> None:
        await asyncio.sleep(call.arrives_s)
        message = Message("user", "x" * call.characters)
        asked = ChatRequest((message,), draw=call.number, priority=call.priority)
        try:
            async with asyncio.timeout(call.gives_up_after_s):
                await model.complete(asked)
        except RateLimited:
            pass
        except TimeoutError:
            call.cancelled = True

    async with asyncio.TaskGroup() as group:
        for number, call in enumerate(script):
            call.number = number
            group.create_task(live(call))
    statistics = regulator.limits.statistics()
    seen.left_over = statistics.in_flight + statistics.waiting
    return seen


def check_served(seen: Seen) -> None:
    """Everyone who did not give up was served, and nobody is left over."""
    assert seen.left_over == seen.in_flight == 0
    assert all(call.started_s is not None for call in seen.calls if not call.cancelled)


def check_limits(seen: Seen) -> None:
    """Never more in flight, nor in any time more starts, than allowed; none during a pause."""
    assert seen.peak <= seen.allowed.max_in_flight
    starts = sorted(call.started_s for call in seen.calls if call.started_s is not None)
    for paused_s, wait_s in seen.pauses:
        assert not [s for s in starts if paused_s + SLACK_S < s < paused_s + wait_s - SLACK_S]
    if seen.allowed.per_minute is not None:
        per_s = seen.allowed.per_minute / 60
        for first in range(len(starts)):
            for last in range(first, len(starts)):
                window_s = starts[last] - starts[first]
                assert last - first + 1 <= per_s * (window_s + 0.1) + 1 + SLACK_S


def check_order(seen: Seen) -> None:
    """Whoever waited when another started was not before that other in the line."""
    starters = [(call.started_s, call) for call in seen.calls if call.started_s is not None]
    for started_s, starter in starters:
        for other in seen.calls:
            waited = other.arrives_s < started_s - SLACK_S and (
                other.started_s is not None and other.started_s > started_s + SLACK_S
            )
            if waited:
                assert other.priority >= starter.priority
                if other.priority == starter.priority:
                    assert other.arrives_s >= starter.arrives_s


def check_use(seen: Seen) -> None:
    """Where only calls in flight are limited, nobody waits while there is room."""
    if seen.pauses or seen.allowed.per_minute or seen.allowed.tokens_per_minute:
        return
    moments = sorted({call.ended_s for call in seen.calls if call.ended_s is not None} | {0.0})
    for moment_s, next_s in pairwise([*moments, moments[-1] + 1]):
        middle_s = (moment_s + next_s) / 2
        under_way = waiting = 0
        for call in seen.calls:
            if call.started_s is not None and call.ended_s is not None:
                under_way += call.started_s <= middle_s < call.ended_s
                waiting += call.arrives_s < middle_s < call.started_s
        assert not waiting or under_way == seen.allowed.max_in_flight


@settings(max_examples=300)
@given(calls, allowances)
def test_limits_hold_whatever_happens(script: list[Call], allowed: Allowed) -> None:
    """Limits are kept, the order is kept, nobody is forgotten and no room is wasted."""
    seen = run_virtual(lambda loop: play(loop, script, allowed))
    check_served(seen)
    check_limits(seen)
    check_order(seen)
    check_use(seen)
