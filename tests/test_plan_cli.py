"""``codeclm plan``: the arguments of a run, and what it will take."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from codeclm.cli import app
from codeclm.errors import UsageError
from codeclm.pilot import LOG

HOSTED = ("--strong", "openai:gpt-4.1", "--target", "openai:gpt-4.1-nano")


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    lines = (json.dumps({"instruction": f"Explain topic {n} to a child."}) for n in range(12))
    (tmp_path / "seeds.jsonl").write_text("".join(f"{line}\n" for line in lines))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def plan(*arguments: str) -> Result:
    return CliRunner().invoke(app, ["plan", "seeds.jsonl", *arguments], env={"OPENAI_API_KEY": ""})


def simulated(base_url: str) -> tuple[str, ...]:
    models = (("strong", "sim-strong"), ("target", "sim-target"))
    return tuple(
        part for role, name in models for part in (f"--{role}", f"openai:{name}@{base_url}")
    )


def test_without_a_pilot_it_needs_no_key_and_calls_nobody(place: Path) -> None:
    """Calls, tokens, money by stage and model, in a table; nothing is written."""
    ended = plan(*HOSTED, "--total", "100")
    assert ended.exit_code == 0, ended.exception
    assert "100 instructions over 200 metadata entries (12 seeds, 188 mixed)" in ended.stdout
    assert "without a pilot" in ended.stdout
    for stage in ("encode", "decode", "rubrics", "improve", "respond (target)", "judge", "total"):
        assert f"\n{stage}  " in ended.stdout
    assert "iterations: 3" in ended.stdout
    assert [path.name for path in place.iterdir()] == ["seeds.jsonl"]


def test_the_options_of_a_run_are_its_own(place: Path) -> None:
    """Every option of a run that makes a difference is there, with its help, and in force."""
    text = CliRunner().invoke(app, ["plan", "--help"]).stdout
    for option in ("--metadata", "--per-entry", "--theta", "--prompts", "--config", "--pilot"):
        assert option in text
    for option in ("--rehearse", "--retry-failed", "--faults"):
        assert option not in text
    fewer = json.loads(plan(*HOSTED, "--iterations", "1", "--json").stdout)
    more = json.loads(plan(*HOSTED, "--json").stdout)
    assert fewer["totals"]["cost"]["value"] < more["totals"]["cost"]["value"]
    assert more["work"]["instructions"] == 2000


def test_a_pilot_is_run_and_reused(place: Path, base_url: str) -> None:
    """With a pilot the forecast is measured; again without --pilot it makes no call; the run goes on from it."""
    models = (*simulated(base_url), "--total", "24", "--augment-to", "0")
    first = plan(*models, "-o", "run", "--pilot", "4")
    assert first.exit_code == 0, first.exception
    assert "stopped (the pilot is over)" in first.stdout
    assert "from a pilot of 4 seeds" in first.stdout
    again = plan(*models, "-o", "run", "--json")
    made = json.loads(again.stdout)
    assert made["seeds"] == 4
    assert made["totals"]["calls"]["low"] <= made["totals"]["calls"]["value"]
    piped = plan(*models, "-o", "run", "--pilot", "4", "--json")
    assert json.loads(piped.stdout)["totals"] == made["totals"]
    assert "the pilot is over" in piped.stderr
    ended = CliRunner().invoke(app, ["run", "seeds.jsonl", "-o", "run", *models])
    assert ended.exit_code in {0, 3}
    assert (place / "run" / "dataset.jsonl").exists()


def test_what_cannot_be_planned_is_told(place: Path, base_url: str) -> None:
    """A pilot without a directory, a directory without a pilot, a pilot of other settings: one line, exit code 2."""
    models = (*simulated(base_url), "--total", "12", "--augment-to", "0")
    (place / "empty").mkdir()
    for arguments, message in (
        ((*HOSTED, "--pilot", "5"), "give its directory with -o"),
        ((*HOSTED, "-o", "empty"), "no pilot was run there"),
        ((*HOSTED, "-o", "run", "--pilot", "5"), "set the environment variable OPENAI_API_KEY"),
        (("--target", "openai:x"), "no strong model"),
    ):
        ended = plan(*arguments)
        assert isinstance(ended.exception, UsageError)
        assert message in str(ended.exception)
    assert not (place / "run").exists()
    run = ("run", "seeds.jsonl", "-o", "over", *models)
    assert CliRunner().invoke(app, [*run, "--progress", "none"]).exit_code in {0, 3}
    ended = plan(*models, "-o", "over", "--pilot", "2")
    assert "a directory whose run is not over" in str(ended.exception)
    plan(*models, "-o", "run", "--pilot", "2")
    ended = plan(*models, "-o", "run", "--theta", "2")
    assert isinstance(ended.exception, UsageError)
    assert str(ended.exception).startswith("run: it holds a run with other settings")
    assert "method.theta: 3.0 -> 2.0" in str(ended.exception)


def test_a_pilot_of_fewer_examples_than_entries(place: Path, base_url: str) -> None:
    """A run for N examples asks each entry as it comes, and none is passed over to make N of all."""
    arguments = (*simulated(base_url), "-o", "run", "--selected", "5", "--pilot", "4")
    ended = plan(*arguments)
    assert ended.exit_code == 0, ended.output
    assert "from a pilot of 4 seeds" in ended.stdout


def test_a_pilot_survives_a_kill(place: Path, base_url: str) -> None:
    """SIGKILL in the middle of it: the same command finishes it, and foretells the same as one in one piece."""
    models = {
        role: {"model": f"openai:sim-{role}@{base_url}", "send_seed": True}
        for role in ("strong", "target")
    }
    method = {"total": 60, "augment_to": 0}
    (place / "settings.yaml").write_text(json.dumps({"models": models, "method": method}))
    pilot = ("plan", "seeds.jsonl", "--config", "settings.yaml", "--pilot", "8", "--json")
    command = [sys.executable, "-m", "codeclm", *pilot, "-o", "killed"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as child:
        log = place / "killed" / LOG
        while child.poll() is None and not (log.exists() and log.read_bytes().count(b"\n") > 40):
            time.sleep(0.002)
        child.kill()
    assert child.returncode == -signal.SIGKILL
    before = log.read_bytes().count(b"\n")
    totals = {
        place: json.loads(CliRunner().invoke(app, [*pilot, "-o", place]).stdout)["totals"]
        for place in ("killed", "whole")
    }
    assert totals["killed"] == totals["whole"]
    assert log.read_bytes().count(b"\n") > before
