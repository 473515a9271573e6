"""What a fault test measures: rows of test, figure, bar, met or not."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Iterator
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
    """Takes figures down by telling each to ``record``; ``check`` then fails for the bars that are not met."""

    def __init__(self, record: Callable[[Row], None]) -> None:
        self._record = record
        self._unmet: list[Row] = []

    def __call__(self, test: str, figure: str, value: object, bar: str, *, met: bool) -> None:
        """Record ``value`` (a number or a text with its unit) against ``bar``, a text such as "<= 2 %"."""
        row = Row(test, figure, shown(value), bar, bool(met))
        self._record(row)
        if not met:
            self._unmet.append(row)

    def not_run(self, test: str, figure: str, why: str) -> None:
        """Record that a test cannot be run here, and why."""
        self._record(Row(test, figure, why, "", None))

    def check(self) -> None:
        """Raises AssertionError, naming all bars that are not met; called at the end of each test."""
        lines = [
            f"{row.test}: {row.figure} is {row.value}, but must be {row.bar}" for row in self._unmet
        ]
        assert not lines, "\n".join(lines)


def shown(value: object) -> str:
    """A figure as the table shows it: with four digits at least, and thousands apart."""
    if isinstance(value, float) and abs(value) < 1000:
        return f"{value:.4g}"
    return f"{value:,.0f}" if isinstance(value, int | float) else str(value)


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
