"""``codeclm status``: a run is looked at from outside, while it goes on and after."""

from __future__ import annotations

import asyncio
import io
import json
import os
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.live import LiveLines
from codeclm.report.state import state_of
from codeclm.status import status_of
from codeclm.status_cli import status
from codeclm.status_words import status_lines, status_record
from tests.killing import start, write_inputs
from tests.loops import ON_UVLOOP
from tests.test_cli import codeclm

COUNTS = {"selected": 4, "discarded": 3, "failed": 1, "pending": 12}
CALLS = [{"calls": 70, "cache_hits": 5, "input_tokens": 9000, "output_tokens": 12_000}]
ENDPOINT = {
    "endpoint": "gpt-4o",
    "in_flight": 64,
    "in_flight_limit": 64,
    "waiting": 9,
    "calls_per_s": 12.0,
    "tokens_per_s": 3000.0,
    "rate_limited": 2,
    "retries": 1,
    "latency_p50_s": 0.5,
    "latency_p95_s": 2.0,
    "paused_left_s": 3.2,
    "down_for_s": None,
}
PROGRESS = {
    "left_s": 75.0,
    "calls_per_s": 12.0,
    "accepted_by_iteration": [{"iteration": 1, "selected": 4, "judged": 8}],
    "stages": [
        {"stage": "judge", "waiting": 1, "working": 2, "done": 3, "failed": 4, "per_s": 0.5}
    ],
    "endpoints": [ENDPOINT],
    "held_up_by": {"line": "limited by 64 calls in flight of gpt-4o, judge stage"},
}
SUMMARY: dict[str, Any] = {
    "state": "running",
    "wanted": 20,
    "counts": COUNTS,
    "calls": CALLS,
    "sessions": 2,
    "wall_time_s": 61.0,
    "endpoints": [{"model": "gpt-4o", "calls_started": 70, "latency_p50_s": None}],
    "progress": PROGRESS,
}
HERE = f"pid {os.getpid()} on {socket.gethostname()}"


def made(place: Path, summary: Mapping[str, Any] | None = SUMMARY, sign: str = "") -> Path:
    """What a run leaves behind, as far as the status looks at it."""
    settings = {"decisive": {}, "input": {"source": "seeds.jsonl"}}
    (place / "settings.json").write_text(json.dumps(settings))
    (place / "run.lock").write_text(sign)
    if summary is not None:
        (place / "summary.json").write_text(json.dumps(summary))
    return place


@pytest.mark.parametrize(
    ("summary", "sign", "state", "code"),
    [
        (SUMMARY, "pid ME on HOST", "running", 0),
        (None, "pid ME on HOST", "starting", 0),
        (SUMMARY, "", "stopped", 4),
        (None, "", "stopped", 4),
        (SUMMARY, "pid 4194999 on HOST", "killed", 4),
        (SUMMARY, f"pid {10**30} on HOST", "killed", 4),
        (SUMMARY, "rubbish", "stopped", 4),
        (SUMMARY, "pid 1 on elsewhere", "running", 0),
        ({**SUMMARY, "state": "complete"}, "", "complete", 0),
        ({**SUMMARY, "state": "complete", "failed_by_stage": {"judge": 1}}, "", "complete", 3),
        ({**SUMMARY, "state": "stopped", "exit_code": 5, "reason": "no credit"}, "", "stopped", 5),
        ({**SUMMARY, "state": "stopped"}, "", "stopped", 4),
    ],
    ids=range(12),
)
def test_the_state(
    tmp_path: Path, summary: Mapping[str, Any] | None, sign: str, state: str, code: int
) -> None:
    """Who signed the lock, whether that process is there, and what the summary says, decide."""
    sign = sign.replace("ME", str(os.getpid())).replace("HOST", socket.gethostname())
    seen = status_of(made(tmp_path, summary, sign))
    assert (seen.state, seen.exit_code, seen.is_over) == (
        state,
        code,
        state not in ("running", "starting"),
    )


def test_a_later_process_of_the_same_number_is_not_the_run(tmp_path: Path) -> None:
    """The lock was signed long before this process began."""
    place = made(tmp_path, SUMMARY, HERE)
    long_ago = time.time() - 10**7
    os.utime(place / "run.lock", (long_ago, long_ago))
    if Path("/proc/self/stat").exists():
        assert status_of(place).state == "killed"
        assert state_of(RunArchive(place)).name == "stopped"


def test_on_another_machine_a_silent_run_is_none(tmp_path: Path) -> None:
    """Its processes cannot be seen; its summary is old."""
    place = made(tmp_path, SUMMARY, "pid 1 on elsewhere")
    long_ago = time.time() - 60
    os.utime(place / "summary.json", (long_ago, long_ago))
    assert status_of(place).state == "killed"


def test_the_words(tmp_path: Path) -> None:
    """All that a person asks, with the way on."""
    lines = status_lines(status_of(made(tmp_path, SUMMARY, HERE)))
    assert lines[0].startswith(f"{tmp_path}: running ({HERE}), last saved 0 s ago")
    assert lines[1:] == [
        "8 of 20 instructions: 4 selected, 3 discarded, 1 failed, 12 pending; about 0:01:15 left",
        "70 calls (12/s), 5 cache hits, 9,000 tokens in, 12.0k out, 0:01:01 in 2 sessions",
        "accepted at iteration 1: 50%",
        "stage        waiting   working      done    failed   items/s",
        "judge              1         2         3         4       0.5",
        "gpt-4o: 64 of 64 calls in flight, 9 waiting, 12 calls/s, 3,000 tokens/s, "
        "2 429s, 1 retries, paused for 3 s, p50 0.50 s, p95 2.00 s",
        "limited by 64 calls in flight of gpt-4o, judge stage",
    ]
    stopped = {**SUMMARY, "state": "stopped", "reason": "interrupted", "cost": {"paid": 1.5}}
    lines = status_lines(status_of(made(tmp_path, stopped)))
    assert lines[0].startswith(f"{tmp_path}: stopped (interrupted), last saved")
    assert "$1.50 so far" in lines[2]
    assert lines[-1] == (
        "the same command goes on where it stopped: "
        f"codeclm run ... -o {tmp_path} (seeds were seeds.jsonl)"
    )


def test_the_record(tmp_path: Path) -> None:
    """For machines: what is not known is null, and progress is there only while it goes on."""
    record = status_record(status_of(made(tmp_path, SUMMARY, HERE)))
    assert json.loads(json.dumps(record)) == record
    assert (record["state"], record["calls"], record["cost"]) == ("running", 70, None)
    assert record["progress"] == PROGRESS
    assert status_record(status_of(made(tmp_path)))["progress"] is None


def test_what_models_are_called_cannot_steer_the_terminal(tmp_path: Path) -> None:
    """Names come from files."""
    bad = {**SUMMARY, "state": "stopped", "reason": "\x1b[2Jgone"}
    assert all(line.isprintable() for line in status_lines(status_of(made(tmp_path, bad))))


def test_watched_lines_stay_in_place_or_come_when_they_change() -> None:
    """On a terminal; and in a pipe."""
    out = io.StringIO()
    with LiveLines(Console(file=out, force_terminal=True, width=60)) as screen:
        screen.show(["run", "1 of 2"])
        screen.show(["run", "2 of 2"])
    assert out.getvalue().index("1 of 2") < out.getvalue().index("2 of 2")
    assert "\x1b[" in out.getvalue()
    out = io.StringIO()
    with LiveLines(Console(file=out)) as screen:
        for count in (1, 1, 2):
            screen.show(["run", f"{count} of 2", "more"])
    assert out.getvalue() == "run; 1 of 2\nrun; 2 of 2\n"


def test_no_run_is_one_line(tmp_path: Path) -> None:
    """Nothing is made."""
    with pytest.raises(UsageError, match="no run's directory"):
        status_of(tmp_path)
    with pytest.raises(UsageError, match="no run's directory"):
        status(tmp_path / "nowhere")
    assert not [*tmp_path.iterdir()]


@pytest.mark.anyio
@ON_UVLOOP
async def test_a_run_is_seen_from_outside(
    tmp_path: Path, base_url: str, capsys: pytest.CaptureFixture[str]
) -> None:
    """From another process: running, by this pid, held up by this; then killed, to be gone on with."""
    command = write_inputs(tmp_path, base_url, method="total: 5000, augment_to: 0")
    child = await start(command, tmp_path / "run")
    try:
        while not (tmp_path / "run" / "summary.json").exists():
            await asyncio.sleep(0.01)
        told = codeclm("status", "run", "--json", cwd=tmp_path)
        found = json.loads(told.stdout)
        assert (found["state"], told.returncode) == ("running", 0)
        assert found["holder"] == f"pid {child.pid} on {socket.gethostname()}"
        assert found["progress"]["endpoints"]
        assert found["progress"]["held_up_by"]["line"]
    finally:
        child.kill()
        await child.wait()
    files = {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()}
    assert status(tmp_path / "run", watch=True) == 4
    told_here = capsys.readouterr().out
    assert told_here.startswith(f"{tmp_path / 'run'}: killed, last saved")
    assert told_here.endswith(f"(seeds were {tmp_path / 'seeds.jsonl'})\n")
    assert {path: path.stat().st_mtime_ns for path in (tmp_path / "run").iterdir()} == files


def test_surplus_examples_are_counted(tmp_path: Path) -> None:
    """What was selected beyond a wanted number is done too, so the fates add up to what was asked for."""
    counts = {**COUNTS, "surplus": 2, "pending": 10}
    summary = {**SUMMARY, "state": "complete", "counts": counts}
    lines = status_lines(status_of(made(tmp_path, summary)))
    fates = "4 selected, 2 surplus, 3 discarded, 1 failed, 10 pending"
    assert f"10 of 20 instructions: {fates}" in lines
