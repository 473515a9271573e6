"""A virtual environment for each framework, made of its pinned requirements when it is first needed."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from importlib.metadata import version as installed_version
from pathlib import Path

from benchmarks.peers.catalogue import Peer

__all__ = ["PLACE", "Unavailable", "prepared", "quiet", "version_of"]

PLACE = Path(".bench-peers")
REQUIREMENTS = Path(__file__).parent / "requirements"
INSTALL_WITHIN_S = 1_800
TOKENIZERS = "lib/python*/site-packages/litellm/litellm_core_utils/tokenizers"


class Unavailable(Exception):
    """A client that cannot be measured, and why, in one line."""


def prepared(
    peer: Peer, place: Path = PLACE, *, install: bool = True, say: Callable[[str], None] = print
) -> Path:
    """The Python that runs the client of ``peer``; its environment is made where that is allowed and needed.

    Raises Unavailable.
    """
    if not peer.environment:
        return Path(sys.executable)
    directory = place / peer.environment
    python, mark = directory / "bin" / "python", directory / ".installed"
    listed = _requirements(peer)
    digest = sha256(listed.read_bytes()).hexdigest()
    if python.exists() and mark.exists() and mark.read_text() == digest:
        return python.absolute()  # not resolved: the link is what tells Python its environment
    if not install:
        raise Unavailable("not installed")
    say(f"installing {peer.environment} (once)")
    _run([sys.executable, "-m", "venv", "--clear", str(directory)])
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "--requirement", str(listed)])
    mark.write_text(digest)
    return python.absolute()


def version_of(peer: Peer) -> str:
    """The version that is measured: the pinned one, or that of this environment."""
    if not peer.environment:
        return installed_version(peer.package)
    for line in _requirements(peer).read_text("utf-8").splitlines():
        name, _, pinned = line.partition("==")
        if name.lower().replace("_", "-") == peer.package:
            return pinned
    raise ValueError(f"{peer.package} is not among its own requirements")


def quiet(peer: Peer, home: Path, place: Path = PLACE) -> dict[str, str]:
    """Environment variables for a client: no telemetry, nothing fetched from a hub, caches in ``home``.

    Where a tokenizer's vocabulary would be fetched, the copy in the environment is used.
    """
    found = next((place / peer.environment).glob(TOKENIZERS), None) if peer.environment else None
    return {
        "CURATOR_DISABLE_RICH_DISPLAY": "1",
        "DATA_DESIGNER_HOME": str(home),
        "HF_DATASETS_OFFLINE": "1",
        "HF_HUB_DISABLE_TELEMETRY": "1",
        "HF_HUB_OFFLINE": "1",
        "HOME": str(home),
        "LITELLM_LOCAL_MODEL_COST_MAP": "True",
        "NEMO_TELEMETRY_ENABLED": "false",
        "NO_PROXY": "127.0.0.1",
        "TELEMETRY_ENABLED": "false",
        **({"TIKTOKEN_CACHE_DIR": str(found.absolute())} if found else {}),
    }


def _requirements(peer: Peer) -> Path:
    return REQUIREMENTS / f"{peer.environment}.txt"


def _run(command: list[str]) -> None:
    """Run an installer gently."""
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=INSTALL_WITHIN_S,
            preexec_fn=lambda: os.nice(19),
        )
    except subprocess.TimeoutExpired:
        raise Unavailable(f"not installed within {INSTALL_WITHIN_S} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
        last = (errors or done.stderr.splitlines() or ["no reason given"])[-1]
        raise Unavailable(f"cannot be installed: {last.removeprefix('ERROR: ')}")
