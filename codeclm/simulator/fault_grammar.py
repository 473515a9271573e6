"""How faults are written: NAME[:DETAIL][=SHARE][@WHEN][~TEXT], with commas between them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from difflib import get_close_matches
from math import inf
from typing import Self

from codeclm.errors import UsageError
from codeclm.simulator.fault_table import FAULTS

__all__ = ["FaultName", "WrittenFault", "read_faults"]

_NUMBER = r"\d{1,9}(?:\.\d{0,9})?"
_SECONDS = re.compile(rf"({_NUMBER})s(?:-({_NUMBER})s)?", re.ASCII)
_REQUESTS = re.compile(r"(\d{1,12})(?:\+(\d{1,12}))?", re.ASCII)
_FIELD = re.compile(r"[a-z_]{1,64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class FaultName:
    """A fault's name apart from its detail, which is that of the table where none is written."""

    kind: str
    detail: str = ""

    @classmethod
    def read(cls, written: str) -> Self:
        """Take "quota:gemini" apart. Raises UsageError for what is not in the table."""
        kind, colon, detail = (piece.strip() for piece in written.partition(":"))
        if kind not in FAULTS:
            raise UsageError(_unknown(kind, tuple(FAULTS), "fault"))
        details = FAULTS[kind].details
        if not colon:
            return cls(kind, details[0] if details else "")
        if not details:
            raise UsageError(f"fault {kind!r} takes nothing behind a colon, not {detail[:40]!r}")
        if detail and (detail in details or _fits(detail, details)):
            return cls(kind, detail)
        raise UsageError(_unknown(detail[:40], tuple(filter(None, details)), f"fault {kind}:"))


@dataclass(frozen=True, slots=True)
class WrittenFault:
    """One fault of a list. ``when`` is first and end request number, start and end second.

    Neither ``when`` nor ``text`` stands where the fault is only a share of all requests.
    """

    name: str
    share: float | None
    when: tuple[float, float, float, float] | None
    text: str


def read_faults(text: str) -> Iterator[WrittenFault]:
    """The faults of a list, one after the other. Raises UsageError."""
    for part in filter(None, (part.strip() for part in text.split(","))):
        part, _, text = (piece.strip() for piece in part.partition("~"))
        head, at, when = part.partition("@")
        name, equals, share = (piece.strip() for piece in head.partition("="))
        FaultName.read(name)
        if not (equals or at or text):
            raise UsageError(
                f"fault {name!r} needs a share between 0 and 1, like {name}=0.05, or @N, @As-Bs, ~TEXT"
            )
        yield WrittenFault(
            name,
            _share(name, share) if equals else None,
            _when(name, when) if at else None,
            text,
        )


def _share(name: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise UsageError(f"fault {name!r} needs a share between 0 and 1, not {value!r}") from None


def _when(name: str, text: str) -> tuple[float, float, float, float]:
    text = text.strip()
    requests, seconds = _REQUESTS.fullmatch(text), _SECONDS.fullmatch(text)
    if requests:
        first, count = int(requests[1]), requests[2]
        end = first + int(count) if count else inf
        if 1 <= first < end:
            return first, end, 0.0, inf
    elif seconds:
        start_s, end_s = float(seconds[1]), float(seconds[2]) if seconds[2] else inf
        if start_s < end_s:
            return 0, inf, start_s, end_s
    raise UsageError(
        f"fault {name!r} cannot come at {text[:40]!r}; write @N, @N+K (requests) or @As, @As-Bs (seconds)"
    )


def _fits(detail: str, details: tuple[str, ...]) -> bool:
    whole = detail.isascii() and detail.isdigit() and 0 < int(detail[:6]) <= 4096
    return ("N" in details and whole and len(detail) <= 4) or (
        "NAME" in details and bool(_FIELD.fullmatch(detail))
    )


def _unknown(name: str, known: tuple[str, ...], what: str) -> str:
    near = get_close_matches(name, known, n=1, cutoff=0.4)
    hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(known)}"
    return f"unknown {what} {name!r}; {hint}"
