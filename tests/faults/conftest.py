"""Fault tests measure a figure and hold it against a bar; ``make faults`` prints the table.

Each test runs at two scales: a fast one in the suite, the whole one with ``--faults``.
"""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import asdict

import pytest

from tests.faults.bench import Measure, Row, Scale
from tests.faults.table import FIGURE


@pytest.fixture(scope="session")
def scale(request: pytest.FixtureRequest) -> Scale:
    """Chooses between the fast size and the whole one: ``scale(fast, whole)``."""
    return Scale(whole=bool(request.config.getoption("--faults")))


@pytest.fixture
def measure(request: pytest.FixtureRequest) -> Measure:
    """Takes figures down: ``measure("F7", "item failures", 0, "0", met=True)``; an unmet bar fails the test."""

    def record(row: Row) -> None:
        """Put a row on the test's report, which finds its way out of a worker of pytest-xdist too."""
        request.node.user_properties.append((FIGURE, asdict(row)))

    return Measure(record)


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem: pytest.Function) -> Generator[None, object, object]:
    """A test whose bars are not met fails, after all its figures are down."""
    result = yield
    measuring = pyfuncitem.funcargs.get("measure")
    if isinstance(measuring, Measure):
        measuring.check()
    return result
