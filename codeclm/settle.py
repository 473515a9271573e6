"""At the end of a run: what turned out late to be a near-duplicate is discarded, and each is told what it repeats.

An instruction that was taken for a first one was paid for, and has its outcome, when one of a lower number came. The
files are to be the same as if that one had come before.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import suppress
from typing import Any

from codeclm.lines import LinesFile, Row, line_of
from codeclm.records import draft_id
from codeclm.rundir import DECODED
from codeclm.stages.repeats import RepeatBook
from codeclm.stages.screen import REPEAT
from codeclm.stages.unit_book import bands_of

__all__ = ["settle"]

_PAIR = ("response", "responder")


def settle(files: Mapping[str, LinesFile], repeats: RepeatBook) -> None:
    """Bring the rows of ``files`` in line with ``repeats``. Whenever it is broken off, doing it again mends all.

    Raises UsageError where a file cannot be written.
    """
    if not len(repeats):
        return
    firsts = _firsts(files[DECODED], repeats)
    late = [
        row for name in ("selected", "failed") for row in files[name].rows() if row["id"] in firsts
    ]
    files["discarded"].rewrite(_discarded(files["discarded"], firsts, late))
    if late:  # these are discarded by now
        for name in ("selected", "failed"):
            kept = (row for row in files[name].rows() if row["id"] not in firsts)
            files[name].rewrite(map(line_of, kept))


def _firsts(decoded: LinesFile, repeats: RepeatBook) -> dict[str, str]:
    """Of each repeat, the instruction of the lowest number that it is near to."""
    firsts = dict.fromkeys(repeats, "")
    for row in decoded.rows():
        with suppress(TypeError, ValueError):  # no line of a unit: another one of it is on file
            for index, (_, bands) in enumerate(bands_of(row)):
                identity = draft_id(row["id"], index)
                if identity in firsts:
                    firsts[identity] = repeats.first(bands)
    return firsts


def _discarded(discarded: LinesFile, firsts: Mapping[str, str], late: list[Row]) -> Iterator[bytes]:
    moved = {row["id"]: row for row in late}
    for row in discarded.rows():
        moved.pop(row["id"], None)
        yield line_of(_as_repeat(row, firsts[row["id"]]) if _is_repeat(row, firsts) else row)
    for row in moved.values():
        yield line_of(_as_repeat(row, firsts[row["id"]]))


def _is_repeat(row: Row, firsts: Mapping[str, str]) -> bool:
    """Not what overlaps an evaluation set from the beginning: nobody would have looked whether it repeats another."""
    return row["id"] in firsts and not (row.get("overlap") and row.get("iteration") == 1)


def _as_repeat(row: Row, first: str) -> Row:
    changed: dict[str, Any] = {name: value for name, value in row.items() if name not in _PAIR}
    return changed | {"reason": REPEAT, "repeats": first or None}
