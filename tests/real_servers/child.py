"""A server in a child process: started on a free port of loopback, waited for, stopped."""

from __future__ import annotations

import os
import socket
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

__all__ = ["ENVIRONMENTS", "environ", "free_port", "serving", "version"]

ENVIRONMENTS = Path(__file__).resolve().parents[2] / ".real-servers"
READY_WITHIN_S = 180
STOPPED_WITHIN_S = 20
STARTS = 3  # another program may take the free port before the server does


def environ(place: Path, **more: str) -> dict[str, str]:
    """Surroundings of a server: a home of its own, no key of ours, and no way out of this machine."""
    nowhere = "http://127.0.0.1:9"
    closed = {"HTTP_PROXY": nowhere, "HTTPS_PROXY": nowhere, "NO_PROXY": "127.0.0.1,localhost"}
    return {"PATH": os.environ["PATH"], "HOME": str(place), **closed, **more}


def version(environment: str, package: str) -> str:
    """The version of ``package`` that is installed in ``environment``."""
    program = f"from importlib.metadata import version; print(version({package!r}))"
    python = ENVIRONMENTS / environment / "bin" / "python"
    return subprocess.check_output([python, "-c", program], text=True).strip()


@contextmanager
def serving(
    command: Callable[[int], list[str]], ready_path: str, place: Path, env: Mapping[str, str]
) -> Iterator[str]:
    """Run ``command(port)`` in ``place`` until ``ready_path`` answers 200; yields http://HOST:PORT."""
    log = place / "server.log"
    for attempt in range(STARTS):
        port = free_port()
        with log.open("ab") as output:
            child = subprocess.Popen(
                command(port), cwd=place, env=env, stdout=output, stderr=output
            )
        try:
            if _is_ready(child, f"http://127.0.0.1:{port}{ready_path}"):
                yield f"http://127.0.0.1:{port}"
                return
        finally:
            _stop(child)
        assert attempt < STARTS - 1, f"the server does not start:\n{log.read_text()[-4000:]}"


def free_port() -> int:
    """A port of loopback that nobody has at this moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_ready(child: subprocess.Popen[bytes], url: str) -> bool:
    """Ask until there is an answer; False when the child has ended or the time is over."""
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    deadline_s = time.monotonic() + READY_WITHIN_S
    while child.poll() is None and time.monotonic() < deadline_s:
        try:
            with opener.open(url, timeout=5):
                return child.poll() is None
        except OSError:
            time.sleep(0.1)
    return False


def _stop(child: subprocess.Popen[bytes]) -> None:
    child.terminate()
    try:
        child.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        child.kill()
        child.wait()
