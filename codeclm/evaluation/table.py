"""Results of one test set or of several, in the layout of the paper's tables: for a screen, a paper, a program."""

from __future__ import annotations

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from io import StringIO
from typing import Any

__all__ = [
    "FORMATS",
    "Table",
    "breakdown",
    "comparisons",
    "flat",
    "outcomes",
    "overview",
    "tables_of",
]

Results = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Table:
    """Cells of text under ``header``; the first ``labels`` columns name the row."""

    title: str
    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    labels: int = 1


def tables_of(results: Sequence[Results]) -> list[Table]:
    """All there is to show; tables without rows are left out."""
    first = [overview(results)] if len(results) > 1 else []
    each = [table(one) for one in results for table in (outcomes, breakdown, comparisons)]
    return [table for table in (*first, *each) if table.rows]


def overview(results: Sequence[Results]) -> Table:
    """CRR: a row a candidate, a column a test set, as in the paper's main table."""
    names = dict.fromkeys(one["name"] for each in results for one in each["candidates"])
    found = [{one["name"]: one["crr"] for one in each["candidates"]} for each in results]
    rows = [[name, *(_number(crr.get(name), ".2f") for crr in found)] for name in names]
    return Table("CRR", ["candidate", *_told_apart(results)], rows)


def _told_apart(results: Sequence[Results]) -> list[str]:
    """Names of the test sets; one that was judged more than once has its number, in the order given."""
    names = [each["test_set"]["name"] for each in results]
    return [
        name if names.count(name) == 1 else f"{name} #{names[: place + 1].count(name)}"
        for place, name in enumerate(names)
    ]


def outcomes(results: Results) -> Table:
    """Wins, ties, losses and CRR with its interval: a row a candidate."""
    test_set, rows = results["test_set"], results["candidates"]
    title = f"{test_set['name']} ({test_set['items']}), against {results['reference']}, judged by {results['judge']}"
    header = ["candidate", "W", "T", "L", "CRR", "95 %"]
    return Table(title, header, [[one["name"], *_cells(one)] for one in rows])


def flat(results: Sequence[Results]) -> Table:
    """Everything about each candidate on each test set in a row of its own, for programs."""
    names = ("wins", "ties", "losses", "failed", "crr")
    rows = [
        [
            each["test_set"]["name"],
            each["reference"],
            each["judge"],
            one["name"],
            *("" if one[name] is None else str(one[name]) for name in names),
            *map(str, one["interval"] or ("", "")),
        ]
        for each in results
        for one in each["candidates"]
    ]
    header = ["test_set", "reference", "judge", "candidate", *names, "crr_low", "crr_high"]
    return Table("results", header, rows, labels=4)


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
    header = ["candidate", "minus", "items", "CRR", "95 %", "p (CRR)", "p (W/T/L)"]
    return Table(f"{results['test_set']['name']}: differences, paired", header, rows, labels=2)


def _cells(figures: Mapping[str, Any]) -> list[str]:
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
    for row in table.rows:
        # A spreadsheet would take such a name for a formula.
        names = [
            f"'{cell}" if cell.startswith(tuple("=+-@\t\r")) else cell
            for cell in row[: table.labels]
        ]
        writer.writerow([*names, *row[table.labels :]])
    return text.getvalue()


FORMATS: Mapping[str, Callable[[Table], str]] = {"markdown": _markdown, "csv": _csv}
"""How a table becomes a text."""
