"""What befalls one simulated run: all of it drawn from its seed before it starts."""

from __future__ import annotations

import math
from dataclasses import dataclass
from random import Random

__all__ = ["CALM", "DAILY", "Kill", "Mishap", "ServerWeather", "Weather", "draw_weather"]

Steps = tuple[tuple[float, float], ...]
"""From which second on a limit has which value."""

DAILY = "RateLimited for hours"

FAULTS = {
    "reset": 3.0,
    "stale": 3.0,
    "unreachable": 1.0,
    "timeout": 0.5,
    "RateLimited": 3.0,
    "RampTooFast": 0.2,
    "Overloaded": 2.0,
    "ModelLoading": 0.3,
    "ServerError": 3.0,
    "EmptyAnswer": 1.0,
    "MalformedAnswer": 1.0,
    "ToolCallAnswer": 0.2,
    "KeyRefused": 0.1,
}
RARE_FAULTS = {"EndpointRefused": 0.05, "QuotaExhausted": 0.05, "ParameterRefused": 0.2, DAILY: 0.2}
OUTAGES = ("Overloaded", "ServerError", "ModelLoading", "unreachable", "reset", "timeout")


@dataclass(frozen=True, slots=True)
class ServerWeather:
    """One endpoint. ``faults`` weigh kinds of bad answers, ``fault_share`` of the calls get one of them.

    ``outages`` are (from, to, kind) in seconds; ``in_flight`` and ``per_s`` are limits that nobody tells, in steps;
    the account is empty at call number ``empty_at`` and filled up before the next session.
    """

    latency_s: float = 1.0
    spread: float = 0.5
    fault_share: float = 0.0
    faults: tuple[tuple[str, float], ...] = ()
    outages: tuple[tuple[float, float, str], ...] = ()
    in_flight: Steps = ()
    per_s: Steps = ()
    hint_share: float = 1.0
    empty_at: int | None = None


@dataclass(frozen=True, slots=True)
class Kill:
    """A session ends at its ``at``-th event, as by SIGKILL, or with ``power_cut`` as by one of those."""

    at: int
    power_cut: bool = False


@dataclass(frozen=True, slots=True)
class Mishap:
    """At the ``at``-th event of its session a person stops the run, or a disk operation fails with ``error``."""

    at: int
    error: int | None = None


@dataclass(frozen=True, slots=True)
class Weather:
    """All of it. Sessions take from ``ends`` in turn; where there are none left they run to their end."""

    servers: tuple[ServerWeather, ServerWeather] = (ServerWeather(), ServerWeather())
    ends: tuple[Kill | Mishap, ...] = ()
    commit_s: float = 0.01
    slow_commits: float = 0.0
    failed_writes: float = 0.0
    failed_reads: float = 0.0
    save_s: float = 1.0
    max_in_flight: int = 64
    adaptive: bool = True
    requests_per_minute: float | None = None
    tokens_per_minute: int | None = None
    timeout_s: float = 600.0
    attempts: int = 5
    patience_s: float = 900.0
    units_in_flight: int | None = None


CALM = Weather()


def draw_weather(random: Random, events: int) -> Weather:
    """Any weather; a session of the run is expected to have about so many ``events``."""
    servers = (_server(random), _server(random))
    ends = tuple(_end(random, events) for _ in range(random.choice((0, 0, 1, 1, 2, 3))))
    troubled = random.random() < 0.3
    return Weather(
        servers,
        ends,
        commit_s=random.choice((0.0, 0.005, 0.1)),
        slow_commits=random.choice((0.0, 0.02)),
        failed_writes=random.choice((0.02, 0.3)) if troubled else 0.0,
        failed_reads=random.choice((0.0, 0.05)) if troubled else 0.0,
        save_s=random.choice((10.0, 100.0, 1000.0)),
        max_in_flight=random.choice((1, 2, 4, 8, 16, 64)),
        adaptive=random.random() < 0.8,
        requests_per_minute=random.choice((None, None, None, 30, 50.5, 120, 1200)),
        tokens_per_minute=random.choice((None, None, None, 2_000, 20_000)),
        timeout_s=random.choice((20.0, 60.0, 600.0)),
        attempts=random.choice((1, 3, 5, 8)),
        patience_s=random.choice((30.0, 900.0)),
        units_in_flight=random.choice((None, None, 1, 3)),
    )


def _server(random: Random) -> ServerWeather:
    if random.random() < 0.2:
        return ServerWeather(latency_s=random.choice((0.0, 1.0)))
    kinds = {**FAULTS, **(RARE_FAULTS if random.random() < 0.2 else {})}
    faults = tuple((kind, weight * random.random()) for kind, weight in kinds.items())
    return ServerWeather(
        latency_s=random.choice((0.01, 0.3, 2.0, 15.0)),
        spread=random.random(),
        fault_share=random.choice((0.0, 0.01, 0.05, 0.05, 0.2, 0.4)),
        faults=faults,
        outages=tuple(_outage(random) for _ in range(random.choice((0, 0, 0, 1, 2)))),
        in_flight=_steps(random, (1, 2, 3, 6, 12)) if random.random() < 0.3 else (),
        per_s=_steps(random, (0.5, 1, 3, 10)) if random.random() < 0.3 else (),
        hint_share=random.choice((0.0, 0.5, 1.0)),
        empty_at=random.randint(1, 60) if random.random() < 0.1 else None,
    )


def _outage(random: Random) -> tuple[float, float, str]:
    begin_s = random.uniform(0, 60)
    return begin_s, begin_s + math.exp(random.uniform(0, 7)), random.choice(OUTAGES)


def _steps(random: Random, values: tuple[float, ...]) -> Steps:
    times = sorted(random.uniform(0, 60) for _ in range(random.choice((0, 1, 2))))
    return tuple((at_s, random.choice(values)) for at_s in (0.0, *times))


def _end(random: Random, events: int) -> Kill | Mishap:
    at = random.randint(1, events)
    kind = random.random()
    if kind < 0.7:
        return Kill(at, power_cut=random.random() < 0.3)
    return Mishap(at, random.choice((None, 28, 5)))  # ENOSPC, EIO
