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


def settle(
    files: Mapping[str, LinesFile], repeats: RepeatBook, *, any_late: bool = True
) -> list[tuple[str, Row]]:
    """Bring the rows of ``files`` in line with ``repeats``; those that are discarded now, and where they were before.

    Without ``any_late`` all repeats are in discarded.jsonl, and only that is gone through. Whenever it is broken off,
    doing it again mends all. Raises UsageError where a file cannot be written.
    """
    firsts = _firsts(files[DECODED], repeats)
    late = {
        row["id"]: (name, row)
        for name in ("selected", "failed")
        if any_late
        for row in files[name].rows()
        if row["id"] in firsts
    }
    left = {name for name, _ in late.values()}
    files["discarded"].rewrite(_discarded(files["discarded"], firsts, late))
    for name in left:
        kept = (row for row in files[name].rows() if row["id"] not in firsts)
        files[name].rewrite(map(line_of, kept))
    return [*late.values()]


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


def _discarded(
    discarded: LinesFile, firsts: Mapping[str, str], late: dict[str, tuple[str, Row]]
) -> Iterator[bytes]:
    """All that is to be in it; what is in it already is late no more."""
    for row in discarded.rows():
        late.pop(row["id"], None)
        yield line_of(_as_repeat(row, firsts[row["id"]]) if _is_repeat(row, firsts) else row)
    for _, row in late.values():
        yield line_of(_as_repeat(row, firsts[row["id"]]))


def _is_repeat(row: Row, firsts: Mapping[str, str]) -> bool:
    """Not what overlaps an evaluation set from the beginning: nobody would have looked whether it repeats another."""
    return row["id"] in firsts and not (row.get("overlap") and row.get("iteration") == 1)


def _as_repeat(row: Row, first: str) -> Row:
    changed: dict[str, Any] = {name: value for name, value in row.items() if name not in _PAIR}
    return changed | {"reason": REPEAT, "repeats": first or None}
