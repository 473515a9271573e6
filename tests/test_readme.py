"""The README is the manual: what it says to do works."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from codeclm.cli import app
from codeclm.methods.options import CodecLMOptions
from codeclm.settings import ModelSettings
from codeclm.settings_file import load_settings
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


# What goes on until somebody ends it, and what changes the shell; tests of their own run the first two.
NOT_RUN = ("simulate", "view", "--install-completion")
TEXTS = ("Write a haiku.", "Prove that 2 is prime.", "Plan a dinner.", "Fix this loop.")
FEWER = {"2000": "60", "200": "6", "400": "8", "300": "12", "50": "2"}


def settings_with(word: str) -> str:
    """The YAML of the README that holds ``word``, for simulated models and less of everything."""
    [text] = [block for block in blocks("yaml") if word in block]
    return text


def prepare(place: Path, base_url: str) -> None:
    """What the commands of the README are given: all that a reader is told to have."""
    strong, target = (f"openai:sim-{name}@{base_url}" for name in ("strong", "target"))
    more = [
        json.dumps({"id": f"s{n}", "instruction": f"{text} Again."}) for n, text in enumerate(TEXTS)
    ]
    (place / "seeds.jsonl").write_text(blocks("json")[0] + "\n".join(more))
    (place / "metadata.jsonl").write_text(re.findall(r'`(\{"use_case".*?\})`', README)[0] + "\n")
    settings = re.sub(r"model: openai:\S+", f"model: {strong}", settings_with("extra_body"))
    settings = settings.replace("total: 2000", "total: 6").replace(
        "augment_to: 200", "augment_to: 3"
    )
    settings = re.sub(r"\n {4}(requests|tokens)_per_minute: \d+", "", settings)
    settings = re.sub(r"max_in_flight: \d+", "max_in_flight: 64", settings)
    prices = json.dumps({strong: {"input": 1, "output": 2}})
    (place / "settings.yaml").write_text(f"{settings}prices: {prices}\n")
    comparison = settings_with("compare:").replace("openai:gpt-4.1", strong)
    comparison = comparison.replace("vllm:my-model", target).replace("size: 2000", "size: 4")
    comparison = comparison.replace("[methods, ablation]", "[]").replace("0.2 ", "0.5 ")
    (place / "compare.yaml").write_text(comparison + "method: {augment_to: 0}\n")
    items = [{"id": f"q{number}", "instruction": text} for number, text in enumerate(TEXTS)]
    for name in ("vicuna", "koala"):
        lines = [json.dumps({**item, "id": f"{name}-{item['id']}"}) for item in items]
        (place / f"{name}.jsonl").write_text("\n".join(lines))
    answers = [json.dumps({"instruction": text, "response": "I see."}) for text in TEXTS]
    (place / "answers.jsonl").write_text("\n".join(answers))
    labels = [f"vicuna-{item['id']},win" for item in items]
    (place / "labels.csv").write_text("\n".join(["id,label", *labels]))


def adapted(command: list[str], base_url: str, place: Path) -> list[str]:
    """The command with simulated models, fewer instructions, and an id that exists."""
    words = []
    for word in command:
        if re.search(r"\b(openai|vllm|ollama):", word):
            role = "target" if re.search("my-model|small-model|sim-target", word) else "strong"
            name, is_named, _ = word.partition("=") if "=" in word else ("", "", "")
            words.append(f"{name}{is_named}openai:sim-{role}@{base_url}")
        elif word == "EXAMPLE_ID":
            rows = (place / "runs/first/dataset.jsonl").read_text().splitlines()
            rows += (place / "runs/first/discarded.jsonl").read_text().splitlines()
            words.append(json.loads(rows[0])["id"])
        else:
            words.append(FEWER.get(word, word))
    return words


def test_every_command_runs_in_its_order(base_url: str, tmp_path: Path) -> None:
    """From the first to the last, in one directory, with simulated models in place of paid ones."""
    prepare(tmp_path, base_url)
    ran = 0
    for command in commands():
        if command[0] in NOT_RUN or command[:2] == ["evaluate", "fetch"] or command[0] == "bench":
            continue  # the sets of the paper, and the bench, have tests of their own
        words = adapted(command, base_url, tmp_path)
        if command[:2] in (["evaluate", "table"], ["evaluate", "agreement"]):
            more_evaluations(base_url, tmp_path)
        ended = run("-m", "codeclm", *words, cwd=tmp_path)
        assert ended.returncode in {0, 3}, f"codeclm {' '.join(words)}: {ended.stderr}"
        assert ended.stdout, words
        if command[0] == "init":
            simulate_in(tmp_path / command[1], base_url)
        ran += 1
    assert ran > 25
    assert (tmp_path / "data/sft/README.md").exists()
    assert (tmp_path / "runs/first/report.html").exists()


def simulate_in(file: Path, base_url: str) -> None:
    """Simulated models, and less to make, in the configuration that ``init`` wrote."""
    text = re.sub(
        r'model: "openai:[^"]*"', f'model: "openai:sim-strong@{base_url}"', file.read_text()
    )
    text = text.replace("#total: 2000", "total: 6").replace("#augment_to: null", "augment_to: 3")
    file.write_text(text)


def more_evaluations(base_url: str, place: Path) -> None:
    """Those that the README speaks of and that another reader has made: another set, another judge."""
    for name, file, judge in (("koala", "koala", "strong"), ("other-judge", "vicuna", "judge")):
        output = place / f"runs/eval-{name}"
        if not output.exists():
            parties = ["--candidate", "ours=answers.jsonl", "--candidate", "theirs=answers.jsonl"]
            models = ["--reference", f"openai:sim-strong@{base_url}"]
            models += ["--judge", f"openai:sim-{judge}@{base_url}"]
            words = ["evaluate", f"{file}.jsonl", "-o", str(output), *parties, *models]
            assert run("-m", "codeclm", *words, cwd=place).returncode == 0


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


def command_paths() -> list[tuple[str, ...]]:
    """Every command of the program, those of groups with their group."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    found: list[tuple[str, ...]] = []
    for name, command in group.commands.items():
        below = command.commands if isinstance(command, TyperGroup) else {}
        found += [(name, inner) for inner in below] or [(name,)]
    return found


def test_every_command_shows_an_example() -> None:
    """Its help ends with a line to start from."""
    group = get_command(app)
    assert isinstance(group, TyperGroup)
    for name, *rest in command_paths():
        command = group.commands[name]
        if rest:
            assert isinstance(command, TyperGroup)
            command = command.commands[rest[0]]
        epilog = command.epilog or ""
        assert "Example" in epilog, name
        assert f"codeclm {' '.join((name, *rest))}".removesuffix(" run") in epilog, (name, rest)


def test_other_commands_are_real(tmp_path: Path) -> None:
    """Every command it names exists, with the options it gives."""
    named = {command[0] for command in commands()}
    assert {"run", "simulate", "--version"} <= named
    for name in named - {"--version", "--install-completion", "cache", "evaluate"}:
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
    (tmp_path / "settings.yaml").write_text(settings_with("extra_body"))
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
