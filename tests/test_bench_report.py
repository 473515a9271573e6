"""What is written of a benchmark: figures that can be read back, a page that can do nothing but be read."""

from __future__ import annotations

import csv
import json
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from codeclm.bench.benchmark import Measured
from codeclm.bench.plan import Plan
from codeclm.bench.report import ReportDirectory, default_directory, report_of, sentences
from codeclm.bench.table import print_table
from codeclm.errors import RunStopped, UsageError
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.spec import ModelSpec
from tests.test_bench_sweep import level

HOSTILE = '<script>alert("x")</script><img src=x onerror=alert(1)>"\'&{{ 7 * 7 }}'
CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), ""
)


def plan(model: str = "m") -> Plan:
    spec = ModelSpec(f"openai:{model}@http://127.0.0.1:9/v1")
    return Plan(spec, [ChatRequest((Message("user", "x"),), stage="judge")], 0.7, 64, (8, 4), 8)


def measured(**changed: Any) -> Measured:
    levels = (
        level(8, 80.0),
        level(4, 40.0),
        level(16, 80.5, errors={"ServerError": 3}, rate_limited=1),
        level(32, 0.0, latency=None, efficiency=None, answers=0, input_tokens_per_s=None),
    )
    return Measured(levels, **{"stopped": None, "messages": {}, "learnt": (), **changed})


def written(place: Path, found: Measured, made: Plan) -> Path:
    directory = ReportDirectory(place / "out")
    directory.make()
    directory.write(report_of(found, made, 0.0), found)
    directory.leave()
    return directory.path


class Page(HTMLParser):
    """Tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: dict[str, str | None] = {}
        self.text = ""
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes |= dict(attrs)

    def handle_data(self, data: str) -> None:
        self.text += data


def test_json_and_csv_hold_the_figures(tmp_path: Path) -> None:
    """Both have every level in the order in which it was measured, with equal numbers."""
    path = written(tmp_path, measured(), plan())
    report = json.loads((path / "bench.json").read_bytes())
    rows = [*csv.DictReader((path / "bench.csv").read_text().splitlines())]
    assert report["schema"] == 1
    assert report["began"] == "1970-01-01T00:00:00Z"
    assert report["knee_in_flight"] == 8
    assert report["machine"]["processors"] >= 1
    assert [row["in_flight"] for row in report["levels"]] == [8, 4, 16, 32]
    for row, line in zip(report["levels"], rows, strict=True):
        assert json.loads(line["errors"]) == row["errors"]
        for name, value in row.items():
            if name != "errors":
                assert line[name] == ("" if value is None else str(value))
    assert {file.stat().st_mode & 0o777 for file in path.iterdir()} == {0o600}


def test_the_page_stands_alone(tmp_path: Path) -> None:
    """Two drawings and every level; no script, nothing that is loaded from anywhere."""
    text = (written(tmp_path, measured(), plan()) / "report.html").read_text()
    page = Page(text)
    assert page.tags.count("svg") == 2
    assert not {"script", "link", "img", "iframe", "object"} & {*page.tags}
    assert not {"src", "href", "onload", "onerror"} & {*page.attributes}
    assert "url(" not in text
    assert "@import" not in text
    assert "the knee is at 8 calls in flight: 80 calls/s, p95 0.125 s" in page.text
    assert "3 ServerError" in page.text
    assert len(text) < 100_000


def test_what_others_wrote_is_text(tmp_path: Path) -> None:
    """Names of models, messages of endpoints and what was learnt are shown as they are, and obeyed by nobody."""
    found = measured(
        messages={"ServerError": HOSTILE + "\x1b[2J\u202e"},
        learnt=(HOSTILE,),
        stopped=RunStopped(HOSTILE),
    )
    page = Page((written(tmp_path, found, plan(HOSTILE)) / "report.html").read_text())
    assert not {"script", "img"} & {*page.tags}
    assert "onerror" not in page.attributes
    assert page.text.count(HOSTILE) == 5  # title, heading, stopped, message, learnt
    assert "\x1b" not in page.text
    assert "\\x1b[2J\\u202e" in page.text


def test_nothing_is_overwritten(tmp_path: Path) -> None:
    """A directory that holds anything is refused, and so is a file that came in the meantime."""
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "thesis.tex").write_text("precious")
    for name in ("taken", "taken/thesis.tex"):
        with pytest.raises(UsageError, match="not an empty directory"):
            ReportDirectory(tmp_path / name)
    with pytest.raises(UsageError, match="cannot be written"):
        ReportDirectory(tmp_path / "taken" / "thesis.tex" / "below").make()
    directory = ReportDirectory(tmp_path / "new")
    directory.make()
    (tmp_path / "new" / "bench.csv").write_text("mine")
    with pytest.raises(UsageError, match="cannot be written"):
        directory.write(report_of(measured(), plan(), 0.0), measured())
    assert (tmp_path / "new" / "bench.csv").read_text() == "mine"


def test_no_trace_where_nothing_was_written(tmp_path: Path) -> None:
    """A directory made for the report goes; one that was there stays."""
    (tmp_path / "old").mkdir()
    for name, stays in (("old", True), ("new", False)):
        directory = ReportDirectory(tmp_path / name)
        directory.make()
        directory.leave()
        assert (tmp_path / name).exists() == stays


@pytest.mark.parametrize(
    ("model", "expected"),
    [("gpt-4.1", "bench-gpt-4.1-"), ("org/Some Model:7b", "bench-org-Some-Model-7b-")],
)
def test_the_name_of_the_directory(model: str, expected: str) -> None:
    """Whatever the model is called, it is one plain name."""
    path = default_directory(f"openai:{model}@http://127.0.0.1:9/v1", 0.0)
    assert path.name.startswith(expected)
    assert len(path.parts) == 1
    hostile = default_directory("openai:../../etc@http://127.0.0.1:9/v1", 0.0)
    assert hostile.parts == (hostile.name,)


def shown(width: int) -> str:
    console = Console(width=width, color_system=None, force_terminal=False)
    with console.capture() as capture:
        print_table(measured().levels, console)
    return capture.get()


def test_the_table_fits_the_screen() -> None:
    """Whole where there is room, else in two halves; every number is there, by rising calls in flight."""
    wide, narrow = shown(160), shown(80)
    for text, width in ((wide, 160), (narrow, 80)):
        assert max(map(len, text.splitlines())) <= width
        assert "…" not in text
        assert "3 ServerError" in text
        firsts = [line.split()[0] for line in text.splitlines() if line.split()[:1]]
        assert [word for word in firsts if word.isdigit()][:4] == ["4", "8", "16", "32"]
    assert wide.count("flight") == 1
    assert narrow.count("flight") == 2


def test_nothing_measured_has_words_too() -> None:
    """An interrupted warm-up is told, and no table is shown."""
    nothing = Measured((), RunStopped("interrupted"), {}, ())
    assert sentences(nothing, plan()) == ["nothing was measured"]
    print_table(())


@pytest.mark.skipif(not CHROMIUM, reason="no Chromium is installed to open the page with")
def test_a_browser_shows_the_page(tmp_path: Path) -> None:
    """It renders, runs nothing of what an endpoint wrote, and reports no error."""
    found = measured(messages={"ServerError": "<script>document.title='owned'</script>"})
    path = written(tmp_path, found, plan()) / "report.html"
    command = [
        CHROMIUM,
        "--headless",
        "--no-sandbox",
        "--disable-gpu",
        f"--user-data-dir={tmp_path}",
    ]
    shown_page = subprocess.run(
        [*command, "--dump-dom", path.as_uri()],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout
    assert "<title>Throughput of openai:m" in shown_page
    assert "owned</title>" not in shown_page
    assert shown_page.count("<svg") == 2
