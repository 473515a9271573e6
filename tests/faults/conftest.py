"""Fault tests measure a figure and hold it against a bar; ``make faults`` prints the table.

Each test runs at two scales: a fast one in the suite, the whole one with ``--faults``.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.faults.bench import Measure, Row, Scale, markdown, read_rows, write_rows

ROWS = pytest.StashKey[list[Row]]()


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    """Chooses between the fast size and the whole one: ``scale(fast, whole)``."""
    return Scale(whole=bool(request.config.getoption("--faults")))


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Iterator[Measure]:
    """Takes figures down: ``measure("F7", "item failures", 0, "0", met=True)``; an unmet bar fails the test."""
    measuring = Measure()
    yield measuring
    request.config.stash.setdefault(ROWS, []).extend(measuring.rows)


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Keep the rows; with several workers each writes a part that the next one joins."""
    rows = session.config.stash.get(ROWS, [])
    table = session.config.getoption("--faults-table")
    if table and not os.environ.get("PYTEST_XDIST_WORKER"):
        kept = {row.key: row for row in [*read_rows(Path(table)), *rows]}
        write_rows(Path(table), sorted(kept.values(), key=lambda row: row.order))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    rows = terminalreporter.config.stash.get(ROWS, [])
    if rows and terminalreporter.config.getoption("--faults"):
        terminalreporter.section("fault tests")
        for line in markdown(sorted(rows, key=lambda row: row.order)):
            terminalreporter.write_line(line)
