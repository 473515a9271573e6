"""Fixtures shared by all tests."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from tests.faults.table import Table

settings.register_profile(
    "codeclm", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("codeclm")

BENCHMARKS = Path(__file__).resolve().parents[2] / "shared" / "data" / "benchmarks"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the fault tests; pytest reads them only from here."""
    parser.addoption("--faults", action="store_true", help="fault tests at their whole scale")
    parser.addoption("--faults-table", metavar="FILE", help="write the table of figures there")


def pytest_configure(config: pytest.Config) -> None:
    """The table of the fault tests is kept where all reports arrive: not in a worker of pytest-xdist."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(Table(config), "codeclm-fault-table")


@pytest.fixture(params=["asyncio", "uvloop"])
def anyio_backend(request: pytest.FixtureRequest) -> tuple[str, dict[str, Any]]:
    """Every async test runs on asyncio and on uvloop."""
    return "asyncio", {"use_uvloop": request.param == "uvloop"}


@pytest.fixture(scope="session")
def benchmark_seeds() -> Path:
    """The folder with the four real seed sets; tests that need it skip where it is absent."""
    if not BENCHMARKS.is_dir():
        pytest.skip("the benchmark seed sets are not beside this checkout (shared/data/benchmarks)")
    return BENCHMARKS


@pytest.fixture(scope="module")
def base_url() -> Iterator[str]:
    """The simulator in a process of its own, as the README starts it; it ends cleanly when told to."""
    server = subprocess.Popen(
        [sys.executable, "-m", "codeclm", "simulate", "--port", "0"],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert server.stdout is not None
        yield server.stdout.readline().split(" are at ")[1].split(";")[0]
    finally:
        server.terminate()
        assert server.wait(10) == 0
        assert server.stdout is not None
        server.stdout.close()
