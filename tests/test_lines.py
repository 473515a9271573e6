"""Append-only files: whole lines or none, whatever killed the writer."""

from __future__ import annotations

import os
import resource
import stat
from contextlib import closing
from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.errors import RunStopped, UsageError
from codeclm.lines import LinesFile

ROWS = [{"id": f"id-{n}", "text": "x" * n * 7 + "\n é"} for n in range(5)]


def written(path: Path) -> bytes:
    file = LinesFile(path)
    for row in ROWS:
        file.append(row)
    file.sync()
    file.close()
    return path.read_bytes()


def test_rows_come_back(tmp_path: Path) -> None:
    """What was appended is read again, by a later opening too, and only the owner may read it."""
    path = tmp_path / "a.jsonl"
    written(path)
    file = LinesFile(path)
    assert list(file.rows()) == ROWS
    file.close()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_file_cut_at_any_byte_keeps_its_whole_lines(tmp_path: Path) -> None:
    """For every length a kill could leave: whole lines stay, the torn rest is moved aside, appending goes on."""
    whole = written(tmp_path / "whole.jsonl")
    for size in range(len(whole) + 1):
        path = tmp_path / f"{size}.jsonl"
        path.write_bytes(whole[:size])
        file = LinesFile(path)
        kept = whole[:size].count(b"\n")
        assert list(file.rows()) == ROWS[:kept]
        file.append({"id": "next"})
        assert list(file.rows()) == [*ROWS[:kept], {"id": "next"}]
        file.close()
        torn = path.with_name(path.name + ".torn")
        rest = whole[:size].rpartition(b"\n")[2]
        assert (torn.read_bytes() if torn.exists() else b"") == (rest and rest + b"\n")


@given(st.lists(st.binary(max_size=60) | st.sampled_from(ROWS).map(orjson.dumps), max_size=6))
def test_lines_that_are_no_rows_are_quarantined(
    tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]
) -> None:
    """They are moved aside and counted, in their order; the rows stay, and appending goes on."""
    path = tmp_path_factory.mktemp("lines") / "a.jsonl"
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(content)
    with closing(LinesFile(path)) as file:
        recovered = list(file.recover())
        assert list(file.rows()) == recovered
        file.append({"id": "next"})
        aside = path.with_name("a.jsonl.quarantine")
        bad = aside.read_bytes() if aside.exists() else b""
        assert file.quarantined == bad.count(b"\n")
    assert all(isinstance(row["id"], str) for row in recovered)
    good = path.read_bytes().removesuffix(b'{"id":"next"}\n')
    assert sorted((good + bad).splitlines(keepends=True)) == sorted(
        content.splitlines(keepends=True)
    )
    with closing(LinesFile(path)) as file:
        assert list(file.recover()) == [*recovered, {"id": "next"}]
        assert file.quarantined == 0


def test_a_link_is_not_followed(tmp_path: Path) -> None:
    """A symbolic link in the place of the file is refused: it could point anywhere."""
    (tmp_path / "victim").write_text("precious")
    (tmp_path / "a.jsonl").symlink_to(tmp_path / "victim")
    with pytest.raises(UsageError, match="cannot be written"):
        LinesFile(tmp_path / "a.jsonl")
    assert (tmp_path / "victim").read_text() == "precious"


def test_a_write_that_fails_half_way_leaves_the_file_as_it_was(tmp_path: Path) -> None:
    """When the file may not grow (as on a full disk) the run stops and no torn line stays."""
    path = tmp_path / "a.jsonl"
    child = os.fork()
    if child == 0:  # pragma: no cover - in a child, for the limit holds for a whole process
        code = 1
        try:
            import signal

            signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
            file = LinesFile(path)
            file.append({"id": "fits"})
            try:
                file.append({"id": "too long", "text": "x" * 200})
            except RunStopped:
                code = 0
        finally:
            os._exit(code)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert path.read_bytes() == orjson.dumps({"id": "fits"}) + b"\n"
