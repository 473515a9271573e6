"""The table of all figures: gathered from the reports of the tests, printed at the end, kept as JSON."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from tests.faults.bench import Row, markdown, read_rows, write_rows

__all__ = ["FIGURE", "Table"]

FIGURE = "fault figure"
"""The name under which a report carries a row."""

TESTS = tuple(f"F{number}" for number in range(1, 31))


class Table:
    """A plugin of pytest. Rows come with the reports of tests; a test that broke is a bar that was not met."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._rows: dict[tuple[str, str], Row] = {}

    @property
    def rows(self) -> list[Row]:
        """All rows so far, by test."""
        return sorted(self._rows.values(), key=lambda row: row.order)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Take in what a test measured."""
        if "tests/faults/" not in report.nodeid:
            return
        properties: list[tuple[str, Any]] = report.user_properties
        found = [Row(**value) for name, value in properties if name == FIGURE]
        self._add(found)
        named = found or [Row(_topic(report.nodeid), "", "", "", None)]
        if report.failed and all(row.met is not False for row in named):
            self._add([Row(named[0].test, _name(report.nodeid), "failed", "passes", False)])
        if report.skipped and not found:
            self._add([Row(named[0].test, _name(report.nodeid), _reason(report), "", None)])

    def pytest_sessionfinish(self) -> None:
        """Keep the rows, with those of earlier sessions that this one did not measure."""
        file = self._config.getoption("--faults-table")
        if file and self._rows:
            kept = {row.key: row for row in [*read_rows(Path(file)), *self.rows]}
            write_rows(Path(file), sorted(kept.values(), key=lambda row: row.order))

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Print the table, and what there is no row of."""
        if not (self._rows and self._config.getoption("--faults")):
            return
        terminalreporter.section("fault tests")
        for line in markdown(self.rows):
            terminalreporter.write_line(line)
        absent = [name for name in TESTS if name not in {row.test for row in self.rows}]
        unmet = [row for row in self.rows if row.met is False]
        if absent:
            terminalreporter.write_line(f"no row of: {', '.join(absent)}")
        terminalreporter.write_line(f"bars not met: {len(unmet)}")

    def _add(self, rows: list[Row]) -> None:
        self._rows.update({row.key: row for row in rows})


def _name(nodeid: str) -> str:
    return nodeid.partition("::")[2]


def _topic(nodeid: str) -> str:
    """F13 for a test that is named so (``test_f13_...``), else its file."""
    found = re.search(r"test_(f\d+)", nodeid)
    return found[1].upper() if found else nodeid.partition("::")[0].rpartition("/")[2]


def _reason(report: pytest.TestReport) -> str:
    told: Any = report.longrepr
    return str(told[2] if isinstance(told, tuple) else told).removeprefix("Skipped: ")
