"""All real servers, each started when it is first asked for."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from functools import cached_property
from pathlib import Path

from tests.real_servers import litellm_proxy, llama_cpp, transformers_serve
from tests.real_servers.child import ENVIRONMENTS
from tests.real_servers.passed_on import PASSED_ON
from tests.real_servers.server import Probe, Server

__all__ = ["PROBES", "Fleet", "is_installed", "simulator"]

PROBES: dict[str, tuple[Probe, ...]] = {
    litellm_proxy.NAME: litellm_proxy.MOCKED + PASSED_ON,
    llama_cpp.NAME: llama_cpp.BINDINGS,
    llama_cpp.OWN_NAME: llama_cpp.OWN,
    transformers_serve.NAME: transformers_serve.SERVED,
}


def is_installed(name: str) -> bool:
    """Whether ``make real-servers`` has made the environment of that server."""
    return (ENVIRONMENTS / name / ".installed").exists()


class Fleet:
    """A context manager; what was started ends with it. ``place`` is where the servers live."""

    def __init__(self, place: Path) -> None:
        self._place = place
        self._running: dict[str, Server] = {}
        self._exits = ExitStack()

    def __enter__(self) -> Fleet:
        return self

    def __exit__(self, *details: object) -> None:
        self._exits.close()

    def __getitem__(self, name: str) -> Server:
        if name not in self._running:
            place = self._place / name
            place.mkdir()
            self._running[name] = self._exits.enter_context(self._starter(name)(place))
        return self._running[name]

    @cached_property
    def simulator_url(self) -> str:
        """The base URL of codeclm's own simulator, which the proxy stands in front of."""
        return self._exits.enter_context(simulator())

    def _starter(self, name: str) -> Callable[[Path], AbstractContextManager[Server]]:
        return {
            litellm_proxy.NAME: lambda place: litellm_proxy.litellm_proxy(
                place, self.simulator_url
            ),
            llama_cpp.NAME: llama_cpp.llama_cpp_bindings,
            llama_cpp.OWN_NAME: llama_cpp.llama_server,
            transformers_serve.NAME: transformers_serve.transformers_serve,
        }[name]


@contextmanager
def simulator() -> Iterator[str]:
    """codeclm's simulator in a process of its own; yields its base URL."""
    command = [sys.executable, "-m", "codeclm", "simulate", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout is not None
        try:
            yield child.stdout.readline().split(" are at ")[1].split(";")[0]
        finally:
            child.terminate()
