"""Real servers are installed by ``make real-servers``; their tests skip where they are not."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.real_servers.fleet import PROBES, Fleet, is_installed
from tests.real_servers.server import Server


@pytest.fixture(scope="session")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fleet]:
    """All servers, each started once in the session."""
    with Fleet(tmp_path_factory.mktemp("servers")) as servers:
        yield servers


@pytest.fixture(params=PROBES)
def server(request: pytest.FixtureRequest, fleet: Fleet) -> Server:
    """Each server in turn."""
    return started(fleet, request.param)


def started(fleet: Fleet, name: str) -> Server:
    """The server called ``name``, running."""
    skip_without(name)
    return fleet[name]


def skip_without(name: str) -> None:
    """Skip the test where that server is not installed."""
    if not is_installed(name):
        pytest.skip(f"{name} is not installed (make real-servers)")
