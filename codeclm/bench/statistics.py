"""The figures of a level, from what its attempts were: plain functions of plain records."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from codeclm.bench.meter import CANCELLED, Attempt
from codeclm.llm.chat import Usage

__all__ = ["Figures", "Latency", "Window", "efficiency", "figures", "peak", "percentile", "share"]

RATE_LIMITS = frozenset({"RateLimited", "RampTooFast"})
UNHEARD = frozenset({"StaleConnection"})


@dataclass(frozen=True, slots=True)
class Window:
    """What is measured, in seconds of the attempts' clock: from ``begin_s`` up to ``end_s``."""

    begin_s: float
    end_s: float

    @property
    def seconds(self) -> float:
        """How long it is."""
        return self.end_s - self.begin_s


@dataclass(frozen=True, slots=True)
class Latency:
    """Seconds from the sending of a call to the end of its answer. The mean is of calls as they count (``share``)."""

    mean_s: float
    p50_s: float
    p95_s: float
    p99_s: float


@dataclass(frozen=True, slots=True)
class Figures:
    """A level of ``in_flight`` calls, measured for ``seconds``.

    ``answers``, ``errors`` by kind, ``rate_limited`` and ``retried`` (attempts after a failed one of the same call)
    are counts of what ended in that time. Tokens are None where the endpoint counts none; ``uncounted`` answers came
    without. ``cpu`` is the share of one core that this process used.
    """

    in_flight: int
    seconds: float
    answers: int
    calls_per_s: float
    input_tokens_per_s: float | None
    output_tokens_per_s: float | None
    latency: Latency | None
    errors: Mapping[str, int]
    rate_limited: int
    retried: int
    uncounted: int
    in_flight_mean: float
    in_flight_peak: int
    efficiency: float | None
    cpu: float
    lag_p99_s: float

    @property
    def failed(self) -> int:
        """Attempts that failed, those that a rate limit refused among them."""
        return sum(self.errors.values()) + self.rate_limited

    @property
    def failed_share(self) -> float:
        """Of all attempts that ended; without those that nobody got, and that were made again at once."""
        failed = self.failed - sum(self.errors.get(kind, 0) for kind in UNHEARD)
        ended = self.answers + failed
        return failed / ended if ended else 0.0


def percentile(values: Sequence[float], share_below: float) -> float:
    """The smallest of ``values`` that at least ``share_below`` (0 to 1) of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share_below * len(ordered) - 1e-9) - 1)]


def share(attempt: Attempt, window: Window) -> float:
    """The share of the attempt's time that lies within the window.

    A window cuts through calls at both ends. Counted by their shares they are neither too many nor too few, also
    where all calls begin and end together.
    """
    took_s = attempt.ended_s - attempt.began_s
    if took_s <= 0:
        return float(window.begin_s <= attempt.ended_s < window.end_s)
    return _overlap_s(attempt, window) / took_s


def peak(attempts: Sequence[Attempt], window: Window) -> int:
    """The most attempts that were under way at one moment of the window."""
    changes: list[tuple[float, int]] = []
    for one in attempts:
        if _overlap_s(one, window) > 0:
            changes += [(max(one.began_s, window.begin_s), 1), (one.ended_s, -1)]
    level = most = 0
    for _, change in sorted(changes):  # at one moment, what ends makes room first
        level += change
        most = max(most, level)
    return most


def efficiency(calls_per_s: float, in_flight: int, mean_latency_s: float) -> float:
    """What was achieved, of what so many calls always in flight would achieve at that latency.

    By Little's law it is the share of the calls in flight that were really under way, and then were answered.
    """
    return calls_per_s * mean_latency_s / in_flight


def figures(
    in_flight: int,
    window: Window,
    attempts: Sequence[Attempt],
    *,
    cpu_s: float = 0.0,
    lags_s: Sequence[float] = (),
) -> Figures:
    """The figures of ``attempts``, those at the edges of the window and outside it among them."""
    seen, seconds = _Seen(window, attempts), window.seconds or math.inf
    return Figures(
        in_flight=in_flight,
        seconds=window.seconds,
        answers=len(seen.usages),
        calls_per_s=seen.calls_per_s,
        input_tokens_per_s=_tokens_per_s(seen.answered, window, "input_tokens"),
        output_tokens_per_s=_tokens_per_s(seen.answered, window, "output_tokens"),
        latency=seen.latency,
        errors={kind: seen.failures[kind] for kind in sorted({*seen.failures} - RATE_LIMITS)},
        rate_limited=sum(seen.failures[kind] for kind in RATE_LIMITS),
        retried=seen.retried,
        uncounted=sum(1 for usage in seen.usages if _is_uncounted(usage)),
        in_flight_mean=sum(_overlap_s(one, window) for one in attempts) / seconds,
        in_flight_peak=peak(attempts, window),
        efficiency=seen.efficiency(in_flight),
        cpu=cpu_s / seconds,
        lag_p99_s=percentile(lags_s, 0.99) if lags_s else 0.0,
    )


class _Seen:
    """What there is in a window: what was answered counts by its share, all else where it ended."""

    def __init__(self, window: Window, attempts: Sequence[Attempt]) -> None:
        ended = [one for one in attempts if window.begin_s < one.ended_s <= window.end_s]
        self.answered = [one for one in attempts if not one.error]
        self.usages = [one.usage for one in ended if not one.error]
        self.failures = Counter(one.error for one in ended if one.error not in ("", CANCELLED))
        self.retried = sum(1 for one in ended if one.again and one.error != CANCELLED)
        shares = [share(one, window) for one in self.answered]
        self.calls_per_s = math.fsum(shares) / (window.seconds or math.inf)
        self.latency = _latency(self.answered, shares, window)

    def efficiency(self, in_flight: int) -> float | None:
        latency = self.latency
        return efficiency(self.calls_per_s, in_flight, latency.mean_s) if latency else None


def _overlap_s(attempt: Attempt, window: Window) -> float:
    return max(0.0, min(attempt.ended_s, window.end_s) - max(attempt.began_s, window.begin_s))


def _latency(
    answered: Sequence[Attempt], counted: Sequence[float], window: Window
) -> Latency | None:
    """Percentiles of what ended in the window; the mean of all that is counted, by the shares that are."""
    ended = [one for one in answered if window.begin_s < one.ended_s <= window.end_s]
    if not ended:
        return None
    ordered = sorted(one.ended_s - one.began_s for one in ended)
    taken_s = math.fsum(
        part * (one.ended_s - one.began_s) for one, part in zip(answered, counted, strict=True)
    )
    p50, p95, p99 = (percentile(ordered, share_below) for share_below in (0.5, 0.95, 0.99))
    return Latency(taken_s / (math.fsum(counted) or 1.0), p50, p95, p99)


def _tokens_per_s(answered: Sequence[Attempt], window: Window, kind: str) -> float | None:
    counted = [(one, getattr(one.usage, kind)) for one in answered]
    tokens = [number * share(one, window) for one, number in counted if number is not None]
    return sum(tokens) / (window.seconds or math.inf) if tokens else None


def _is_uncounted(usage: Usage) -> bool:
    return usage.input_tokens is None or usage.output_tokens is None
