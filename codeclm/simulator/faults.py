"""Faults on demand: which requests go wrong, and how."""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from math import inf
from typing import Self

from codeclm.errors import UsageError
from codeclm.simulator.fault_grammar import FaultName, read_faults
from codeclm.simulator.fault_table import FAULTS
from codeclm.simulator.seeded import share_of

__all__ = ["FAULTS", "Faults", "PlannedFault"]

_ALWAYS: tuple[float, float, float, float] = (0, inf, 0.0, inf)


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault that meets ``share`` of the requests from number ``first`` to before ``end``, or of those
    that arrive from ``start_s`` to before ``end_s``; where ``text`` is given, only if a message contains it."""

    name: str
    share: float = 1.0
    first: float = 0
    end: float = inf
    start_s: float = 0.0
    end_s: float = inf
    text: str = ""

    def covers(
        self, number: int, second: float, messages: Sequence[Mapping[str, str]] = ()
    ) -> bool:
        """Whether the request is among those."""
        return (
            self.first <= number < self.end
            and self.start_s <= second < self.end_s
            and (not self.text or any(self.text in message["content"] for message in messages))
        )

    @property
    def is_downtime(self) -> bool:
        """Whether nothing of the server works meanwhile, not even its limits."""
        by_seconds = (self.first, self.end, self.share, self.text) == (0, inf, 1, "")
        return by_seconds and FaultName.read(self.name).kind in {"outage", "loading"}


@dataclass(frozen=True, slots=True)
class Faults:
    """``planned`` faults, tried in their order, and ``shares`` (together at most 1) of all other requests.

    A fault is named as it is written: "429", "quota:gemini". Raises UsageError for an unknown one, a share
    outside 0..1, or more than 1 in all.
    """

    shares: tuple[tuple[str, float], ...] = ()
    seed: int = 0
    planned: tuple[PlannedFault, ...] = ()

    def __post_init__(self) -> None:
        total = sum(share for _, share in self.shares)
        for name, share in (*self.shares, *((plan.name, plan.share) for plan in self.planned)):
            FaultName.read(name)
            if not 0 <= share <= 1:
                raise UsageError(
                    f"the share of fault {name!r} must lie between 0 and 1, not {share:g}"
                )
        if total > 1 + 1e-9:
            raise UsageError(
                f"the shares of all faults together must not exceed 1, but are {total:g}"
            )

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Self:
        """Read "429=0.05,quota@1000,outage:502@30s-90s"; an empty text means none. Raises UsageError."""
        shares: dict[str, float] = {}
        planned = []
        for fault in read_faults(text):
            if fault.when is not None or fault.text:
                share = 1.0 if fault.share is None else fault.share
                when = fault.when or _ALWAYS
                planned.append(PlannedFault(fault.name, share, *when, fault.text))
            elif fault.name in shares:
                raise UsageError(f"fault {fault.name!r} is given twice")
            elif fault.share is not None:
                shares[fault.name] = fault.share
        return cls(tuple(shares.items()), seed, tuple(planned))

    def of_request(
        self,
        number: int,
        second: float = 0.0,
        fields: Container[str] | None = None,
        messages: Sequence[Mapping[str, str]] = (),
    ) -> str | None:
        """The fault that request ``number``, arriving at ``second``, meets, or None.

        A retry has another number. ``fields`` are what the request sends, if that is known: a bad
        parameter that is not sent harms nobody.
        """
        for index, plan in enumerate(self.planned):
            if (
                plan.covers(number, second, messages)
                and _can_hit(plan.name, fields)
                and (plan.share >= 1 or share_of(self.seed, index, number) < plan.share)
            ):
                return plan.name
        name = self._drawn(number) if self.shares else None
        return name if name is None or _can_hit(name, fields) else None

    def windows(self, name: str) -> list[tuple[float, float]]:
        """From when until when, in seconds, the planned fault ``name`` comes."""
        return [(plan.start_s, plan.end_s) for plan in self.planned if plan.name == name]

    def _drawn(self, number: int) -> str | None:
        drawn = share_of(self.seed, "fault", number)
        for name, share in self.shares:
            if drawn < share:
                return name
            drawn -= share
        return None


def _can_hit(name: str, fields: Container[str] | None) -> bool:
    if fields is None or not name.startswith("bad-parameter"):
        return True
    return FaultName.read(name).detail in fields
