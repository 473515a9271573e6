"""Whole runs of the command against real servers."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.real_servers import litellm_proxy, llama_cpp
from tests.real_servers.conftest import started
from tests.real_servers.fleet import Fleet
from tests.real_servers.server import Server
from tests.running import TOPICS, check_books, rows

pytestmark = pytest.mark.real_servers

RUN_WITHIN_S = 100


def models(
    base_url: str, strong: str, target: str, key_env: str | None, max_tokens: int
) -> dict[str, Any]:
    """Settings of both parties: few tokens, few attempts."""
    spec = {"api_key_env": key_env, "max_tokens": max_tokens, "attempts": 2, "max_in_flight": 8}
    spec["send_seed"] = True
    named = {"strong": strong, "target": target}
    return {who: {"model": f"openai:{name}@{base_url}", **spec} for who, name in named.items()}


def run(place: Path, settings: dict[str, Any], key: str, name: str = "run") -> int:
    """``codeclm run`` on four seeds of a file; its exit code."""
    lines = [json.dumps({"instruction": topic}) for topic in TOPICS[:4]]
    (place / "seeds.jsonl").write_text("\n".join(lines) + "\n")
    (place / "settings.yaml").write_text(json.dumps(settings))
    command = [sys.executable, "-m", "codeclm", "run", str(place / "seeds.jsonl")]
    command += ["--config", str(place / "settings.yaml"), "-o", str(place / name)]
    ended = subprocess.run(
        [*command, "--progress", "none"],
        env={**os.environ, "REAL_SERVER_KEY": key},
        capture_output=True,
        text=True,
        timeout=RUN_WITHIN_S,
        check=False,
    )
    print(ended.stdout, ended.stderr)
    return ended.returncode


def small(models: dict[str, Any]) -> dict[str, Any]:
    return {"models": models, "method": {"total": 8, "augment_to": 4}}


def test_rubbish_fails_item_by_item(server: Server, tmp_path: Path) -> None:
    """A model that answers the same words or rubbish to everything: exit code 3, all accounted for."""
    key_env = "REAL_SERVER_KEY" if server.key else None
    settings = small(models(server.base_url, server.model, server.model, key_env, 64))
    assert run(tmp_path, settings, server.key) == 3
    summary = check_books(tmp_path / "run")
    assert summary["state"] == "complete"
    assert summary["counts"]["selected"] == summary["counts"]["discarded"] == 0
    failed = rows(tmp_path / "run" / "failed.jsonl")
    assert failed
    assert all(row["reason"] for row in failed)


def test_a_run_through_a_gateway(fleet: Fleet, tmp_path: Path) -> None:
    """Through the LiteLLM proxy a run ends well, with the very dataset that the models give without it."""
    gateway = started(fleet, litellm_proxy.NAME)
    for name, url in (("straight", fleet.simulator_url), ("gateway", gateway.base_url)):
        settings = small(models(url, "sim-strong", "sim-target", "REAL_SERVER_KEY", 2048))
        assert run(tmp_path, settings, gateway.key, name) in {0, 3}
    summary = check_books(tmp_path / "gateway")
    assert summary["counts"]["selected"] > 0
    straight, through = ((tmp_path / n / "dataset.jsonl") for n in ("straight", "gateway"))
    assert through.read_bytes() == straight.read_bytes()


@pytest.mark.parametrize("name", [litellm_proxy.NAME, llama_cpp.NAME, llama_cpp.OWN_NAME])
def test_a_wrong_key_stops_a_run(fleet: Fleet, name: str, tmp_path: Path) -> None:
    """No key can be right by chance: exit code 2, and no item has failed for it."""
    server = started(fleet, name)
    settings = small(models(server.base_url, server.model, server.model, "REAL_SERVER_KEY", 64))
    assert run(tmp_path, settings, "wrong-key-0123456789") == 2
    assert not (tmp_path / "run" / "failed.jsonl").exists() or not rows(
        tmp_path / "run" / "failed.jsonl"
    )
