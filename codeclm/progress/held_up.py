"""What holds a run back, told from two snapshots of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from codeclm.llm.held_up import Cause
from codeclm.progress.snapshot import EndpointRow, Snapshot

__all__ = ["HeldUpBy", "held_up_by"]

MOSTLY = 0.5  # of the time
BUSY = 0.85  # of one core
FULL = 0.9  # of the calls that may be in flight
RATES = frozenset(Cause) - {Cause.in_flight}


@dataclass(frozen=True, slots=True)
class HeldUpBy:
    """``kind`` is a word for machines, ``line`` one line for a person; ``endpoint`` and ``stage`` are "" for none.

    Kinds: the names of ``Cause``; "cpu", "attempts" (calls that failed wait for their next one), "source" (there is
    no work to be had), "units" (no more may be under way), "finishing", "stopping", "answers" (nothing but latency),
    "start".
    """

    kind: str
    line: str
    endpoint: str = ""
    stage: str = ""


@dataclass(frozen=True, slots=True)
class _Held:
    """An endpoint between two moments: which share of the time its calls were held up, by what, of which stage."""

    row: EndpointRow
    shares: dict[tuple[Cause, str], float]
    in_flight: float

    def share(self, *causes: Cause) -> float:
        return sum(share for (cause, _), share in self.shares.items() if cause in causes)

    @property
    def rate_share(self) -> float:
        return self.share(*RATES)

    @property
    def fullness(self) -> float:
        """Of the calls that may be in flight; more than 1 where others waited."""
        allowed = max(1, self.row.statistics.limits.allowed)
        return self.in_flight / allowed + self.share(Cause.in_flight)

    def leading(self, *causes: Cause) -> tuple[Cause, str]:
        """The cause, among these, that held up longest, and the stage that waited longest for it."""
        cause = max(causes, key=self.share)
        stages = {stage: share for (one, stage), share in self.shares.items() if one is cause}
        return cause, max(stages, key=stages.__getitem__, default="")


def held_up_by(earlier: Snapshot, later: Snapshot) -> HeldUpBy:
    """What kept the run from going faster between the two.

    What shuts an endpoint at this moment comes first; then a rate, for where one is in force there is time to spare
    for all else; then this machine, for where it is busy more calls in flight would not help; then calls in flight.
    """
    between_s = later.elapsed_s - earlier.elapsed_s
    held = [*_held(earlier, later, between_s)] if between_s > 0 else []
    if later.pipeline.is_stopping:
        return _stopping(later)
    found = _shut(later) or _rate(held) or _machine(earlier, later, between_s)
    return found or _slots(held, later) or _work(later, held)


def _held(earlier: Snapshot, later: Snapshot, between_s: float) -> Iterator[_Held]:
    before = {row.name: row.statistics.limits for row in earlier.endpoints}
    for row in later.endpoints:
        limits, old = row.statistics.limits, before.get(row.name)
        seconds = {
            key: value - (old.held_up.get(key, 0.0) if old else 0.0)
            for key, value in limits.held_up.items()
        }
        shares = {key: value / between_s for key, value in seconds.items() if value > 0}
        busy_s = limits.busy_s - (old.busy_s if old else 0.0)
        yield _Held(row, shares, busy_s / between_s)


def _stopping(later: Snapshot) -> HeldUpBy:
    calls = sum(row.statistics.limits.in_flight for row in later.endpoints)
    return HeldUpBy("stopping", f"stopping: {calls:,} calls under way finish")


def _shut(later: Snapshot) -> HeldUpBy | None:
    """An endpoint that takes no calls at this moment, and for which some wait."""
    wanted = [row for row in later.endpoints if row.statistics.limits.waiting]
    for row in wanted:
        if row.statistics.is_down:
            since = f"out of service for {row.statistics.down_for_s:,.0f} s"
            return HeldUpBy(Cause.outage.name, f"waiting for {row.name}: {since}", row.name)
    paused = max(wanted, key=lambda row: row.statistics.paused_left_s, default=None)
    if paused is None or not paused.statistics.paused_left_s:
        return None
    left_s = max(1, round(paused.statistics.paused_left_s))
    line = f"paused for {left_s:,} s: rate limit of {paused.name}"
    return HeldUpBy(Cause.pause.name, line, paused.name)


def _rate(held: list[_Held]) -> HeldUpBy | None:
    worst = max(held, key=lambda one: one.rate_share, default=None)
    if worst is None or worst.rate_share < MOSTLY:
        return None
    cause, stage = worst.leading(*sorted(RATES))
    line = _limited_by(_rate_words(cause, worst.row), worst.row, stage)
    return HeldUpBy(cause.name, line, worst.row.name, stage)


def _rate_words(cause: Cause, row: EndpointRow) -> str:
    limits = row.statistics.limits
    allowance = limits.allowance
    stated = {
        Cause.requests: allowance.requests_per_minute,
        Cause.tokens: allowance.tokens_per_minute,
        Cause.input_tokens: allowance.input_tokens_per_minute,
        Cause.output_tokens: allowance.output_tokens_per_minute,
    }.get(cause)
    if stated is not None:
        return f"{stated:,.{0 if stated >= 10 else 1}f} {cause}"
    if cause is Cause.hidden_rate and limits.rate_per_s is not None:
        return f"{limits.rate_per_s:,.{0 if limits.rate_per_s >= 10 else 1}f} calls a second"
    return "pauses for the rate limit" if cause is not Cause.outage else "outages"


def _machine(earlier: Snapshot, later: Snapshot, between_s: float) -> HeldUpBy | None:
    share = (later.cpu_s - earlier.cpu_s) / between_s if between_s > 0 else 0.0
    if share < BUSY:
        return None
    return HeldUpBy("cpu", f"limited by this machine's CPU ({min(1.0, share):.0%} of one core)")


def _slots(held: list[_Held], later: Snapshot) -> HeldUpBy | None:
    fullest = max(held, key=lambda one: one.fullness, default=None)
    if fullest is None:
        return None
    limits = fullest.row.statistics.limits
    full = fullest.in_flight >= FULL * limits.allowed
    if not full and fullest.share(Cause.in_flight) < MOSTLY:
        return None
    _, stage = fullest.leading(Cause.in_flight)
    stage = stage or _busiest_stage(later)
    calls = f"{limits.allowed:,} call{'s' if limits.allowed > 1 else ''} in flight"
    line = _limited_by(calls, fullest.row, stage)
    if limits.allowed < limits.allowance.max_in_flight:
        objected = fullest.row.statistics.rate_limited > 0
        line += " (it refused more)" if objected else " (being found)"
    return HeldUpBy(Cause.in_flight.name, line, fullest.row.name, stage)


def _work(later: Snapshot, held: list[_Held]) -> HeldUpBy:
    """No limit is in force: there is nothing more to do at once, or nothing to do but wait."""
    pipeline = later.pipeline
    busiest = max(held, key=lambda one: one.in_flight, default=None)
    name = busiest.row.name if busiest else ""
    resting = max(held, key=lambda one: one.row.statistics.limits.resting, default=None)
    if resting is not None:
        limits = resting.row.statistics.limits
        if limits.resting > limits.in_flight:
            line = f"{limits.resting:,} calls to {resting.row.name} failed and wait for their next attempt"
            return HeldUpBy("attempts", line, resting.row.name)
    if not held or not later.endpoints:
        return HeldUpBy("start", "starting")
    if pipeline.is_all_in and pipeline.tickets_in_use < pipeline.tickets:
        left = later.wanted - later.finished if later.wanted else pipeline.inside
        return HeldUpBy("finishing", f"finishing: the last {max(0, left):,} are under way", name)
    if not pipeline.is_all_in and pipeline.tickets_in_use >= pipeline.tickets:
        line = f"limited by {pipeline.tickets:,} units of work under way (units_in_flight)"
        return HeldUpBy("units", line, name)
    if not sum(stage.working for stage in pipeline.stages):
        return HeldUpBy("source", "waiting for seeds")
    stage = _busiest_stage(later)
    return HeldUpBy("answers", f"waiting for answers of {name}, {stage} stage", name, stage)


def _busiest_stage(snapshot: Snapshot) -> str:
    busiest = max(snapshot.pipeline.stages, key=lambda stage: stage.working, default=None)
    return busiest.name if busiest is not None and busiest.working else ""


def _limited_by(what: str, row: EndpointRow, stage: str) -> str:
    return f"limited by {what} of {row.name}" + (f", {stage} stage" if stage else "")
