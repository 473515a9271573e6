"""Fixtures shared by all tests."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile(
    "codeclm", deadline=None, suppress_health_check=[HealthCheck.too_slow], print_blob=True
)
settings.load_profile("codeclm")

BENCHMARKS = Path(__file__).resolve().parents[2] / "shared" / "data" / "benchmarks"


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
