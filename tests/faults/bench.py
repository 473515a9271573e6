"""What a fault test measures: rows of test, figure, bar, met or not."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TypeVar

__all__ = ["Measure", "Row", "Scale", "markdown", "read_rows", "write_rows"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scale:
    """``scale(fast, whole)``: the size for the suite, or the one for the table."""

    whole: bool

    def __call__(self, fast: T, whole: T) -> T:
        return whole if self.whole else fast


@dataclass(frozen=True, slots=True)
class Row:
    """One figure. ``test`` is F1 to F30; ``met`` is None for what was not run, and ``value`` says why."""

    test: str
    figure: str
    value: str
    bar: str
    met: bool | None

    @property
    def key(self) -> tuple[str, str]:
        return self.test, self.figure

    @property
    def order(self) -> tuple[int, str]:
        number = re.search(r"\d+", self.test)
        return int(number[0]) if number else 0, self.figure


class Measure:
    """Takes figures down; an unmet bar fails the test after it is on record."""

    def __init__(self) -> None:
        self.rows: list[Row] = []

    def __call__(self, test: str, figure: str, value: object, bar: str, *, met: bool) -> None:
        """Record ``value`` (a number or a text with its unit) against ``bar``, a text such as "<= 2 %"."""
        shown = f"{value:,.4g}" if isinstance(value, float) else str(value)
        self.rows.append(Row(test, figure, shown, bar, met))
        assert met, f"{test}: {figure} is {shown}, but must be {bar}"

    def not_run(self, test: str, figure: str, why: str) -> None:
        """Record that a test cannot be run here, and why."""
        self.rows.append(Row(test, figure, why, "", None))


def markdown(rows: Iterable[Row]) -> Iterator[str]:
    """The table, line by line."""
    yield "| test | figure | measured | bar | |"
    yield "|---|---|---|---|---|"
    for row in rows:
        met = {True: "met", False: "**not met**", None: "not run"}[row.met]
        yield f"| {row.test} | {row.figure} | {row.value} | {row.bar} | {met} |"


def read_rows(path: Path) -> list[Row]:
    """The rows in ``path``; none where there is no such file."""
    return [Row(**row) for row in json.loads(path.read_text())] if path.exists() else []


def write_rows(path: Path, rows: Iterable[Row]) -> None:
    """Keep ``rows`` as JSON."""
    path.write_text(json.dumps([asdict(row) for row in rows], indent=1) + "\n")
