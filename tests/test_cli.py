"""The command line: what is wrong in one line with exit code 2, and nothing written."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running import check_books

STRONG = ("--strong", "openai:a@http://127.0.0.1:9/v1")
TARGET = ("--target", "openai:b@http://127.0.0.1:9/v1")
MODELS = (*STRONG, *TARGET)


def codeclm(
    *arguments: str, cwd: Path, stdin: str = "", file_size: int = resource.RLIM_INFINITY
) -> subprocess.CompletedProcess[str]:
    """Run the command line; no file may grow beyond ``file_size`` bytes."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, resource.RLIM_INFINITY))

    environ = {key: value for key, value in os.environ.items() if not key.endswith("_API_KEY")}
    return subprocess.run(
        [sys.executable, "-m", "codeclm", *arguments],
        cwd=cwd,
        input=stdin,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=limit,
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with inputs good and bad."""
    path = tmp_path_factory.mktemp("cli")
    (path / "seeds.jsonl").write_text('{"instruction": "Sing"}\n')
    (path / "empty.jsonl").write_text("")
    (path / "bad.jsonl").write_text('{"instruction": "Sing"}\nrubbish\n')
    (path / "latin.jsonl").write_bytes(b'{"instruction": "\xe9"}\n')
    (path / "other.jsonl").write_text('{"prompt": "Sing"}\n')
    (path / "typo.yaml").write_text("method: {thteta: 3}\n")
    models = "models: {strong: {model: 'openai:a'}, target: {model: 'openai:b'}}\n"
    (path / "whole.yaml").write_text(models)
    (path / "negative.yaml").write_text(f"{models}method: {{total: -1}}\n")
    (path / "prompts").mkdir()
    (path / "prompts" / "judge.jinja").write_text("{{ instruction }} {{ first_response }}")
    (path / "foreign").mkdir()
    (path / "foreign" / "thesis.tex").write_text("precious")
    (path / "file").write_text("x")
    return path


RUN = ("run", "seeds.jsonl", "-o", "out")
BAD = [
    (("run", "none.jsonl", "-o", "out", *MODELS), "none.jsonl: cannot be read"),
    (("run", "empty.jsonl", "-o", "out", *MODELS), "empty.jsonl: no seed in it"),
    (("run", "bad.jsonl", "-o", "out", *MODELS), "bad.jsonl, line 2: not JSON"),
    (("run", "latin.jsonl", "-o", "out", *MODELS), "latin.jsonl, line 1: not UTF-8"),
    (("run", "other.jsonl", "-o", "out", *MODELS), "no field 'instruction'; it has 'prompt'"),
    ((*RUN, *TARGET), "no strong model; give --strong"),
    ((*RUN, *STRONG), "no target model; give --target"),
    ((*RUN, *MODELS, "--config", "typo.yaml"), "'method.thteta'; did you mean 'theta'?"),
    ((*RUN, *MODELS, "--config", "none.yaml"), "none.yaml: cannot be read"),
    ((*RUN, *MODELS, "--theta", "-1"), "theta is -1; it must be at least 0"),
    ((*RUN, *MODELS, "--iterations", "0"), "iterations is 0; it must be at least 1"),
    ((*RUN, *MODELS, "--total", "0"), "total is 0; it must be at least 1"),
    ((*RUN, *MODELS, "--total", "many"), "--total"),
    ((*RUN, *MODELS, "--max-in-flight", "0"), "max_in_flight"),
    ((*RUN, *MODELS, "--max-cost", "-1"), "budget.max_cost"),
    ((*RUN, *MODELS, "--max-hours", "0"), "budget.max_hours"),
    (
        (*RUN, *MODELS, "--max-cost", "1"),
        "max_cost is set, and the price of openai:a@http://127.0.0.1:9/v1 is not known",
    ),
    (
        (*RUN, *MODELS, "--prompts", "prompts"),
        "judge.jinja: the variable 'second_response' is missing",
    ),
    ((*RUN, *TARGET, "--strong", "opnai:gpt"), "did you mean 'openai'?"),
    ((*RUN, *TARGET, "--strong", "gpt-4.1"), "names no provider"),
    ((*RUN, *TARGET, "--strong", "openai:gpt-4.1"), "OPENAI_API_KEY"),
    ((*RUN, *MODELS), "no server at http://127.0.0.1:9/v1"),
    (("run", "seeds.jsonl", "-o", "foreign", *MODELS), "foreign: not empty and not a run's"),
    (("run", "seeds.jsonl", "-o", "file", *MODELS), "file: not a directory"),
    ((*RUN, *MODELS, "--config", "seeds.jsonl"), "seeds.jsonl with the flags: unknown setting"),
    (
        (*RUN, "--config", "whole.yaml", "--total", "-5"),
        "whole.yaml with the flags: method: total is -5",
    ),
    ((*RUN, "--config", "negative.yaml"), "negative.yaml: method: total is -1"),
    (("run", "-o", "out", *MODELS), "give either SEEDS (a file, or -) or --metadata"),
    (("run", "seeds.jsonl", *MODELS), "--output"),
    ((*RUN, *MODELS, "--thetta", "1"), "--thetta"),
    (("compare", "-o", "out", "--group", "none"), "'--group': 'none' is not one of 'methods', "),
    (("rnu",), "Did you mean 'run'?"),
    (("simulate", "--latency", "soon"), "soon"),
    (("simulate", "--port", "99999"), "--port"),
    (("simulate", "--faults", "4299=0.1"), "4299"),
    (("simulate", "--rate-limit", "50@0"), "50/s@0"),
    (("simulate", "--max-in-flight", "4@9"), "must be at second 0"),
    (("simulate", "--retry-after", "never"), "never"),
    (("simulate", "--response-format", "maybe"), "follow, ignore, refuse"),
]


@pytest.mark.parametrize(("arguments", "message"), BAD, ids=[message for _, message in BAD])
def test_bad_input_is_one_clear_line(place: Path, arguments: tuple[str, ...], message: str) -> None:
    """What, where, how to mend; exit code 2; no traceback, nothing written."""
    before = sorted(path for path in place.rglob("*"))
    ended = codeclm(*arguments, cwd=place)
    assert message in ended.stderr
    assert ended.returncode == 2
    assert ended.stderr.startswith("codeclm: ")
    assert ended.stderr.count("\n") == 1
    assert ended.stdout == ""
    assert sorted(path for path in place.rglob("*")) == before


def test_the_version_and_the_help(place: Path) -> None:
    """Both answer at once with exit code 0, and the help names the exit codes and every command."""
    assert codeclm("--version", cwd=place).stdout.startswith("codeclm ")
    text = codeclm("--help", cwd=place).stdout
    assert all(word in text for word in ("run", "demo", "simulate", "Exit codes"))
    assert codeclm("run", "--help", cwd=place).returncode == 0


def test_the_faults_are_listed(place: Path) -> None:
    """Asked for the list, the simulator prints it and serves nothing."""
    ended = codeclm("simulate", "--faults", "list", cwd=place)
    assert (ended.returncode, ended.stderr) == (0, "")
    assert "  quota:openai|anthropic|gemini|openrouter\n" in ended.stdout
    assert "@As-Bs" in ended.stdout


def simulated(base_url: str) -> tuple[str, ...]:
    return (
        *("--strong", f"openai:sim-strong@{base_url}"),
        *("--target", f"openai:sim-target@{base_url}"),
    )


def test_seeds_come_from_a_pipe_too(base_url: str, tmp_path: Path) -> None:
    """The same pipe again finds the run finished; another one is told so; with --per-entry it is a stream."""
    lines = "".join(f'{{"instruction": "Explain topic {n}"}}\n' for n in range(4))
    models = simulated(base_url)
    run = ("run", "-", "-o", "out", "--total", "8", *models)
    assert codeclm(*run, cwd=tmp_path, stdin=lines).returncode in {0, 3}
    assert "nothing to do" in codeclm(*run, cwd=tmp_path, stdin=lines).stdout
    other = codeclm(*run, cwd=tmp_path, stdin=lines[:60])
    assert other.returncode == 2
    assert "input is another one" in other.stderr or "not JSON" in other.stderr
    stream = codeclm("run", "-", "-o", "s", "--per-entry", "2", *models, cwd=tmp_path, stdin=lines)
    assert "of 8 instructions" in stream.stdout
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out", "s"]


def test_nobody_reading_the_output_is_no_failure(base_url: str, tmp_path: Path) -> None:
    """A closed pipe does not stop a run."""
    (tmp_path / "seeds.jsonl").write_text('{"instruction": "Sing"}\n')
    command = [sys.executable, "-m", "codeclm", "run", "seeds.jsonl", "-o", "out", "--total", "4"]
    with subprocess.Popen(
        [*command, "--progress", "plain", *simulated(base_url)],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        child.stdout.close()
        complaints = child.stderr.read()
    assert child.returncode in {0, 3}
    assert complaints == b""
    assert (tmp_path / "out" / "dataset.jsonl").exists()


def test_a_full_disk_stops_the_run_and_nothing_is_lost(base_url: str, tmp_path: Path) -> None:
    """Where files may not grow any more: exit code 4, a clear line; with room again the run completes."""
    lines = "".join(f'{{"instruction": "Explain topic {n}"}}\n' for n in range(8))
    (tmp_path / "seeds.jsonl").write_text(lines)
    run = ("run", "seeds.jsonl", "-o", "out", "--total", "200", *simulated(base_url))
    full = codeclm(*run, cwd=tmp_path, file_size=300_000)
    assert full.returncode == 4, full.stdout + full.stderr
    assert "cannot be written (File too large)" in full.stdout + full.stderr
    assert "run the same command to go on" in full.stdout
    assert codeclm(*run, cwd=tmp_path).returncode in {0, 3}
    check_books(tmp_path / "out")
