"""Exports: what trainers load, what a card may say, and that nothing is ever written over."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from codeclm.errors import UsageError
from codeclm.export.command import ExportOrder, export_run
from codeclm.export.formats import FORMATS, Wording
from codeclm.export.markdown import code_block, inline
from codeclm.rethreshold.command import rethreshold_run
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.world import World
from tests.running import complete, contents, rows, seeds, settings_for

ROOT = Path(__file__).resolve().parents[1]

EVIL = (
    "---\nlicense: mit\n---\n</script><script>alert(1)</script> | cell ` ``` ~~~ \n# Title\n"
    "[x](javascript:alert(1)) ![y](https://e.vil/x.png) {{ 7*7 }} <img src=x onerror=alert(1)> \u202e"
)


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of forty instructions."""

    async def make(directory: Path) -> None:
        async with SimulatorServer(World()) as server:
            method = {"total": 40, "augment_to": 0}
            await complete(directory, settings_for(server.base_url, method=method), seeds(10))

    directory = tmp_path_factory.mktemp("run") / "first"
    asyncio.run(make(directory))
    return directory


def export(run: Path, output: Path, form: str = "messages", **more: Any) -> list[str]:
    said: list[str] = []
    export_run(ExportOrder(run, form, output, **more), said.append)
    return said


def header(directory: Path) -> dict[str, Any]:
    """The YAML header of a card."""
    start, text, _ = (directory / "README.md").read_text("utf-8").split("---\n", 2)
    assert not start
    tree: dict[str, Any] = yaml.safe_load(text)
    return tree


def load(directory: Path, cache: Path) -> Any:
    """The dataset as anybody loads it, with no word but the directory."""
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    datasets = pytest.importorskip("datasets", reason="pip install datasets")
    datasets.disable_progress_bars()
    return datasets.load_dataset(str(directory), cache_dir=str(cache))


EXPECTED = {
    "alpaca": {"instruction", "input", "output"},
    "sharegpt": {"conversations"},
    "messages": {"messages"},
    "prompt-completion": {"prompt", "completion"},
    "dpo": {"prompt", "chosen", "rejected"},
    "kto": {"prompt", "completion", "label"},
}


@pytest.mark.parametrize("form", FORMATS)
def test_each_format_loads(finished: Path, tmp_path: Path, form: str) -> None:
    """``datasets`` loads it with both splits, as many rows as were told, and the columns that trainers look for."""
    export(finished, tmp_path / "out", form, split=0.2)
    told = json.loads((tmp_path / "out" / "export.json").read_text())["records"]
    data = load(tmp_path / "out", tmp_path / "cache")
    assert {split: len(data[split]) for split in data} == told
    columns = set(data["train"].column_names)
    assert columns == EXPECTED.get(form, columns | {"messages", "id", "history", "scores"})
    selected = {row["id"]: row for row in rows(finished / "dataset.jsonl")}
    if form in {"parquet", "hf"}:
        for row in [*data["train"], *data["test"]]:
            original = selected.pop(row["id"])
            assert [turn["content"] for turn in row["messages"]] == [
                original["instruction"],
                original["response"],
            ]
            assert {name: row[name] for name in original if name in row} == {
                name: value for name, value in original.items() if name in row
            }
        assert not selected
    elif form != "dpo" and form != "kto":
        assert sum(told.values()) == len(selected)


@pytest.mark.parametrize("form", ["prompt-completion", "dpo", "kto"])
def test_plain_texts_and_messages_hold_the_same(finished: Path, tmp_path: Path, form: str) -> None:
    """Plain, a record holds the texts that stand in the messages otherwise, after the system prompt."""
    export(finished, tmp_path / "plain", form, wording=Wording(plain=True))
    export(finished, tmp_path / "chat", form, wording=Wording(system="Be kind."))
    plain, chat = (rows(tmp_path / name / "train.jsonl") for name in ("plain", "chat"))
    system = {"role": "system", "content": "Be kind."}
    for texts, messages in zip(plain, chat, strict=True):
        for name, text in texts.items():
            if name == "label":
                assert messages[name] is text
            else:
                role = "user" if name == "prompt" else "assistant"
                turns = [{"role": role, "content": text}]
                assert messages[name] == ([system, *turns] if name == "prompt" else turns)


def test_preferences_are_all_comparisons_that_were_decided(finished: Path, tmp_path: Path) -> None:
    """Of each instruction, selected or discarded, each iteration whose gap is large enough, the winner first."""
    expected = set()
    for name in ("dataset", "discarded"):
        for row in rows(finished / f"{name}.jsonl"):
            for one in [*row["history"], row]:
                pair = (one["strong_response"], one["target_response"])
                if abs(one["gap"]) > 2:
                    expected.add((one["instruction"], *(pair if one["gap"] > 0 else pair[::-1])))
    plain = Wording(plain=True)
    export(finished, tmp_path / "dpo", "dpo", min_gap=2.0, wording=plain)
    found = rows(tmp_path / "dpo" / "train.jsonl")
    assert {(one["prompt"], one["chosen"], one["rejected"]) for one in found} == expected
    assert len(found) == len(expected) > 0
    export(finished, tmp_path / "kto", "kto", min_gap=2.0, wording=plain)
    split = rows(tmp_path / "kto" / "train.jsonl")
    assert {(one["prompt"], one["completion"]) for one in split if one["label"]} == {
        (prompt, chosen) for prompt, chosen, _ in expected
    }
    assert len(split) == 2 * len(expected)


def test_nobody_learns_from_a_refusal_or_a_repeat(finished: Path, tmp_path: Path) -> None:
    """The target's win is no preference where it refused, was cut off or said nothing; nor is any of a repeat."""
    run = tmp_path / "run"
    run.mkdir()
    for path in finished.glob("*.json*"):
        (run / path.name).write_bytes(path.read_bytes())
    plain = next(row for row in rows(run / "discarded.jsonl") if row["iteration"] == 4)
    won = {**plain, "gap": -5.0, "history": []}
    changes: tuple[dict[str, Any], ...] = (
        *({"target_refused": True}, {"target_cut_off": True}, {"target_response": " "}),
        *({"repeats": "another"}, {}),
    )
    made = [{**won, "id": f"{n:016x}", **change} for n, change in enumerate(changes)]
    (run / "dataset.jsonl").write_text("")
    (run / "discarded.jsonl").write_text("".join(json.dumps(row) + "\n" for row in made))
    export(run, tmp_path / "out", "dpo", wording=Wording(plain=True))
    (only,) = rows(tmp_path / "out" / "train.jsonl")
    assert only["chosen"] == won["target_response"]
    left_out = json.loads((tmp_path / "out" / "export.json").read_text())["left_out"]
    assert sorted(left_out.values()) == [1, 3]


def test_only_and_min_gap_choose(finished: Path, tmp_path: Path) -> None:
    """What is left out is counted, by reason; where nothing is left nothing is written."""
    all_rows = rows(finished / "dataset.jsonl")
    wanted = [row for row in all_rows if row["responder"] == "strong" and abs(row["gap"]) > 4]
    said = export(finished, tmp_path / "out", only="strong", min_gap=4.0)
    found = rows(tmp_path / "out" / "train.jsonl")
    assert [one["messages"][1]["content"] for one in found] == [row["response"] for row in wanted]
    left_out = json.loads((tmp_path / "out" / "export.json").read_text())["left_out"]
    assert sum(left_out.values()) == len(all_rows) - len(wanted)
    assert any(line.startswith("left out: ") for line in said)
    with pytest.raises(UsageError, match=r"nothing to export: the gap is not above --min-gap: \d+"):
        export(finished, tmp_path / "none", min_gap=9.0)
    assert not (tmp_path / "none").exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["out"]


def test_splits_and_order_depend_on_ids_and_seed_alone(finished: Path, tmp_path: Path) -> None:
    """Sorted by id or shuffled by a seed, the same bytes each time; an instruction is wholly in one split."""
    export(finished, tmp_path / "a", "hf", split=0.3)
    export(finished, tmp_path / "b", "hf", split=0.3)
    assert contents(tmp_path / "a" / "data") == contents(tmp_path / "b" / "data")
    plain = Wording(plain=True)
    for name, seed in (("sorted", None), ("one", 1), ("again", 1), ("two", 2)):
        export(finished, tmp_path / name, "kto", split=0.3, shuffle=seed, wording=plain)
    one, again = (contents(tmp_path / name) for name in ("one", "again"))
    assert one["train.jsonl"] == again["train.jsonl"] != contents(tmp_path / "two")["train.jsonl"]
    by_name = {name: (tmp_path / name / "test.jsonl").read_text() for name in ("sorted", "one")}
    assert sorted(by_name["sorted"].splitlines()) == sorted(by_name["one"].splitlines())
    train, test = (rows(tmp_path / "one" / f"{name}.jsonl") for name in ("train", "test"))
    origin = {}
    for name in ("dataset", "discarded"):
        for row in rows(finished / f"{name}.jsonl"):
            origin.update({step["instruction"]: row["id"] for step in [*row["history"], row]})
    assert {origin[row["prompt"]] for row in train}.isdisjoint(
        origin[row["prompt"]] for row in test
    )


def test_what_is_there_is_never_written_over(finished: Path, tmp_path: Path) -> None:
    """Only an earlier export goes, and only by --force; whatever else is there stays, force or not."""
    export(finished, tmp_path / "out", "alpaca")
    before = contents(tmp_path / "out")
    with pytest.raises(UsageError, match="or --force"):
        export(finished, tmp_path / "out")
    assert contents(tmp_path / "out") == before
    export(finished, tmp_path / "out", force=True)
    assert contents(tmp_path / "out").keys() == before.keys() != set()
    assert contents(tmp_path / "out") != before
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years of work")
    (tmp_path / "link").symlink_to(mine)
    for place in (mine, tmp_path / "link", mine / "thesis.txt", finished):
        with pytest.raises(UsageError, match=r"not empty|no directory"):
            export(finished, place, force=True)
    assert (mine / "thesis.txt").read_text() == "years of work"
    with pytest.raises(UsageError, match="without an ending"):
        export(finished, tmp_path / "train.jsonl")


def test_a_stopped_run_and_a_selection_are_exported_too(finished: Path, tmp_path: Path) -> None:
    """The first says that it is not complete; the second is another theta's examples."""
    stopped = tmp_path / "stopped"
    stopped.mkdir()
    for path in finished.glob("*.json*"):
        (stopped / path.name).write_bytes(path.read_bytes())
    summary = json.loads((stopped / "summary.json").read_text())
    (stopped / "summary.json").write_text(json.dumps({**summary, "state": "running"}))
    with (stopped / "selected.jsonl").open("ab") as file:
        file.write(b'{"id": "torn')
    said = export(stopped, tmp_path / "so-far")
    assert said[0].endswith("the run is not complete; this is what is on record so far")
    assert "was not complete" in (tmp_path / "so-far" / "README.md").read_text()
    export(finished, tmp_path / "whole")
    assert (
        contents(tmp_path / "so-far")["train.jsonl"] == contents(tmp_path / "whole")["train.jsonl"]
    )
    selection = tmp_path / "at-1"
    rethreshold_run(
        finished,
        theta=1.0,
        winners={"strong", "target"},
        output=selection,
        as_json=True,
        tell=lambda _: None,
    )
    export(selection, tmp_path / "at-1-out")
    exported = rows(tmp_path / "at-1-out" / "train.jsonl")
    assert len(exported) == len(rows(selection / "dataset.jsonl")) > summary["counts"]["selected"]


def test_a_method_without_a_judge_has_examples_and_no_preferences(tmp_path: Path) -> None:
    """What a baseline made is exported, its card names the method; comparisons and another theta it has none."""

    async def make(directory: Path) -> None:
        async with SimulatorServer(World()) as server:
            method = {"name": "tree-instruct", "total": 8}
            await complete(directory, settings_for(server.base_url, method=method), seeds(4))

    asyncio.run(make(tmp_path / "run"))
    export(tmp_path / "run", tmp_path / "out", "hf")
    card = (tmp_path / "out" / "README.md").read_text()
    assert "Tree-Instruct (arXiv 2308.05696)" in card
    assert "theta" not in card
    with pytest.raises(UsageError, match="nothing is on record that this format is made of"):
        export(tmp_path / "run", tmp_path / "dpo", "dpo")
    with pytest.raises(UsageError, match="nothing was judged"):
        rethreshold_run(
            tmp_path / "run",
            theta=1.0,
            winners={"strong"},
            output=None,
            as_json=True,
            tell=lambda _: None,
        )


def poisoned(finished: Path, directory: Path) -> Path:
    """The run with a text that would take the card over, wherever a model or a user writes."""
    directory.mkdir()
    for path in finished.glob("*.jsonl"):
        changed = []
        for row in rows(path):
            row |= {"instruction": EVIL, "response": EVIL, "use_case": EVIL}
            changed.append(json.dumps(row))
        (directory / path.name).write_text("\n".join(changed) + "\n")
    settings = json.loads((finished / "settings.json").read_text())
    settings["settings"]["method"]["language"] = EVIL
    settings["settings"]["method"]["system_prompt"] = EVIL
    settings["settings"]["models"]["strong"]["model"] = f"openai:{EVIL}@http://10.9.8.7:1/v1"
    (directory / "settings.json").write_text(json.dumps(settings))
    (directory / "summary.json").write_bytes((finished / "summary.json").read_bytes())
    return directory


def test_the_card_is_nobody_elses_to_write(finished: Path, tmp_path: Path) -> None:
    """No text of a model or a user changes the header, starts a line, ends a block, or becomes HTML or a link."""
    run = poisoned(finished, tmp_path / "run")
    export(run, tmp_path / "out", split=0.2, shuffle=1)
    assert header(tmp_path / "out")["license_name"] == "to-be-chosen"
    assert "language" not in header(tmp_path / "out")
    text = (tmp_path / "out" / "README.md").read_text("utf-8")
    outside, inside_block = [], ""
    for line in text.splitlines():
        if inside_block:
            inside_block = "" if line == inside_block else inside_block
        elif line.startswith("```"):
            inside_block = "`" * (len(line) - len(line.lstrip("`")))
        else:
            outside.append(line)
    assert not inside_block
    prose = "\n".join(outside)
    for mark in ("<script", "<img", "](", "\u202e", "\n# Title", "10.9.8.7"):
        assert mark not in prose
    assert sum(line == "---" for line in outside) == 2
    assert sum(line.startswith("# ") for line in outside) == 1


def test_the_header_says_what_is_known(finished: Path, tmp_path: Path) -> None:
    """Licence and language where they are given, size, files of each split; the body has models, prompts and counts."""
    settings = json.loads((finished / "settings.json").read_text())
    settings["settings"]["method"]["language"] = "de"
    run = tmp_path / "run"
    run.mkdir()
    for path in finished.glob("*.jsonl"):
        (run / path.name).write_bytes(path.read_bytes())
    (run / "summary.json").write_bytes((finished / "summary.json").read_bytes())
    (run / "settings.json").write_text(json.dumps(settings))
    export(run, tmp_path / "out", "dpo", licence="cc-by-4.0", split=0.2)
    head = header(tmp_path / "out")
    assert head["license"] == "cc-by-4.0"
    assert head["language"] == ["de"]
    assert head["size_categories"] == ["n<1K"]
    assert head["configs"][0]["data_files"] == [
        {"split": "train", "path": "train.jsonl"},
        {"split": "test", "path": "test.jsonl"},
    ]
    text = (tmp_path / "out" / "README.md").read_text()
    assert settings["decisive"]["prompt.judge"] in text
    assert inline("openai:sim-strong") in text
    assert "DPOTrainer" in text


@pytest.mark.parametrize("form", ["alpaca", "sharegpt", "messages"])
def test_llama_factory_is_told_of_each_split(finished: Path, tmp_path: Path, form: str) -> None:
    """Each entry of dataset_info.json names a file that is there and columns that it has."""
    export(finished, tmp_path / "out", form, split=0.2, wording=Wording(system="Be kind."))
    info = json.loads((tmp_path / "out" / "dataset_info.json").read_text())
    assert info.keys() == {"codeclm_train", "codeclm_test"}
    for entry in info.values():
        first = rows(tmp_path / "out" / entry["file_name"])[0]
        assert {*entry["columns"].values()} == first.keys()


def test_markdown_shows_and_does_not_obey() -> None:
    """Inline text is one line without marks; a block's fence is longer than any in it."""
    assert "\n" not in inline(EVIL)
    assert "<" not in inline(EVIL)
    assert inline("a|b") == r"a\|b"
    block = code_block("``````\nx", "json").splitlines()
    assert block[0] == "```````json"
    assert block[-1] == "```````"


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"split": 1.0}, "below 1"),
        ({"wording": Wording(plain=True)}, "has no such form"),
        ({"form": "dpo", "wording": Wording("x", plain=True)}, "no place for --system"),
        ({"push": "not a repository"}, "no OWNER/NAME"),
        ({"split": 0.000001}, "is in test; give another --split"),
    ],
)
def test_what_cannot_be_is_refused(
    finished: Path, tmp_path: Path, more: dict[str, Any], message: str
) -> None:
    """Before anything is written."""
    with pytest.raises(UsageError, match=message):
        export(finished, tmp_path / "out", **more)
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [(["--push", "me/data"], "no token for the hub"), (["--public"], "give --push")],
)
def test_nothing_is_pushed_without_leave(
    finished: Path, tmp_path: Path, arguments: list[str], message: str
) -> None:
    """One line and exit code 2 from the command; nothing is written, nobody is asked over the network."""
    done = command(finished, tmp_path, *arguments)
    assert done.returncode == 2
    assert message in done.stderr
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("library", "arguments"),
    [("pyarrow", ["--format", "parquet"]), ("huggingface_hub", ["--push", "me/data"])],
)
def test_a_missing_extra_is_named(
    finished: Path, tmp_path: Path, library: str, arguments: list[str]
) -> None:
    """With the command that installs it, before anything is written."""
    done = command(finished, tmp_path, *arguments, without=library)
    assert done.returncode == 2
    assert f"needs {library}: pip install 'codeclm[hf]'" in done.stderr
    assert not (tmp_path / "out").exists()


def command(
    run: Path, directory: Path, *arguments: str, without: str = ""
) -> subprocess.CompletedProcess[str]:
    """``codeclm export`` in a process of its own, where ``without`` cannot be imported."""
    start = (
        f"import sys; sys.modules[{without!r}] = None; sys.argv[0] = 'codeclm'; "
        "from codeclm.__main__ import main; main()"
    )
    environment = {name: value for name, value in os.environ.items() if "TOKEN" not in name}
    return subprocess.run(
        [sys.executable, "-c", start, "export", str(run), "-o", "out", *arguments],
        cwd=directory,
        env={**environment, "PYTHONPATH": str(ROOT), "HF_HUB_OFFLINE": "1", "HF_HOME": "nowhere"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
