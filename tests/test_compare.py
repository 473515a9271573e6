"""Comparisons from seeds to tables: equal sizes over one cache, training sets, and what a trained model is worth.

The models and their fine-tuning are simulated: these are facts about the comparison, not about any language model.
"""

from __future__ import annotations

import asyncio
import json
import signal
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner

from codeclm.cli import app
from codeclm.comparison.compare import Compared, CompareOrder, compare
from codeclm.comparison.place import Place
from codeclm.comparison.settings import TrainingSettings, load_comparison
from codeclm.comparison.simulated import simulated_models
from codeclm.comparison.training import axolotl_configuration, trl_configuration
from codeclm.comparison.variants import GROUPS
from codeclm.comparison.worlds import interval_of_mean, summary_of, world_tables
from codeclm.errors import UsageError
from codeclm.progress import NoView
from codeclm.run import Stopper
from codeclm.simulator import SimulatorServer, World
from tests.loops import ON_UVLOOP
from tests.running import rows

SMALL = """
method: {augment_to: 0}
compare:
  size: 10
  groups: []
  variants:
    codeclm: {method: {total: 60}}
    metadata: {method: {total: 20, self_rubrics: false, contrastive_filtering: false}}
"""


def written(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


async def compared(place: Path, config: Path, world_seed: int = 0, **world: bool) -> Compared:
    """A comparison in the simulated world."""
    place.mkdir(exist_ok=True)
    evenly_weak = world.get("evenly_weak", False)
    async with simulated_models(Place(place), world_seed, evenly_weak=evenly_weak) as models:
        seeds = written(place / "downstream.jsonl", lines(World(world_seed), 60))
        comparison = load_comparison(config, {})
        order = CompareOrder(seeds, "instruction", comparison, Place(place), models)
        return await compare(order, NoView(), Stopper())


@ON_UVLOOP
@pytest.mark.anyio
async def test_sets_of_equal_size_come_out_and_are_judged(tmp_path: Path) -> None:
    """Each variant's set has as many examples, in the forms of both trainers; again, nothing is asked or changed."""
    config = written(tmp_path / "compare.yaml", SMALL)
    place = tmp_path / "out"
    first = await compared(place, config)
    assert first.results is not None
    assert first.exit_code == 0
    names = [one["name"] for one in first.results["variants"]]
    assert names == ["codeclm", "metadata"]
    for name in names:
        data = rows(place / "train" / name / "dataset.jsonl")
        assert len(data) == first.results["size"] == 10
        whole = rows(place / "runs" / name / "dataset.jsonl")
        assert data == whole[:10]
        trl = rows(place / "train" / name / "trl" / "data" / "train.jsonl")
        axolotl = rows(place / "train" / name / "axolotl" / "train.jsonl")
        for row, prompt, chat in zip(data, trl, axolotl, strict=True):
            assert prompt["prompt"] + prompt["completion"] == chat["messages"]
            assert [one["content"] for one in chat["messages"]] == [
                row["instruction"],
                row["response"],
            ]
    items = rows(place / "test.jsonl")
    assert len(items) == 48
    assert not {row["instruction"] for row in items} & {
        row["instruction"] for row in rows(place / "seeds" / "100.jsonl")
    }
    for one in first.results["variants"]:
        figures = one["evaluation"]
        assert figures["wins"] + figures["ties"] + figures["losses"] == figures["total"] == 48
    before = {path: path.read_bytes() for path in place.rglob("*.jsonl")}
    again = await compared(place, config)
    assert again.results is not None
    assert again.results == first.results
    assert {path: path.read_bytes() for path in place.rglob("*.jsonl")} == before


@ON_UVLOOP
@pytest.mark.anyio
async def test_a_second_comparison_makes_no_call(tmp_path: Path) -> None:
    """Once it is complete, no server need be there."""
    config = written(tmp_path / "compare.yaml", SMALL)
    world = World()
    async with SimulatorServer(world) as server:
        text = SMALL + "  seed_share: 0.4\n" + models(server.base_url)
        written(config, text)
        seeds = written(tmp_path / "seeds.jsonl", lines(world, 40))
        order = CompareOrder(
            seeds, "instruction", load_comparison(config, {}), Place(tmp_path / "out")
        )
        first = await compare(order, NoView(), Stopper())
    again = await compare(order, NoView(), Stopper())
    assert first.results is not None
    assert again.results == first.results
    assert first.untrained == again.untrained == ("codeclm", "metadata")
    assert all(one["evaluation"] is None for one in first.results["variants"])


def models(base_url: str) -> str:
    spec = {party: f"openai:sim-{party}@{base_url}" for party in ("strong", "target")}
    return "models:\n" + "".join(
        f'  {party}: {{model: "{name}", send_seed: true}}\n' for party, name in spec.items()
    )


def lines(world: World, number: int) -> str:
    return "".join(json.dumps({"instruction": text}) + "\n" for text in world.seeds(number))


@ON_UVLOOP
@pytest.mark.anyio
async def test_a_comparison_that_is_killed_goes_on_to_the_same_tables(tmp_path: Path) -> None:
    """SIGKILL in the data of the first variant, and again later: the figures are those of an undisturbed one."""
    config = written(tmp_path / "compare.yaml", SMALL)
    whole = await compared(tmp_path / "whole", config)
    assert whole.results is not None
    parts = tmp_path / "parts"
    seeds = str(tmp_path / "whole" / "downstream.jsonl")
    command = [sys.executable, "-m", "codeclm", "compare", seeds, "-o", str(parts), "--simulated"]
    command += ["--config", str(config), "--progress", "none"]
    for sign in ("runs/codeclm/selected.jsonl", "evaluation/judged.jsonl"):
        child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
        while child.returncode is None and not has_lines(parts / sign, 5):
            await asyncio.sleep(0.001)
        if child.returncode is None:
            child.send_signal(signal.SIGKILL)
        await child.wait()
    child = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.DEVNULL)
    assert await child.wait() == 0
    results = json.loads((parts / "results.json").read_bytes())
    for one, other in zip(results["variants"], whole.results["variants"], strict=True):
        assert one["evaluation"] == other["evaluation"]
        assert one["examples"] == other["examples"]


def has_lines(path: Path, number: int) -> bool:
    return path.exists() and path.read_bytes().count(b"\n") >= number


@ON_UVLOOP
@pytest.mark.anyio
async def test_answers_of_trained_models_are_taken_from_files(tmp_path: Path) -> None:
    """What a model answered elsewhere is judged; a variant without a model waits for one, and is named."""
    config, world = tmp_path / "compare.yaml", World()
    async with SimulatorServer(world) as server:
        plain = SMALL + "  seed_share: 0.4\n" + models(server.base_url)
        written(config, plain)
        seeds = written(tmp_path / "seeds.jsonl", lines(world, 40))
        place = Place(tmp_path / "out")
        order = CompareOrder(seeds, "instruction", load_comparison(config, {}), place)
        await compare(order, NoView(), Stopper())
        answers = tmp_path / "answers.jsonl"
        answers.write_text(
            "".join(
                json.dumps({"id": row["id"], "response": "I do not know."}) + "\n"
                for row in rows(place.test_set)
            )
        )
        given = f'  candidates: {{metadata: {{answers: "{answers}"}}}}\n'
        written(config, plain.replace("models:\n", given + "models:\n", 1))
        order = CompareOrder(seeds, "instruction", load_comparison(config, {}), place)
        ended = await compare(order, NoView(), Stopper())
    assert ended.results is not None
    assert ended.untrained == ("codeclm",)
    by_name = {one["name"]: one["evaluation"] for one in ended.results["variants"]}
    assert by_name["codeclm"] is None
    assert by_name["metadata"]["losses"] > by_name["metadata"]["total"] / 2


def test_trainers_get_the_papers_settings() -> None:
    """AdamW 0.9/0.95, 15 epochs, 1e-5 falling in a line to 1e-6, 64 examples a step, 2,048 tokens."""
    settings = TrainingSettings.model_validate({"per_device": 2, "devices": 4})
    trl = yaml.safe_load(trl_configuration(settings, "data", "model"))
    axolotl = yaml.safe_load(axolotl_configuration(settings, "train.jsonl", "model"))
    for made in (trl, axolotl):
        assert (made["adam_beta1"], made["adam_beta2"]) == (0.9, 0.95)
        assert made["learning_rate"] == 1e-5
        assert made["lr_scheduler_kwargs"] == {"lr_end": 1e-6, "power": 1.0}
        assert made["gradient_accumulation_steps"] * 2 * 4 == 64
    assert (trl["num_train_epochs"], trl["max_length"]) == (15, 2048)
    assert (axolotl["num_epochs"], axolotl["sequence_len"]) == (15, 2048)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("compare: {sise: 3}", "'compare.sise'; did you mean 'size'"),
        ("compare: {size: 0}", "compare.size"),
        ("compare: {groups: [all]}", "compare.groups"),
        ("compare: [1]", "compare is no mapping"),
        ("compare: {candidates: {codeclm: {answer: x}}}", "compare.candidates.codeclm"),
    ],
)
def test_a_wrong_section_is_named(tmp_path: Path, text: str, error: str) -> None:
    """In one line, with the file and the setting."""
    file = written(tmp_path / "compare.yaml", text)
    with pytest.raises(UsageError, match=error) as raised:
        load_comparison(file, {})
    assert str(file) in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"candidates": {"codclm": {"answers": "x.jsonl"}}}, "no variant is called 'codclm'"),
        ({"variants": {"../up": {}}}, "is no name for a directory"),
        ({"variants": {"last": {"method": {"thata": 3}}}}, "^variant last: .*'method.thata'"),
        ({"variants": {"last": {"method": 3}}}, "^variant last: "),
        (
            {"variants": {"last": {"method": {"name": "wizardlm", "rounds": "many"}}}},
            "^variant last: .*rounds",
        ),
    ],
)
@ON_UVLOOP
@pytest.mark.anyio
async def test_what_can_be_seen_before_is_told_before(
    tmp_path: Path, change: dict[str, Any], error: str
) -> None:
    """Nothing is asked, and nothing written."""
    file = written(tmp_path / "compare.yaml", SMALL + models("http://127.0.0.1:9/v1"))
    tree = yaml.safe_load(file.read_text())
    tree["compare"] |= change
    file.write_text(yaml.safe_dump(tree))
    seeds = written(tmp_path / "seeds.jsonl", lines(World(), 10))
    order = CompareOrder(seeds, "instruction", load_comparison(file, {}), Place(tmp_path / "out"))
    with pytest.raises(UsageError, match=error):
        await compare(order, NoView(), Stopper())
    assert not (tmp_path / "out").exists()


def test_a_spent_budget_says_itself_how_to_go_on(tmp_path: Path) -> None:
    """The same command would be stopped at once: only what the budget's own words say leads on."""
    config = written(tmp_path / "compare.yaml", f"{SMALL}\nbudget: {{max_calls: 5}}\n")
    arguments = ["compare", "--simulated", "--config", str(config), "-o", str(tmp_path / "out")]
    ended = CliRunner().invoke(app, arguments, standalone_mode=False)
    assert ended.return_value == 5, ended.output
    assert "the budget of 5 calls is used up" in ended.output
    assert "run the same command" not in ended.output


@ON_UVLOOP
@pytest.mark.anyio
async def test_another_ones_directory_is_left_alone(tmp_path: Path) -> None:
    """A directory with other things in it is refused; so is a comparison in another simulated world."""
    config = written(tmp_path / "compare.yaml", SMALL + models("http://127.0.0.1:9/v1"))
    (tmp_path / "out").mkdir()
    written(tmp_path / "out" / "thesis.txt", "mine")
    seeds = written(tmp_path / "seeds.jsonl", lines(World(), 10))
    order = CompareOrder(seeds, "instruction", load_comparison(config, {}), Place(tmp_path / "out"))
    with pytest.raises(UsageError, match="not a comparison's directory"):
        await compare(order, NoView(), Stopper())
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["thesis.txt"]
    (tmp_path / "sim").mkdir()
    async with simulated_models(Place(tmp_path / "sim"), 0, evenly_weak=False):
        pass
    with pytest.raises(UsageError, match="another simulated world"):
        async with simulated_models(Place(tmp_path / "sim"), 1, evenly_weak=False):
            pass


def world(crr: dict[str, Any]) -> dict[str, Any]:
    evaluated = [{"name": name, "evaluation": {"crr": value}} for name, value in crr.items()]
    return {"size": 10, "groups": ["ablation"], "variants": evaluated}


def test_worlds_are_summed_up_in_pairs() -> None:
    """Means, what each row adds to the one above in the same world, and in how many worlds it is more."""
    names = [variant.name for variant in GROUPS["ablation"]]
    worlds = [
        world(dict(zip(names, values, strict=True)))
        for values in ((50, 60, 61, 70), (70, 75, 74, 90))
    ]
    summary = summary_of(worlds)
    rows_of = summary["groups"]["ablation"]
    assert [row["mean"] for row in rows_of] == [60, 67.5, 67.5, 80]
    assert rows_of[0]["to_row_above"] is None
    assert [row["to_row_above"]["mean"] for row in rows_of[1:]] == [7.5, 0, 12.5]
    assert [row["to_row_above"]["higher_in"] for row in rows_of[1:]] == [2, 1, 2]
    assert rows_of[1]["to_row_above"]["interval"] == [5, 10]
    (table,) = world_tables(summary)
    assert [row[0] for row in table.rows] == [variant.title for variant in GROUPS["ablation"]]


def test_a_world_without_an_outcome_is_told() -> None:
    """Where every comparison of a variant failed there is no CRR, and no mean."""
    names = [variant.name for variant in GROUPS["ablation"]]
    worlds = [world(dict.fromkeys(names, value)) for value in (50, None)]
    with pytest.raises(UsageError, match=f"variant {names[0]}: .* all of its comparisons failed"):
        summary_of(worlds)


def test_the_interval_of_a_mean_is_that_of_resampling() -> None:
    """Of equal values it is the value; it holds the mean, and is the same each time."""
    assert interval_of_mean([3.0] * 10) == (3.0, 3.0)
    values = [float(value) for value in range(20)]
    low, high = interval_of_mean(values)
    assert low < 9.5 < high
    assert (low, high) == interval_of_mean(values)
    assert 4 < high - low < 6.5
