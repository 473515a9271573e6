"""The README is the manual: what it says to do works."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from codeclm.methods.options import CodecLMOptions
from codeclm.settings import ModelSettings, load_settings
from codeclm.stages.templates import load_templates

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.MULTILINE | re.DOTALL)


def commands() -> Iterator[list[str]]:
    for block in blocks("sh"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith("codeclm "):
                yield shlex.split(line)[1:]


def run(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "OPENAI_API_KEY": "sk-not-a-key", "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )


def test_every_run_command_runs(base_url: str, tmp_path: Path) -> None:
    """Each ``codeclm run`` of the README, with simulated models in place of paid ones and fewer instructions."""
    (tmp_path / "seeds.jsonl").write_text(blocks("json")[0])
    (tmp_path / "metadata.jsonl").write_text(re.findall(r'`(\{"use_case".*?\})`', README)[0] + "\n")
    simulated = f"openai:sim-strong@{base_url}"
    settings = re.sub(r"model: openai:\S+", f"model: {simulated}", blocks("yaml")[0])
    settings = settings.replace("total: 2000", "total: 6").replace(
        "augment_to: 200", "augment_to: 3"
    )
    one_set_of_limits = re.sub(r"\n {4}(requests|tokens)_per_minute: \d+", "", settings)
    one_set_of_limits = re.sub(r"max_in_flight: \d+", "max_in_flight: 64", one_set_of_limits)
    (tmp_path / "settings.yaml").write_text(one_set_of_limits)
    runs = [command for command in commands() if command[0] == "run"]
    assert len(runs) >= 3
    for command in runs:
        arguments = [simulated if "openai:" in word else word for word in command]
        arguments = [{"2000": "6", "200": "6"}.get(word, word) for word in arguments]
        ended = run("-m", "codeclm", *arguments, cwd=tmp_path)
        assert ended.returncode in {0, 3}, ended.stderr
        assert "dataset: " in ended.stdout
    upkeep = [command for command in commands() if command[0] == "cache"]
    assert len(upkeep) == 5
    for command in upkeep:  # on the caches that those runs have left
        ended = run("-m", "codeclm", *command, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert ended.stdout


def test_every_bench_command_runs(base_url: str, tmp_path: Path) -> None:
    """Each ``codeclm bench`` of the README, on a simulated model and with fewer calls."""
    benches = [command for command in commands() if command[0] == "bench"]
    assert benches
    for command in benches:
        arguments = [f"openai:sim-strong@{base_url}" if "openai:" in w else w for w in command]
        few = ["--requests", "8", "--max-in-flight", "4", "--output", "bench"]
        ended = run("-m", "codeclm", *arguments, *few, cwd=tmp_path)
        assert ended.returncode == 0, ended.stderr
        assert "in flight" in ended.stdout
        assert (tmp_path / "bench" / "report.html").exists()


def test_other_commands_are_real(tmp_path: Path) -> None:
    """Every command it names exists, with the options it gives."""
    named = {command[0] for command in commands()}
    assert {"run", "simulate", "--version"} <= named
    for name in named - {"--version", "cache"}:
        text = run("-m", "codeclm", name, "--help", cwd=tmp_path).stdout
        for command in commands():
            if command[0] == name:
                assert all(word.split("=")[0] in text for word in command if word.startswith("-"))
    targets = re.findall(r"^make (\w+)$", "\n".join(blocks("sh")), re.MULTILINE)
    makefile = (ROOT / "Makefile").read_text()
    named_targets = {*targets, *re.findall(r"`make (\w+)`", README)}
    assert all(f"\n{target}:" in makefile for target in named_targets)


@pytest.mark.parametrize("block", blocks("python"))
def test_programs_run(block: str, tmp_path: Path) -> None:
    """The Python block does what it says."""
    (tmp_path / "program.py").write_text(block)
    ended = run("program.py", cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


@pytest.mark.parametrize("path", sorted((ROOT / "examples").glob("*.py")), ids=lambda p: p.stem)
def test_examples_run(path: Path, tmp_path: Path) -> None:
    """Each example runs offline and prints something."""
    ended = run(str(path), cwd=tmp_path)
    assert ended.returncode == 0, ended.stderr
    assert ended.stdout


def test_the_settings_are_all_there(tmp_path: Path) -> None:
    """The YAML is valid as it stands, and every setting and default of the method is named."""
    (tmp_path / "settings.yaml").write_text(blocks("yaml")[0])
    load_settings(tmp_path / "settings.yaml", {})
    for name in set(CodecLMOptions.__dataclass_fields__) - {"extends"}:
        assert f"`{name}`" in README, name
    for name in ModelSettings.model_fields:
        assert f"`{name}`" in README, name
    for name, template in load_templates().items():
        assert f"`{name}.jinja`" in README
        assert all(variable in README for variable in template.variables)


def test_it_speaks_of_what_is_there() -> None:
    """Files and directories it names exist."""
    for place in re.findall(r"`(codeclm/[\w./]+)`", README) + re.findall(
        r"\]\((\w[\w./]+)\)", README
    ):
        if not place.startswith("http"):
            assert (ROOT / place).exists(), place
