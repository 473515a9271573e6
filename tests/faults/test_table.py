"""The table itself: what is measured is printed, from workers too, and an unmet bar fails the command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
ROWS = """
import pytest
def test_met(measure): measure("F7", "failures", 0, "0", met=True)
def test_two(measure):
    measure("F3", "unmet", 2.0, "<= 1", met=False)
    measure("F3", "after it", 12345, "any", met=True)
def test_f9_breaks(measure): raise RuntimeError
def test_absent(measure): measure.not_run("F4", "power loss", "no machine for it")
def test_f5_skipped(measure): pytest.skip("no such system")
"""


def test_the_table(tmp_path: Path) -> None:
    """All rows are there, met, **not met** and not run, also what follows an unmet bar; the exit code is 1."""
    place = tmp_path / "tests" / "faults"
    place.mkdir(parents=True)
    (place / "conftest.py").write_text("from tests.faults.conftest import *\n")
    (place / "test_rows.py").write_text(ROWS)
    plain = ["-c", "/dev/null", "--rootdir", str(tmp_path), "-p", "no:cacheprovider"]
    table = ["--faults", "--faults-table", str(tmp_path / "table.json")]
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.conftest", *plain, *table, "-n", "1", place],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    lines = ended.stdout.splitlines()
    assert ended.returncode == 1, ended.stdout + ended.stderr
    assert "| F7 | failures | 0 | 0 | met |" in lines
    assert "| F3 | unmet | 2 | <= 1 | **not met** |" in lines
    assert "| F3 | after it | 12,345 | any | met |" in lines
    assert "| F4 | power loss | no machine for it |  | not run |" in lines
    assert "| F5 | test_f5_skipped | no such system |  | not run |" in lines
    assert "| F9 | test_f9_breaks | failed | passes | **not met** |" in lines
    assert "bars not met: 2" in lines
    assert len(json.loads((tmp_path / "table.json").read_text())) == 6
