"""A run at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeclm.engine.events import PipelineStatistics
from codeclm.llm.regulator import EndpointStatistics
from codeclm.progress.accepted import Accepted

__all__ = ["EndpointRow", "Snapshot"]


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint at one moment. ``name`` is as short as tells it apart; ``retries`` are those of this session."""

    name: str
    statistics: EndpointStatistics
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``wanted`` is 0 where it is not known; ``outcomes`` as in summary.json, ``calls`` those of this session.

    ``things`` are what is counted, ``fates`` what may become of one; with ``counts_selected`` so many selected ones
    are wanted. ``usage`` are the rows of calls in summary.json, of all sessions. ``cpu_s`` is for how long the event
    loop has had work to do, as far as the system tells, ``looking_cpu_s`` the CPU time that snapshots and views have
    taken. ``cost`` is in USD, of all sessions; None where a price is not known. All numbers only grow, but those that
    say how many there are now: two snapshots subtracted are what lies between.
    """

    wanted: int
    elapsed_s: float
    outcomes: Mapping[str, Any]
    calls: Mapping[str, int]
    pipeline: PipelineStatistics
    endpoints: tuple[EndpointRow, ...] = ()
    accepted: tuple[Accepted, ...] = ()
    usage: Sequence[Mapping[str, Any]] = ()
    cpu_s: float = 0.0
    looking_cpu_s: float = 0.0
    cost: float | None = None
    things: str = "instructions"
    fates: Sequence[str] = ("selected", "discarded", "failed")
    counts_selected: bool = False

    @property
    def finished(self) -> int:
        """Of what is wanted: things with an outcome, or examples that are selected."""
        if self.counts_selected:
            return min(self.wanted, int(self.outcomes["selected"]))
        return self.ended

    @property
    def ended(self) -> int:
        """Things with an outcome."""
        return int(sum(self.outcomes[fate] for fate in self.fates))
