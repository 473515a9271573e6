"""What holds a run back: a table of cases, then runs in virtual time whose limit is known."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from random import Random
from typing import Any

import pytest

from codeclm.assembly import make_job
from codeclm.errors import ServerError
from codeclm.llm.chat import ChatRequest, Completion, Usage
from codeclm.llm.held_up import Cause
from codeclm.llm.limits import Allowance
from codeclm.llm.pace import WINDOW_S
from codeclm.llm.regulated import RegulatedModel
from codeclm.llm.regulator import Regulator
from codeclm.llm.retry import RetryingModel, RetryPolicy
from codeclm.methods.job import Job, Parties, Party
from codeclm.progress import EndpointRow, HeldUpBy, Recent, Snapshot, held_up_by
from codeclm.progress.machine import busy_s
from codeclm.seeds import SeedList
from codeclm.settings_file import load_settings
from codeclm.stages.templates import load_templates
from tests.scripted_world import answer, target_answer
from tests.snapshots import endpoint, snapshot, stage
from tests.virtual_time import VirtualLoop, VirtualWindow, run_virtual

MINUTE = Allowance(64, requests_per_minute=500)
TOKENS = Allowance(64, tokens_per_minute=800_000, output_tokens_per_minute=90_000)
RESPOND = stage("respond", 3, 60)
BUSY = (stage("judge", 0, 4), RESPOND)


def full(share: float = 1.0, *, in_flight: int = 64, **more: Any) -> EndpointRow:
    """Ten seconds later: so many calls in flight on average, others waiting for this share of the time."""
    waited = {(Cause.in_flight, "respond"): 10 * share} if share else {}
    return endpoint(in_flight=in_flight, busy_s=10.0 * in_flight, held_up=waited, **more)


def held(cause: Cause, share: float, stage: str = "judge", **more: Any) -> EndpointRow:
    return endpoint(held_up={(cause, stage): 10 * share}, waiting=5, **more)


TABLE = [
    (
        snapshot(10, full(), stages=BUSY),
        "limited by 64 calls in flight of gpt-4o, respond stage",
    ),
    (
        snapshot(10, full(0), stages=BUSY),
        "limited by 64 calls in flight of gpt-4o, respond stage",
    ),
    (
        snapshot(10, endpoint("judge", allowed=1, busy_s=9.9), stages=(stage("judge", 9, 1),)),
        "limited by 1 call in flight of judge, judge stage (being found)",
    ),
    (
        snapshot(10, full(allowed=48, in_flight=48, rate_limited=3)),
        "limited by 48 calls in flight of gpt-4o, respond stage (it refused more)",
    ),
    (
        snapshot(10, held(Cause.requests, 0.97, allowance=MINUTE)),
        "limited by 500 requests a minute of gpt-4o, judge stage",
    ),
    (
        snapshot(10, held(Cause.output_tokens, 0.9, name="strong", allowance=TOKENS)),
        "limited by 90,000 output tokens a minute of strong, judge stage",
    ),
    (
        snapshot(10, held(Cause.tokens, 0.9, allowance=TOKENS)),
        "limited by 800,000 tokens a minute of gpt-4o, judge stage",
    ),
    (
        snapshot(10, held(Cause.requests, 1, allowance=Allowance(9, requests_per_minute=2.5))),
        "limited by 2.5 requests a minute of gpt-4o, judge stage",
    ),
    (
        snapshot(10, held(Cause.hidden_rate, 0.8, rate_per_s=49.7)),
        "limited by 50 calls a second of gpt-4o, judge stage",
    ),
    (
        snapshot(10, held(Cause.requests, 0.9, allowance=MINUTE), cpu_s=9.9),
        "limited by 500 requests a minute of gpt-4o, judge stage",
    ),
    (
        snapshot(10, full(), full(name="target"), cpu_s=9.8),
        "limited by this machine's CPU (98% of one core)",
    ),
    (
        snapshot(10, full(), endpoint("other", paused_left_s=12.4, waiting=3)),
        "paused for 12 s: rate limit of other",
    ),
    (
        snapshot(10, full(), endpoint("idle", paused_left_s=12.4)),
        "limited by 64 calls in flight of gpt-4o, respond stage",
    ),
    (
        snapshot(10, endpoint("down", is_down=True, down_for_s=40, waiting=3)),
        "waiting for down: out of service for 40 s",
    ),
    (
        snapshot(10, held(Cause.pause, 0.7)),
        "limited by pauses for the rate limit of gpt-4o, judge stage",
    ),
    (
        snapshot(10, full(0.2, in_flight=20), full(0.9, name="target"), stages=BUSY),
        "limited by 64 calls in flight of target, respond stage",
    ),
    (
        snapshot(10, endpoint(in_flight=1, resting=30, busy_s=10)),
        "30 calls to gpt-4o failed and wait for their next attempt",
    ),
    (
        snapshot(10, endpoint(busy_s=30), stages=BUSY, tickets_in_use=64),
        "limited by 64 units of work under way (units_in_flight)",
    ),
    (
        snapshot(10, endpoint(busy_s=3), is_all_in=True, finished=(500, 480, 8), tickets_in_use=3),
        "finishing: the last 12 are under way",
    ),
    (
        snapshot(10, full(), endpoint(in_flight=3), is_stopping=True),
        "stopping: 67 calls under way finish",
    ),
    (snapshot(10, endpoint(), stages=(stage("judge", 0, 0, 9),)), "waiting for seeds"),
    (
        snapshot(10, endpoint(busy_s=30), stages=BUSY, tickets_in_use=6),
        "waiting for answers of gpt-4o, respond stage",
    ),
    (snapshot(10), "starting"),
]


@pytest.mark.parametrize(("later", "line"), TABLE, ids=[line for _, line in TABLE])
def test_what_holds_it_back(later: Snapshot, line: str) -> None:
    """Between the beginning and ten seconds later."""
    earlier = snapshot(0, *(endpoint(row.name) for row in later.endpoints))
    assert held_up_by(earlier, later).line == line


def test_only_what_lies_between_counts() -> None:
    """What held the run up before is over."""
    earlier = snapshot(90, held(Cause.requests, 9, allowance=MINUTE))
    later = snapshot(100, endpoint(held_up={(Cause.requests, "judge"): 90.5}, allowance=MINUTE))
    assert held_up_by(earlier, later).kind != "requests"


def test_one_moment_is_no_stretch() -> None:
    """Twice the same snapshot says what is so now, and divides by nothing."""
    one = snapshot(3, full(), stages=BUSY)
    assert held_up_by(one, one).line == "starting"
    paused = snapshot(3, endpoint(waiting=1, paused_left_s=0.2))
    assert held_up_by(paused, paused).line == "paused for 1 s: rate limit of gpt-4o"


def test_a_busy_thread_is_busy() -> None:
    """The time it worked is counted, at the least."""
    began_s = busy_s()
    total = sum(range(2_000_000))
    assert total
    assert busy_s() - began_s > 0.001


class Slow:
    """Scripted answers, each after a while; from ``down_at_s`` on there is none."""

    def __init__(
        self,
        words: Callable[[ChatRequest], str],
        takes_s: float,
        loop: VirtualLoop,
        down_at_s: float = 1e9,
    ) -> None:
        self._words, self._takes_s, self._loop = words, takes_s, loop
        self._down_at_s = loop.time() + down_at_s

    async def complete(self, request: ChatRequest) -> Completion:
        await asyncio.sleep(self._takes_s)
        if self._loop.time() > self._down_at_s:
            raise ServerError("HTTP 503: down")
        return Completion(self._words(request), "stop", Usage(300, 50))


class Bench:
    """A real pipeline with real limits on a clock that jumps; models are slow, and nothing else is."""

    def __init__(self, loop: VirtualLoop) -> None:
        self.loop = loop
        self.regulators: dict[str, Regulator] = {}

    def party(self, name: str, takes_s: float, allowance: Allowance, **more: float) -> Party:
        loop, per_minute = self.loop, allowance.requests_per_minute
        window = VirtualWindow(int(per_minute), WINDOW_S, loop.time) if per_minute else None
        regulator = Regulator(
            allowance, model=name, clock=loop.time, window=window, random=Random(1)
        )
        self.regulators[name] = regulator
        model = Slow(target_answer if name == "target" else answer, takes_s, loop, **more)
        retrying = RetryingModel(
            RegulatedModel(model, regulator),
            RetryPolicy(),
            model=name,
            on_event=lambda event: None,
            random=Random(1),
            sleep=regulator.limits.rest,
            clock=loop.time,
        )
        return Party(retrying, allowance.max_in_flight)

    async def watch(self, parties: Parties, from_s: float, to_s: float) -> HeldUpBy:
        """What held a run back between two moments of it."""
        source = SeedList(("Seed 1", "Seed 2", "Seed 3"))
        settings = load_settings(None, {"method": {"augment_to": 0, "total": 30_000}})
        job = make_job(source, source.tally(), settings, parties, load_templates())
        return await self._between(job, from_s, to_s)

    async def _between(self, job: Job, from_s: float, to_s: float) -> HeldUpBy:
        began_s = self.loop.time()

        def look() -> Snapshot:
            rows = (EndpointRow(name, one.statistics()) for name, one in self.regulators.items())
            fates = {"selected": 0, "discarded": 0, "failed": 0}
            moment_s = self.loop.time() - began_s
            return Snapshot(30_000, moment_s, fates, {}, running.statistics(), tuple(rows))

        async with job.pipeline.open(job.source) as running, asyncio.TaskGroup() as group:

            async def consume() -> None:
                async for _ in running:
                    pass

            consuming = group.create_task(consume())
            await asyncio.sleep(from_s)
            earlier = look()
            await asyncio.sleep(to_s - from_s)
            found = held_up_by(earlier, look())
            consuming.cancel()
        return found


def fixed(most: int, **limits: float) -> Allowance:
    return Allowance(most, adaptive=False, **limits)


FREE = fixed(100)
KNOWN: dict[str, tuple[dict[str, Any], tuple[str, str]]] = {
    "requests": (
        {"strong": (1.0, fixed(100, requests_per_minute=600))},
        ("requests", "strong"),
    ),
    "output tokens": (
        {"target": (1.0, fixed(100, output_tokens_per_minute=6_000))},
        ("output_tokens", "target"),
    ),
    "all tokens": (
        {"strong": (1.0, fixed(100, tokens_per_minute=200_000))},
        ("tokens", "strong"),
    ),
    "calls in flight": ({"strong": (1.0, fixed(16))}, ("in_flight", "strong")),
    "few calls in flight of the target": ({"target": (1.0, fixed(4))}, ("in_flight", "target")),
    "a slow judge": ({"judge": (30.0, fixed(20))}, ("in_flight", "judge")),
    "a judge that goes down": ({"judge": (2.0, FREE, 15.0)}, ("outage", "judge")),
    "a strong model that goes down": ({"strong": (2.0, FREE, 15.0)}, ("outage", "strong")),
}


@pytest.mark.parametrize("case", KNOWN)
def test_a_limit_that_is_known_is_named(case: str) -> None:
    """Whole runs: the endpoint that is short of something, and what of. All others have room."""
    given, expected = KNOWN[case]

    async def main(loop: VirtualLoop) -> HeldUpBy:
        bench = Bench(loop)
        parties = {}
        for name in ("strong", "target", "judge"):
            takes_s, allowance, *down_at_s = given.get(name, (2.0, FREE))
            more = {"down_at_s": down_at_s[0]} if down_at_s else {}
            parties[name] = bench.party(name, takes_s, allowance, **more)
        return await bench.watch(Parties(**parties), 24, 30)

    found = run_virtual(main)
    assert (found.kind, found.endpoint) == expected
    if "judge" in case and expected[0] == "in_flight":
        assert found.line == "limited by 20 calls in flight of judge, judge stage"


def test_what_is_over_is_soon_forgotten() -> None:
    """Speeds are those of ten seconds, what holds up is what did so in the last five."""
    held_up = {(Cause.requests, "judge"): 10.0}
    recent = Recent(snapshot(0, endpoint(allowance=MINUTE)))
    for second in range(1, 17):
        over = held_up if second >= 10 else {(Cause.requests, "judge"): float(second)}
        recent.add(snapshot(second, endpoint(allowance=MINUTE, held_up=over)))
        if second <= 10:
            assert recent.held_up_by().kind == "requests"
    assert recent.held_up_by().kind != "requests"
    assert recent.earlier.elapsed_s == 6
