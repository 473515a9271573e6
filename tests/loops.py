"""On which event loop a test runs: on both, unless it says that one will do."""

from __future__ import annotations

import pytest

__all__ = ["ON_UVLOOP"]

ON_UVLOOP = pytest.mark.parametrize(
    "anyio_backend", [("asyncio", {"use_uvloop": True})], ids=["uvloop"]
)
"""For whole runs, on the loop that the command has: the engine has its tests on both."""
