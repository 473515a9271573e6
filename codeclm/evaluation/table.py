"""Results of one test set or of several, in the layout of the paper's tables: for a screen, a paper, a program."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

__all__ = ["FORMATS", "Table", "breakdown", "comparisons", "overview"]

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text under ``header``; the first ``labels`` columns name the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1


def overview(results: Sequence[Results]) -> Table:
    """A row a candidate; wins, ties, losses and CRR with its interval for each test set."""
    names = list(dict.fromkeys(one["name"] for each in results for one in each["candidates"]))
    several = len(results) > 1
    header = ["candidate"]
    for each in results:
        prefix = f"{each['test_set']['name']} " if several else ""
        header += [f"{prefix}{name}" for name in ("W", "T", "L", "CRR", "95 %")]
    rows = []
    for name in names:
        row = [name]
        for each in results:
            row += _cells(next((one for one in each["candidates"] if one["name"] == name), None))
        rows.append(row)
    sets = ", ".join(
        f"{each['test_set']['name']} ({each['test_set']['items']})" for each in results
    )
    against = ", ".join(dict.fromkeys(each["reference"] for each in results))
    judges = ", ".join(dict.fromkeys(each["judge"] for each in results))
    return Table(f"{sets}, against {against}, judged by {judges}", header, rows)


def breakdown(results: Results) -> Table:
    """A row for each candidate and category."""
    kind = "length" if results["test_set"]["by_length"] else "category"
    rows = [
        [one["name"], group["category"] or "(none)", *_cells(group)]
        for one in results["candidates"]
        for group in one["by_category"]
    ]
    title = f"{results['test_set']['name']} by {kind}"
    return Table(title, ["candidate", kind, "W", "T", "L", "CRR", "95 %"], rows, labels=2)


def comparisons(results: Results) -> Table:
    """A row for each two candidates: the difference of their CRR on the same items, and how sure it is."""
    rows = [
        [
            one["a"],
            one["b"],
            str(one["items"]),
            _number(one["crr_difference"], "+.2f"),
            _interval(one["interval"]),
            _number(one["p_crr"], ".3g"),
            _number(one["p_outcomes"], ".3g"),
        ]
        for one in results["comparisons"]
    ]
    header = ["candidate", "less", "items", "CRR", "95 %", "p (CRR)", "p (W/T/L)"]
    return Table(f"{results['test_set']['name']}: differences, paired", header, rows, labels=2)


def _cells(figures: Mapping[str, Any] | None) -> list[str]:
    if figures is None:
        return [""] * 5
    counts = [str(figures[name]) for name in ("wins", "ties", "losses")]
    return [*counts, _number(figures["crr"], ".2f"), _interval(figures["interval"])]


def _interval(ends: Sequence[float] | None) -> str:
    return f"{ends[0]:.2f} to {ends[1]:.2f}" if ends else ""


def _number(value: float | None, form: str) -> str:
    return "" if value is None else format(value, form)


def _markdown(table: Table) -> str:
    lines = [
        table.header,
        [":--" if at < table.labels else "--:" for at in range(len(table.header))],
    ]
    escaped = [[cell.replace("|", "\\|").replace("\n", " ") for cell in row] for row in table.rows]
    body = "\n".join(f"| {' | '.join(row)} |" for row in [*lines, *escaped])
    return f"**{table.title}**\n\n{body}\n"


def _csv(table: Table) -> str:
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.header)
    for name, *cells in table.rows:
        # A spreadsheet would take such a name for a formula.
        writer.writerow([f"'{name}" if name.startswith(tuple("=+-@\t\r")) else name, *cells])
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Table], str]] = {"markdown": _markdown, "csv": _csv}
"""How a table becomes a text."""
