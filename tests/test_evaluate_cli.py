"""``codeclm evaluate`` as a person uses it: tables, agreement, splits, sets of the paper, kills."""

from __future__ import annotations

import asyncio
import csv
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from html.parser import HTMLParser
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from io import StringIO
from pathlib import Path
from threading import Thread

import pytest
from typer.testing import CliRunner

from codeclm.cli import app
from codeclm.errors import CodecLMError
from codeclm.evaluation.settings import load_settings
from codeclm.evaluation.table import FORMATS, Table
from codeclm.last_words import MEND, next_words
from codeclm.run import Finished
from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.evaluating import complete, settings_for, sim, write_answers, write_test_set
from tests.killing import run_to_end, run_until_killed
from tests.loops import ON_UVLOOP
from tests.running import rows


def codeclm(*arguments: object) -> tuple[int, str]:
    """Exit code and output of ``codeclm evaluate``; what it refuses to do is its output."""
    done = CliRunner().invoke(app, ["evaluate", *map(str, arguments)], standalone_mode=False)
    if isinstance(done.exception, CodecLMError):
        return done.exception.exit_code, str(done.exception)
    if done.exception is not None:
        raise done.exception
    return done.return_value or 0, done.output


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A directory with a test set, answers, and two evaluations of them by different judges."""
    path = tmp_path_factory.mktemp("evaluate")
    test_set = write_test_set(path / "set.jsonl", 20)
    candidates = {
        name: {
            "answers": str(write_answers(path / f"{name.strip('<b>')}.jsonl", test_set, quality))
        }
        for name, quality in (("good", 8.5), ("<b>poor", 4))
    }

    async def evaluated() -> None:
        async with SimulatorServer(World(unreadable_share=0)) as server:
            for name, judge in (("one", "strong"), ("two", "judge")):
                judging = {"judge": sim(judge, server.base_url)}
                settings = settings_for(server.base_url, candidates, **judging)
                await complete(path / name, settings, test_set)

    asyncio.run(evaluated())
    return path


def test_the_table_for_a_paper(place: Path) -> None:
    """Markdown with both candidates, by category, and their difference."""
    code, text = codeclm("table", place / "one", "--format", "markdown")
    assert code == 0
    [row] = [
        line for line in text.splitlines() if line.startswith("| good | ") and line.count("|") == 7
    ]
    wins, ties, losses = (int(cell) for cell in row.split(" | ")[1:4])
    assert wins + ties + losses == 20
    assert f"{100 * (wins + ties) / 20:.2f}" == row.split(" | ")[4]
    assert "| good | planning |" in text
    assert "| good | <b>poor | 20 | +" in text


def test_tables_of_several_sets_stand_side_by_side(place: Path) -> None:
    """CRR in one row a candidate and one column an evaluation, as in the paper; equal names are told apart."""
    code, text = codeclm("table", place / "one", place / "two", "--format", "markdown")
    assert code == 0
    title, _, header, _, good, poor = text.splitlines()[:6]
    assert (title, header) == ("**CRR**", "| candidate | set #1 | set #2 |")
    found = [json.loads((place / name / "results.json").read_bytes()) for name in ("one", "two")]
    for at, row in enumerate((good, poor)):
        crr = [each["candidates"][at]["crr"] for each in found]
        assert row.split(" | ")[1:] == [f"{crr[0]:.2f}", f"{crr[1]:.2f} |"]


def test_csv_holds_a_row_for_each_set_and_candidate(place: Path) -> None:
    """It reads back as numbers; a name is no formula."""
    code, text = codeclm("table", place / "one", place / "two", "--format", "csv")
    assert code == 0
    body = [*csv.DictReader(StringIO(text))]
    assert [row["candidate"] for row in body] == ["good", "<b>poor"] * 2
    for row in body:
        assert sum(int(row[name]) for name in ("wins", "ties", "losses", "failed")) == 20
        assert float(row["crr_low"]) <= float(row["crr"]) <= float(row["crr_high"])
    hostile = Table("t", ["name", "crr"], [["=cmd()", "-1.5"], ["+1", "2"]])
    assert FORMATS["csv"](hostile).splitlines()[1:] == ["'=cmd(),-1.5", "'+1,2"]


def test_json_holds_all_figures(place: Path) -> None:
    """What results.json of each holds, in one list."""
    code, text = codeclm("table", place / "one", place / "two", "--format", "json")
    assert code == 0
    one, two = json.loads(text)
    assert one == json.loads((place / "one" / "results.json").read_bytes())
    assert one["judge"] != two["judge"]


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)


def test_the_page_shows_names_and_obeys_none(place: Path) -> None:
    """A candidate's name is no markup; nothing is loaded from elsewhere."""
    code, text = codeclm("table", place / "one", "--format", "html")
    assert code == 0
    page = _Tags()
    page.feed(text)
    assert page.tags.count("table") == 3
    assert "b" not in page.tags
    assert "&lt;b&gt;poor" in text
    assert not {"script", "img", "link", "iframe"} & {*page.tags}


def test_the_screen_shows_the_papers_columns(place: Path) -> None:
    """Wins, ties, losses, CRR."""
    code, text = codeclm("table", place / "one")
    assert code == 0
    assert {"W", "T", "L", "CRR"} <= {*text.split()}


def test_two_judges_agree_more_than_by_chance(place: Path) -> None:
    """Kappas of two judges of one world, and how often each flips."""
    code, text = codeclm("agreement", place / "one", place / "two", "--json")
    assert code == 0
    made = json.loads(text)
    assert made["items"] == 40
    assert made["kappa"] > 0.4
    assert made["quadratic"] >= made["kappa"] - 0.1
    assert {Path(name).name for name in made["flips"]} == {"one", "two"}
    assert codeclm("agreement", place / "one", place / "one", "--json")[1].startswith(
        '{"items": 40, "raw": 1.0'
    )


def test_people_and_a_judge_are_compared(place: Path, tmp_path: Path) -> None:
    """Labels without a candidate are of the only one, which --candidate chooses."""
    judged = rows(place / "one" / "judgements.jsonl")
    labels = tmp_path / "labels.csv"
    lines = [f"{row['item']},{row['outcome']}" for row in judged if row["candidate"] == "good"]
    labels.write_text("\n".join(["id,label", *lines[:15]]))
    code, text = codeclm("agreement", place / "one", labels)
    assert code == 2
    assert "add a column candidate, or give --candidate" in text
    code, text = codeclm("agreement", place / "one", labels, "--candidate", "good", "--json")
    made = json.loads(text)
    assert (made["items"], made["raw"], made["only_first"], made["only_second"]) == (15, 1.0, 5, 0)
    code, text = codeclm("agreement", place / "one", labels, "--candidate", "good")
    assert "Cohen's kappa" in text


def test_a_split_is_written_once(tmp_path: Path) -> None:
    """Seeds and test items, which codeclm run and evaluate read; another file of the name is not overwritten."""
    test_set = write_test_set(tmp_path / "set.jsonl", 20)
    code, text = codeclm("split", test_set, "-o", tmp_path / "sets")
    assert (code, text.count("items")) == (0, 2)
    seeds, rest = (rows(tmp_path / "sets" / f"set.{name}.jsonl") for name in ("seeds", "test"))
    assert (len(seeds), len(rest)) == (4, 16)
    assert sorted(row["id"] for row in seeds + rest) == sorted(row["id"] for row in rows(test_set))
    assert all(row["category"] for row in seeds + rest)
    assert codeclm("split", test_set, "-o", tmp_path / "sets")[0] == 0
    code, text = codeclm("split", test_set, "-o", tmp_path / "sets", "--seeds", "0.5")
    assert code == 2
    assert "there is another file of this name" in text
    assert len(rows(tmp_path / "sets" / "set.seeds.jsonl")) == 4


@contextmanager
def served(directory: Path) -> Iterator[str]:
    """The files of ``directory`` on loopback."""

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=directory)) as server:
        thread = Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_a_set_of_the_paper_is_fetched_and_checked(tmp_path: Path, benchmark_seeds: Path) -> None:
    """As published, from a URL or a file; another set, or one that was changed, is refused and nothing is written."""
    published = tmp_path / "question.jsonl"
    lines = [
        {
            "question_id": int(row["id"].split("_")[1]),
            "category": row["category"],
            "turns": [row["instruction"]],
        }
        for row in rows(benchmark_seeds / "vicuna.jsonl")
    ]
    published.write_text("".join(json.dumps(line) + "\n" for line in lines))
    with served(tmp_path) as url:
        code, text = codeclm(
            "fetch", "vicuna", "--from", f"{url}/question.jsonl", "-o", tmp_path / "a.jsonl"
        )
        assert (code, "80 items" in text, "Apache-2.0" in text) == (0, True, True)
        code, text = codeclm(
            "fetch", "vicuna", "--from", f"{url}/no.jsonl", "-o", tmp_path / "b.jsonl"
        )
        assert (code, "cannot be downloaded" in text) == (2, True)
        secret = url.replace("//", "//user:hush@") + "/a.jsonl.torn?token=hush"
        (tmp_path / "a.jsonl.torn").write_text("no JSON")
        code, text = codeclm("fetch", "vicuna", "--from", secret, "-o", tmp_path / "b.jsonl")
        assert (code, "hush" in text, str(tmp_path) in text) == (2, False, False)
    assert rows(tmp_path / "a.jsonl") == rows(benchmark_seeds / "vicuna.jsonl")
    for name, place in (("koala", published), ("vicuna", benchmark_seeds / "koala.jsonl")):
        code, text = codeclm("fetch", name, "--from", place, "-o", tmp_path / "b.jsonl")
        assert (code, "as the paper has it" in text) == (2, True)
    assert not (tmp_path / "b.jsonl").exists()
    assert codeclm("fetch", "mmlu", "--from", published)[0] == 2


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--candidate", "openai:a@http://127.0.0.1:9/v1"), "no reference; give --reference"),
        (("--reference", "openai:a@http://127.0.0.1:9/v1"), "no candidates; give --candidate"),
        (("--candidate", "good.jsonl", "--reference", "good.jsonl"), "no judge"),
        (("--candidate", "x=good.jsonl", "--candidate", "x=good.jsonl", "--reference", "openai:a"), "called 'x'"),
        (("--candidate", "few.jsonl", "--reference", "openai:a@http://127.0.0.1:9/v1"), "no answer to 19 of 20 items"),
        (("--candidate", "gone.jsonl", "--reference", "openai:a@http://127.0.0.1:9/v1"), "gone.jsonl: cannot be read"),
        (("--config", "typo.yaml"), "unknown setting 'refrence'; did you mean 'reference'?"),
        (("--config", "typo2.yaml"), "unknown setting 'candidates.a.modle'; did you mean 'model'?"),
    ],
)  # fmt: skip
def test_what_must_be_mended_is_one_line(
    place: Path, arguments: tuple[str, ...], message: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 2, what and where; no directory is made."""
    monkeypatch.chdir(place)
    (place / "few.jsonl").write_text('{"id": "item-3", "response": "x"}\n')
    (place / "typo.yaml").write_text(
        "candidates: {a: {answers: good.jsonl}}\nreference: {model: 'openai:a'}\nrefrence: 1\n"
    )
    (place / "typo2.yaml").write_text(
        "candidates: {a: {modle: x, model: 'openai:a'}}\nreference: {model: 'openai:a'}\n"
    )
    code, text = codeclm("set.jsonl", "-o", "new", *arguments)
    assert (code, "\n" in text) == (2, False)
    assert message in text
    assert not (place / "new").exists()


@pytest.mark.anyio
@ON_UVLOOP
async def test_a_kill_changes_nothing(tmp_path: Path) -> None:
    """Killed and resumed: rows and results are byte for byte those of the undisturbed evaluation, and what is paid
    twice is what was in flight."""
    test_set = write_test_set(tmp_path / "set.jsonl", 16)
    options = ServerOptions(latency_s=0.01, latency_jitter=1, record_calls=True)
    config = tmp_path / "evaluation.yaml"
    async with SimulatorServer(World(), options) as server:
        spec = {"max_in_flight": 6, "send_seed": True}
        tree = {
            "candidates": {
                name: sim(name, server.base_url, **spec) for name in ("target", "judge")
            },
            "reference": sim("strong", server.base_url, **spec),
        }
        config.write_text(json.dumps(tree))
        settings = load_settings(config, {})
        await complete(tmp_path / "whole", settings, test_set)
        needed = server.log.answered
        command = [sys.executable, "-m", "codeclm", "evaluate", str(test_set)]
        command += ["--config", str(config), "--progress", "none"]
        parts = tmp_path / "parts"
        assert await run_until_killed(command, parts, server, needed + needed // 2)
        with (parts / "judged.jsonl").open("ab") as file:
            file.write(b'{"id": "torn')
        assert await run_to_end(command, parts) == 0
        assert server.log.answered <= 2 * needed + 3 + 2 * 18
        asked = server.log.requests
        await complete(parts, settings, test_set)
        assert server.log.requests == asked
    for name in ("judgements.jsonl", "results.json"):
        assert (parts / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()


@pytest.mark.parametrize(
    ("finished", "words"),
    [
        (Finished(0, {}, None), []),
        (Finished(4, {}, None, "SIGINT"), ["run it again"]),
        (Finished(MEND, {}, None, "the key is refused"), ["mend that, then run it again"]),
        (Finished(5, {}, None, "the budget is spent; raise it", says_how=True), []),
    ],
)
def test_what_to_do_next_is_said_once(finished: Finished, words: list[str]) -> None:
    """Of runs and evaluations alike: nothing where all is done, or where the reason says it."""
    assert next_words(finished, "run it again") == words
