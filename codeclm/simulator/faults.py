"""Faults on demand: what share of the requests goes wrong, and how."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches

from codeclm.errors import UsageError
from codeclm.simulator.seeded import share_of

__all__ = ["FAULTS", "Faults"]

FAULTS = {
    "429": "too many requests, with Retry-After",
    "500": "server error",
    "502": "bad gateway",
    "503": "service unavailable",
    "504": "gateway timeout",
    "529": "overloaded",
    "reset": "the connection is reset without an answer",
    "timeout": "no answer ever",
    "malformed": "200 with broken JSON",
    "empty": "200 with null content",
    "cut": "fewer bytes than Content-Length promises",
    "slow": "ten times the latency",
}
"""Every fault by name, and what the client sees."""


@dataclass(frozen=True, slots=True)
class Faults:
    """Shares of the requests (0 to 1, together at most 1) that meet each fault, in a fixed order.

    Raises UsageError for an unknown fault, a share outside 0..1, or more than 1 in all.
    """

    shares: tuple[tuple[str, float], ...] = ()
    seed: int = 0

    def __post_init__(self) -> None:
        for name, share in self.shares:
            if name not in FAULTS:
                raise UsageError(_unknown(name))
            if not 0 <= share <= 1:
                raise UsageError(
                    f"the share of fault {name!r} must lie between 0 and 1, not {share:g}"
                )
        total = sum(share for _, share in self.shares)
        if total > 1 + 1e-9:
            raise UsageError(
                f"the shares of all faults together must not exceed 1, but are {total:g}"
            )

    @classmethod
    def parse(cls, text: str, seed: int = 0) -> Faults:
        """Read "429=0.05,reset=0.01"; an empty text means no faults. Raises UsageError."""
        shares: dict[str, float] = {}
        for part in filter(None, (part.strip() for part in text.split(","))):
            name, _, value = (piece.strip() for piece in part.partition("="))
            if name in shares:
                raise UsageError(f"fault {name!r} is given twice")
            shares[name] = _share(name, value)
        return cls(tuple(shares.items()), seed)

    def of_request(self, number: int) -> str | None:
        """The fault that request ``number`` meets, or None. A retry has another number."""
        if not self.shares:
            return None
        drawn = share_of(self.seed, "fault", number)
        for name, share in self.shares:
            if drawn < share:
                return name
            drawn -= share
        return None


def _share(name: str, value: str) -> float:
    if name not in FAULTS:
        raise UsageError(_unknown(name))
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"fault {name!r} needs a share between 0 and 1, not {value!r}") from None


def _unknown(name: str) -> str:
    near = get_close_matches(name, FAULTS, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(FAULTS)}"
    return f"unknown fault {name!r}; {hint}"
