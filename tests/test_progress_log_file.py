"""The log file: what happened, as lines that can be searched and read by machines; and nothing that is secret."""

from __future__ import annotations

import re
import shlex
from datetime import datetime
from pathlib import Path

import pytest

from codeclm.engine.events import RunDrained, StepFailed, StepPostponed
from codeclm.errors import (
    EndpointRefused,
    Filtered,
    ParseError,
    QuotaExhausted,
    RunStopped,
    ServerError,
    UsageError,
)
from codeclm.llm.events import (
    CacheTrouble,
    CallFailed,
    EndpointBack,
    EndpointDown,
    Paused,
    Retried,
)
from codeclm.progress.log_file import MOST_BYTES, LogFile
from codeclm.records import Comparison, Draft, Entry, Metadata, Seed, Unit
from tests.snapshots import endpoint, snapshot
from tests.test_progress_views import began, ended

SECRET = "the prompt or answer"
ENTRY = Entry(0, "e0", Metadata("writing", ("wit",)))
DRAFT = Draft("d0", ENTRY, SECRET)
BROKEN = ParseError(f"no use case: {SECRET!r}", raw=SECRET)
STAMP = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3})Z (INFO|WARNING|ERROR) (\w+)(?: (.*))?")


def lines_of(file: Path) -> list[tuple[str, str, dict[str, str]]]:
    """Level, event and fields of each line; their times are times, and in order."""
    found, times = [], []
    for line in file.read_text("utf-8").splitlines():
        stamp = STAMP.fullmatch(line)
        assert stamp, line
        times.append(datetime.fromisoformat(stamp[1]))
        fields = dict(pair.split("=", 1) for pair in shlex.split(stamp[4] or ""))
        found.append((stamp[2], stamp[3], fields))
    assert times == sorted(times)
    return found


EVENTS = [
    (began(), "INFO begins directory=runs/first session=1 settings_sha256=" + "0" * 64),
    (Retried("m", "judge", "ServerError", 1.234), "WARNING retry model=m stage=judge"),
    (
        CallFailed("m", "judge", "TimedOut"),
        "WARNING call_failed model=m stage=judge error=TimedOut",
    ),
    (Paused("openai:m@http://h/v1", 12.0), "WARNING pause model=openai:m@http://h/v1 wait_s=12.0"),
    (EndpointDown("m", f"HTTP 503: {SECRET}"), 'ERROR outage model=m reason="HTTP 503"'),
    (EndpointBack("m", 31.26), "INFO outage_over model=m down_for_s=31.3"),
    (CacheTrouble("disk full"), 'WARNING cache_trouble reason="disk full"'),
    (
        StepFailed("judge", Comparison(DRAFT, SECRET, SECRET), BROKEN, 1.0),
        "WARNING item_failed id=d0",
    ),
    (StepFailed("respond", DRAFT, Filtered(SECRET), 1.0), "INFO declined id=d0 stage=respond"),
    (StepFailed("decode", Unit(ENTRY, 0, 5, 5), BROKEN, 1.0), "WARNING item_failed id="),
    (StepFailed("encode", Seed(0, "s0", SECRET), BROKEN, 1.0), "WARNING item_failed id="),
    (
        StepPostponed("judge", DRAFT, ServerError(SECRET)),
        "WARNING item_postponed id=d0 stage=judge",
    ),
    (RunDrained(RunStopped("interrupted")), "WARNING stopping error=RunStopped reason=interrupted"),
    (
        RunDrained(QuotaExhausted(f"HTTP 429: {SECRET}")),
        'WARNING stopping error=QuotaExhausted reason="HTTP 429"',
    ),
    (
        RunDrained(RunStopped(f"101 of the last 200 items failed, the latest in encode: {SECRET}")),
        'WARNING stopping error=RunStopped reason="101 of the last 200 items failed, the latest',
    ),
    (
        RunDrained(RunStopped("/x/failed.jsonl: cannot be written (full)")),
        'WARNING stopping error=RunStopped reason="/x/failed.jsonl: cannot be written (full)"',
    ),
    (ended(), "WARNING ended state=stopped exit_code=4 error=RunStopped reason=interrupted"),
    (ended(exit_code=0, state="complete", reason="", error=""), "INFO ended state=complete"),
]


@pytest.mark.parametrize(("event", "line"), EVENTS, ids=[line[:40] for _, line in EVENTS])
def test_what_is_written_of_an_event(tmp_path: Path, event: object, line: str) -> None:
    """Its level, its name, its fields; of foreign words nothing."""
    with LogFile(tmp_path / "log") as log:
        log.notice(event)
        log.notice(object())
    text = (tmp_path / "log").read_text()
    assert f"Z {line}" in text
    assert SECRET not in text
    events = [event for _, event, _ in lines_of(tmp_path / "log")]
    assert events == ["started", line.split()[1]]


def test_changes_of_a_limit_are_written(tmp_path: Path) -> None:
    """From what to what; not that it is the same."""
    with LogFile(tmp_path / "log") as log:
        for allowed in (16, 16, 32, 24):
            log.show(snapshot(1, endpoint("m", allowed=allowed)))
    assert lines_of(tmp_path / "log")[1:] == [
        ("INFO", "limit", {"endpoint": "m", "calls_in_flight": "32", "before": "16"}),
        ("INFO", "limit", {"endpoint": "m", "calls_in_flight": "24", "before": "32"}),
    ]


def test_it_is_appended_to_and_nobody_elses(tmp_path: Path) -> None:
    """A resumed run goes on in the same file."""
    for _ in range(2):
        with LogFile(tmp_path / "log"):
            pass
    assert [event for _, event, _ in lines_of(tmp_path / "log")] == ["started", "started"]
    assert (tmp_path / "log").stat().st_mode & 0o077 == 0


def test_a_run_that_is_left_by_an_error_says_so(tmp_path: Path) -> None:
    """With the name of the error; of a bug that alone."""
    with pytest.raises(EndpointRefused), LogFile(tmp_path / "log"):
        raise EndpointRefused(f"HTTP 401: {SECRET}")
    with pytest.raises(ZeroDivisionError), LogFile(tmp_path / "log"):
        raise ZeroDivisionError(SECRET)
    refused = {"error": "EndpointRefused", "exit_code": "2", "reason": "HTTP 401"}
    found = [line for line in lines_of(tmp_path / "log") if line[1] == "left"]
    broken = {"error": "ZeroDivisionError", "exit_code": "1"}
    assert found == [("ERROR", "left", refused), ("ERROR", "left", broken)]


def test_what_a_value_holds_cannot_break_a_line(tmp_path: Path) -> None:
    """Line ends, quotes and escapes stay within their value."""
    nasty = 'a "b" \\ c\nINFO ended\x1b[2J'
    with LogFile(tmp_path / "log") as log:
        log.notice(CacheTrouble(nasty))
    (_, (_, event, fields)) = lines_of(tmp_path / "log")
    assert event == "cache_trouble"
    assert fields["reason"].startswith('a "b" \\ c')


def test_it_does_not_grow_without_end(tmp_path: Path) -> None:
    """At 20 MB a new file is begun; what is old goes at last."""
    (tmp_path / "log").write_bytes(b"x" * (MOST_BYTES - 10) + b"\n")
    with LogFile(tmp_path / "log") as log:
        log.notice(Paused("m", 1.0))
    assert (tmp_path / "log.1").stat().st_size >= MOST_BYTES - 10
    assert (tmp_path / "log").stat().st_size < 200


def test_where_it_cannot_be_written_nothing_begins(tmp_path: Path) -> None:
    """One line that says so; a link is not followed."""
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for bad in (tmp_path, tmp_path / "none" / "log", tmp_path / "link"):
        with pytest.raises(UsageError, match="cannot be written"), LogFile(bad):
            pass
    assert not (tmp_path / "elsewhere").exists()
