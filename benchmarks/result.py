"""What a benchmark comes to: rows of repeated figures, kept as JSON, shown as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import orjson
from rich.console import Console
from rich.table import Table

from benchmarks.machine import commit, machine, versions
from benchmarks.repeats import Sample, Spread, spread

__all__ = [
    "RESULTS",
    "SCHEMA",
    "Result",
    "Row",
    "Value",
    "made",
    "read",
    "rows_of",
    "show",
    "shown",
    "write",
]

SCHEMA = 1
RESULTS = Path("bench-results")

Value = str | float | bool | None


@dataclass(frozen=True, slots=True)
class Row:
    """One figure: ``metric`` of ``name`` under ``settings``, once a repeat.

    ``target`` is what it should reach, and ``more_is_better`` on which side of that it should be.
    """

    name: str
    settings: Mapping[str, Value]
    metric: str
    unit: str
    values: tuple[float, ...]
    more_is_better: bool = False
    target: float | None = None

    @property
    def key(self) -> tuple[object, ...]:
        """What makes it the same figure in another result."""
        return self.name, self.metric, self.unit, tuple(sorted(self.settings.items()))

    @property
    def spread(self) -> Spread:
        return spread(self.values)

    def with_target(self, target: float) -> Row:
        """The same, with what it should reach."""
        return replace(self, target=target)

    @property
    def met(self) -> bool | None:
        """Whether the median reaches the target; None without one."""
        if self.target is None:
            return None
        found = self.spread.median
        return found >= self.target if self.more_is_better else found <= self.target


@dataclass(frozen=True, slots=True)
class Result:
    """All figures of one benchmark, with what they depend on."""

    benchmark: str
    commit: str
    dirty: bool
    machine: Mapping[str, str]
    versions: Mapping[str, str]
    settings: Mapping[str, Value]
    rows: tuple[Row, ...] = field(default=())
    schema: int = SCHEMA

    @property
    def file_name(self) -> str:
        """Without ending."""
        return f"{self.benchmark}-{self.commit}{'-dirty' if self.dirty else ''}"


def made(
    benchmark: str,
    rows: Sequence[Row],
    settings: Mapping[str, Value],
    *,
    more_versions: Mapping[str, str] | None = None,
) -> Result:
    """A result of this machine, now."""
    head, dirty = commit()
    known = {**versions(), **(more_versions or {})}
    return Result(benchmark, head, dirty, machine(), known, settings, tuple(rows))


def rows_of(
    name: str,
    settings: Mapping[str, Value],
    samples: Sequence[Sample],
    metrics: Mapping[str, str],
    more_is_better: Sequence[str] = ("calls_per_s",),
) -> list[Row]:
    """A row for each of ``metrics``, which maps those of ``samples`` to their units."""
    return [
        Row(
            name,
            settings,
            metric,
            unit,
            tuple(sample[metric] for sample in samples),
            more_is_better=metric in more_is_better,
        )
        for metric, unit in metrics.items()
    ]


def write(result: Result, directory: Path = RESULTS) -> Path:
    """Keep ``result`` as JSON; where."""
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f"{result.file_name}.json"
    path.write_bytes(orjson.dumps(asdict(result), option=orjson.OPT_INDENT_2) + b"\n")
    return path


def read(path: Path) -> Result:
    """The result in ``path``. Raises ValueError, in one line, for what is none."""
    try:
        tree = orjson.loads(path.read_bytes())
        if tree["schema"] != SCHEMA:
            raise ValueError(f"schema {tree['schema']}, and only {SCHEMA} can be read")
        rows = [Row(**{**row, "values": tuple(row["values"])}) for row in tree.pop("rows")]
        return Result(**tree, rows=tuple(rows))
    except OSError as error:
        raise ValueError(f"{path}: cannot be read ({error.strerror})") from None
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"{path}: no result of a benchmark ({error})") from None


def show(result: Result, console: Console) -> None:
    """Print machine, versions, settings and figures."""
    dirty = ", with changes" if result.dirty else ""
    console.print(f"[bold]{result.benchmark}[/] at {result.commit}{dirty}")
    for words in (result.machine, result.versions, result.settings):
        console.print(", ".join(f"{name} {value}" for name, value in words.items()), style="dim")
    table = Table("what", "settings", "figure", "median", "95 % interval", "min-max", "n", "target")
    for column in table.columns[3:]:
        column.justify = "right"
    for row in result.rows:
        table.add_row(*_cells(row))
    console.print(table)


def shown(value: float) -> str:
    """A figure with four digits."""
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"


def _cells(row: Row) -> list[str]:
    found = row.spread
    settings = ", ".join(f"{name} {value}" for name, value in row.settings.items())
    target = ""
    if row.target is not None:
        sign, style = (">=" if row.more_is_better else "<="), "green" if row.met else "red"
        target = f"[{style}]{sign} {shown(row.target)}[/]"
    cells = [row.name, settings, f"{row.metric.replace('_', ' ')} ({row.unit})"]
    pair = f"{shown(found.low)} - {shown(found.high)}"
    extremes = f"{shown(found.least)} - {shown(found.most)}"
    return [*cells, shown(found.median), pair, extremes, str(len(row.values)), target]
