"""A run at one moment."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from codeclm.engine.events import PipelineStatistics
from codeclm.llm.regulator import EndpointStatistics

__all__ = ["Accepted", "EndpointRow", "Snapshot", "accepted_by_iteration"]


@dataclass(frozen=True, slots=True)
class EndpointRow:
    """An endpoint at one moment. ``name`` is as short as tells it apart; ``retries`` are those of this session."""

    name: str
    statistics: EndpointStatistics
    retries: int = 0


@dataclass(frozen=True, slots=True)
class Accepted:
    """So many instructions were selected at this ``iteration``, of so many whose fate there is known."""

    iteration: int
    selected: int
    judged: int

    @property
    def share(self) -> float:
        """From 0 to 1."""
        return self.selected / self.judged if self.judged else 0.0


@dataclass(frozen=True, slots=True)
class Snapshot:
    """``wanted`` is 0 where it is not known; ``outcomes`` as in summary.json, ``calls`` those of this session.

    ``usage`` are the rows of calls in summary.json, of all sessions. ``cpu_s`` is for how long the event loop has had
    work to do, as far as the system tells. ``cost`` is in USD, of all sessions; None where a price is not known. All
    numbers only grow, but those that say how many there are now: two snapshots subtracted are what lies between.
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
    cost: float | None = None

    @property
    def finished(self) -> int:
        """Instructions with an outcome."""
        return int(sum(self.outcomes[fate] for fate in ("selected", "discarded", "failed")))


def accepted_by_iteration(tally: Mapping[tuple[str, str, int], int]) -> tuple[Accepted, ...]:
    """What became of the instructions of each iteration; ``tally`` is that of the sink: (file, kind, iteration).

    An instruction that went on has its outcome at a later iteration; one that failed, or was declined (it has a
    stage), did so before it was judged there.
    """
    selected: dict[int, int] = {}
    ended: dict[int, int] = {}
    broke: dict[int, int] = {}
    for (name, kind, iteration), number in tally.items():
        if iteration < 1:
            continue
        judged = name == "selected" or (name == "discarded" and not kind)
        group = ended if judged else broke
        group[iteration] = group.get(iteration, 0) + number
        if name == "selected":
            selected[iteration] = selected.get(iteration, 0) + number
    last = max((*ended, *broke), default=0)
    found: list[Accepted] = []
    beyond = 0
    for iteration in range(last, 0, -1):
        judged_here = beyond + ended.get(iteration, 0)
        found.append(Accepted(iteration, selected.get(iteration, 0), judged_here))
        beyond = judged_here + broke.get(iteration, 0)
    return tuple(reversed(found))
