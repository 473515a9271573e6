"""The report of a run: its figures, its page in a browser, the live view, one example explained."""

from __future__ import annotations

import asyncio
import json
import os
import re
import signal
import sys
from asyncio.subprocess import PIPE
from pathlib import Path

import pytest
from rich.console import Console

from codeclm.errors import UsageError
from codeclm.report.choice import choose
from codeclm.report.command import write_report
from codeclm.report.explanation import explanation
from codeclm.report.lineage import lineage_of
from codeclm.report.page import report_page
from codeclm.report.reading import Reading
from codeclm.report.tree import print_tree
from codeclm.seeds import SeedFile
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.world import World
from tests.chromium import browser, needs_chromium
from tests.loops import ON_UVLOOP
from tests.running import complete, rows, seeds, settings_for

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]


async def run_in(place: Path, total: int = 40) -> Path:
    """A whole run, from a file of seeds."""
    lines = (json.dumps({"instruction": one.instruction}) for one in seeds(8))
    (place / "seeds.jsonl").write_text("\n".join(lines))
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": total, "augment_to": 0})
        await complete(place / "run", settings, SeedFile(place / "seeds.jsonl"))
    return place / "run"


def read(run: Path) -> Reading:
    reading = Reading(run)
    reading.update()
    return reading


async def test_figures_agree_with_the_books(tmp_path: Path) -> None:
    """What is counted over the rows is what the run's own summary says."""
    reading = read(await run_in(tmp_path))
    figures, summary = reading.figures, reading.archive.summary
    counts = summary["counts"]
    assert {name: figures.fates[name] for name in ("selected", "discarded", "failed")} == {
        name: counts[name] for name in ("selected", "discarded", "failed")
    }
    by_iteration = {
        str(number): figures.iterations["selected", number]
        for (fate, number) in figures.iterations
        if fate == "selected"
    }
    assert by_iteration == summary["selected_by_iteration"]
    outside = sum(step.strong_wins + step.target_wins for step in figures.gaps.steps())
    assert outside >= counts["selected"] > 0
    assert figures.gaps.number == figures.judge.comparisons == figures.judge.both_orders


async def test_surplus_is_no_part_of_it(tmp_path: Path) -> None:
    """What was selected beyond the number that was asked for is on file, and not in the dataset."""
    run = await run_in(tmp_path)
    with (run / "selected.jsonl").open("r+") as file:
        surplus = {**json.loads(file.readline()), "id": "0" * 16}
        file.seek(0, os.SEEK_END)
        file.write(json.dumps(surplus) + "\n")
    reading = read(run)
    assert reading.figures.fates["selected"] == reading.archive.summary["counts"]["selected"]


@needs_chromium
async def test_the_page_in_a_browser(tmp_path: Path) -> None:
    """It loads nothing, complains of nothing, and search, filter, and opening an example work; on a phone it fits."""
    run = await run_in(tmp_path)
    path = write_report(run, run / "report.html", lambda _: None)
    row = rows(run / "dataset.jsonl")[0]
    async with browser() as chromium:
        tab = await chromium.tab()
        await tab.dress(390, "dark")
        await tab.open(path.as_uri())
        await tab.until("document.querySelector('#list li')")
        assert await tab.run("document.documentElement.scrollWidth <= innerWidth")
        found = "document.getElementById('found').textContent"
        assert await tab.run(found) == "40 examples"
        await tab.run(chosen("fate", "selected"))
        await tab.until(f"{found} === '{len(rows(run / 'dataset.jsonl'))} examples'")
        await tab.run(chosen("query", row["id"]))
        await tab.until(f"{found} === '1 examples'")
        await tab.run("document.querySelector('#list summary').click()")
        whole = await tab.until("document.querySelector('.whole')?.textContent")
        for text in (row["instruction"], row["strong_response"], row["use_case"], row["seed_id"]):
            assert text in whole
        assert tab.complaints == []
        assert tab.requests == [path.as_uri()]


def chosen(name: str, value: str) -> str:
    return f"""document.getElementById('{name}').value = {json.dumps(value)};
        document.getElementById('{name}').dispatchEvent(new Event('input', {{bubbles: true}}))"""


@needs_chromium
async def test_the_view_follows_a_run(tmp_path: Path) -> None:
    """The command shows rows as they come, says how the run stands, and Ctrl-C ends it cleanly."""
    run = await run_in(tmp_path)
    lines = (run / "selected.jsonl").read_bytes().splitlines(keepends=True)
    summary = json.loads((run / "summary.json").read_bytes())
    (run / "selected.jsonl").write_bytes(b"".join(lines[:1]))
    (run / "summary.json").write_text(json.dumps({**summary, "state": "running"}))
    (run / "run.lock").write_text(f"pid {os.getpid()} on {os.uname().nodename}\n")
    command = [sys.executable, "-m", "codeclm", "view", str(run)]
    child = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    assert child.stdout is not None
    found = re.search(rb"http://\S+", await child.stdout.readline())
    assert found is not None
    async with browser() as chromium:
        tab = await chromium.tab()
        await tab.open(found[0].decode())
        await tab.until("document.querySelector('#list li')")
        said = "document.querySelector('.said').textContent"
        assert "going on" in await tab.run(said)
        with (run / "selected.jsonl").open("ab") as file:
            file.writelines(lines[1:])
        (run / "summary.json").write_text(json.dumps(summary))
        await tab.until(f"{said}.includes('complete')")
        await tab.until("!document.getElementById('fresh').hidden")
        await tab.run("document.getElementById('fresh').click()")
        await tab.run(chosen("query", json.loads(lines[-1])["id"]))
        await tab.until("document.querySelectorAll('#list li').length === 1")
        await tab.run("document.querySelector('#list summary').click()")
        await tab.until("document.querySelector('.whole')")
        assert tab.complaints == []
    child.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(child.wait(), 20) == 0


async def test_an_example_is_explained(tmp_path: Path) -> None:
    """By the beginning of its id: seed, unit, iterations, scores and fate; what is ambiguous or unknown is said so."""
    run = await run_in(tmp_path)
    row = next(row for row in rows(run / "discarded.jsonl") if row["history"])
    found = explanation(run, row["id"][:12].upper())
    assert found.lineage == lineage_of("discarded", row)
    assert found.seed == seeds(8).instructions[int(row["seed_id"].removeprefix("line-")) - 1]
    assert found.unit is not None
    assert found.unit[0] in {unit["id"] for unit in rows(run / "decoded.jsonl")}
    told = json.loads(found.as_json())
    assert (told["id"], told["seed"], told["unit"]["id"]) == (row["id"], found.seed, found.unit[0])
    wrong = row["id"][:-1] + ("0" if row["id"][-1] != "0" else "1")
    with pytest.raises(UsageError, match=f"did you mean.*{row['id']}"):
        explanation(run, wrong)
    with pytest.raises(UsageError, match="several ids begin"):
        explanation(run, next(one for one in "0123456789abcdef" if many(run, one)))


def many(run: Path, beginning: str) -> bool:
    both = [*rows(run / "selected.jsonl"), *rows(run / "discarded.jsonl")]
    return len([row for row in both if row["id"].startswith(beginning)]) > 1


async def test_the_tree_does_nothing_to_a_terminal(tmp_path: Path) -> None:
    """Escapes and markup in what models wrote stand there as text, in full and shortened."""
    run = await run_in(tmp_path, 8)
    file = next(one for one in ("selected", "discarded") if rows(run / f"{one}.jsonl"))
    row = rows(run / f"{file}.jsonl")[0]
    row |= {
        "instruction": "\x1b[2J[bold]x[/bold]\u202e\nnext",
        "use_case": "\x9b31m",
        "calls": [["judge", "\x07", 1, 5, None]],
    }
    (run / "dataset.jsonl").write_text("")
    (run / f"{file}.jsonl").write_text(json.dumps(row) + "\n")
    (run / "summary.json").write_text("{}")
    for full in (False, True):
        console = Console(width=200, color_system=None, force_terminal=True)
        with console.capture() as capture:
            print_tree(explanation(run, row["id"]), full=full, console=console)
        text = capture.get()
        assert all(line.isprintable() for line in text.split("\n"))
        assert "\\x1b[2J[bold]x[/bold]\\u202e" in text
        assert "1 calls, 5 input and 0 output tokens" in text


async def test_what_is_in_the_place_of_a_report(tmp_path: Path) -> None:
    """An earlier report is replaced, anything else is left alone; only a run has a report."""
    run = await run_in(tmp_path, 8)
    for _ in range(2):
        write_report(run, run / "report.html", lambda _: None)
    (tmp_path / "thesis.html").write_text("precious")
    with pytest.raises(UsageError, match="something else is there"):
        write_report(run, tmp_path / "thesis.html", lambda _: None)
    assert (tmp_path / "thesis.html").read_text() == "precious"
    with pytest.raises(UsageError, match="no run's directory"):
        write_report(tmp_path, tmp_path / "x.html", lambda _: None)


async def test_a_sample_where_there_are_many(tmp_path: Path) -> None:
    """A page holds so many rows, fairly of each fate, and so many bytes; it says that there are more."""
    reading = read(await run_in(tmp_path))
    fates = [reading.fate(number) for number in choose(reading, 10)]
    assert len(fates) == 10
    assert fates.count("selected") == fates.count("discarded") == 5
    assert sorted(choose(reading, 1000)) == [*range(40)]
    assert "A sample of 10 of 40 rows" in report_page(reading, most=10)
    assert "A sample of 1 of 40 rows" in report_page(reading, most_bytes=1)
