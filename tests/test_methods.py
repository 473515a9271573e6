"""Every method, to the end, over HTTP on simulated models: counts, kills, concurrency, extension, prompts."""

from __future__ import annotations

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.methods.table import METHODS, OPTIONS, PROMPTS
from codeclm.progress import NoView, Snapshot
from codeclm.run import Order, Stopper, run
from codeclm.seeds import MetadataFile, SeedFile, SeedList
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.simulator import ServerOptions, SimulatorServer, World
from codeclm.simulator.faults import Faults
from tests.killing import IN_FLIGHT, kill_and_resume
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, contents, rows, settings_for

pytestmark = pytest.mark.anyio

BASELINES = [name for name in METHODS if name != "codeclm"]
SEEDS = 10
PLAIN = World(unreadable_share=0.0)


def settings_of(base_url: str, name: str, total: int = 40, **more: Any) -> Settings:
    method = {"name": name, "total": total, **more.pop("method", {})}
    return settings_for(base_url, method=method, **more)


def some_seeds() -> SeedList:
    return SeedList(tuple(PLAIN.seeds(SEEDS)))


def calls_of(summary: Mapping[str, Any]) -> Counter[str]:
    """Calls by stage, cache hits included, but for those that see whether a model is there."""
    calls: Counter[str] = Counter()
    for row in summary["calls"]:
        if row["stage"] != "preflight":
            calls[row["stage"]] += row["calls"] + row["cache_hits"]
    return calls


@ON_UVLOOP
@pytest.mark.parametrize("name", BASELINES)
async def test_each_call_of_a_method_is_one_that_it_needs(tmp_path: Path, name: str) -> None:
    """Exact counts where every answer can be read; only the strong model is asked; every instruction has its fate."""
    async with SimulatorServer(PLAIN) as server:
        finished = await complete(tmp_path, settings_of(server.base_url, name), some_seeds())
    assert finished.exit_code == 0
    summary = check_books(tmp_path)
    counts, calls = summary["counts"], calls_of(summary)
    assert counts["selected"] + counts["discarded"] == 40
    assert counts["failed"] == counts["missing"] == counts["pending"] == 0
    respond = counts["selected"] if "wizard" in name else 40
    expected = {"respond": respond, **_own_calls(name, counts, calls)}
    assert calls == expected
    assert {row["responder"] for row in rows(tmp_path / "dataset.jsonl")} == {"strong"}
    assert not [
        row for row in summary["calls"] if "target" in row["model"] and row["stage"] != "preflight"
    ]
    if name != "alpagasus" and "wizard" not in name:
        assert counts["discarded"] == 0


def _own_calls(name: str, counts: Mapping[str, int], calls: Counter[str]) -> dict[str, int]:
    match name:
        case "tree-instruct":
            return {"complicate": 40}
        case "self-instruct":
            return {"generate": counts["units"]}
        case "alpagasus":
            return {"generate": counts["units"], "rate": 40}
    assert calls["evolve"] + calls["breadth"] == 40
    evolved = {stage: calls[stage] for stage in ("evolve", "breadth")}
    if name == "wizardlm":
        return {**evolved, "same": 40}
    decoded = {"encode": SEEDS, "decode": calls["decode"]}
    return {**evolved, **decoded, "same": 40}


@ON_UVLOOP
@pytest.mark.parametrize("name", BASELINES)
async def test_the_dataset_does_not_depend_on_the_order_of_answers(
    tmp_path: Path, name: str
) -> None:
    """One call at a time, or many that overtake each other: the same bytes, unreadable answers and all."""
    world = World(unreadable_share=0.05)
    datasets = []
    for in_flight in (1, 7, 64):
        options = ServerOptions(latency_s=0.001 if in_flight > 1 else 0, latency_jitter=1)
        async with SimulatorServer(world, options) as server:
            settings = settings_of(server.base_url, name, max_in_flight=in_flight)
            place = tmp_path / str(in_flight)
            await complete(place, settings, some_seeds())
        check_books(place)
        datasets.append((place / "dataset.jsonl").read_bytes())
    assert datasets[0] == datasets[1] == datasets[2] != b""


class StopsOften(NoView):
    """Stops the run as soon as it has so many more rows."""

    interval_s = 0.01

    def __init__(self, stopper: Stopper, rows_more: int) -> None:
        self._stopper, self._rows_more = stopper, rows_more
        self._first: int | None = None

    def show(self, snapshot: Snapshot) -> None:
        self._first = snapshot.finished if self._first is None else self._first
        if snapshot.finished >= self._first + self._rows_more:
            self._stopper.stop("enough")


@ON_UVLOOP
@pytest.mark.parametrize("name", BASELINES)
async def test_stopped_resumed_and_extended(tmp_path: Path, name: str) -> None:
    """Stopped again and again and resumed: the bytes of an undisturbed run, no call twice. A larger total adds."""
    async with SimulatorServer(PLAIN, ServerOptions(latency_s=0.002, record_calls=True)) as server:
        settings = settings_of(server.base_url, name, max_in_flight=4)
        sittings = 0
        while True:
            sittings += 1
            stopper = Stopper()
            order = Order(some_seeds(), settings, tmp_path / "parts")
            finished = await run(order, StopsOften(stopper, 9), stopper)
            if finished.dataset:
                break
        assert sittings > 2
        assert server.log.paid_again <= 2 * sittings  # only whether the models are there
        await complete(tmp_path / "whole", settings, some_seeds())
        small = (tmp_path / "whole" / "dataset.jsonl").read_bytes()
        assert (tmp_path / "parts" / "dataset.jsonl").read_bytes() == small
        before = server.log.answered
        again = await complete(tmp_path / "whole", settings, some_seeds())
        assert again.dataset
        assert server.log.answered == before
        larger = settings_of(server.base_url, name, total=60, max_in_flight=4)
        await complete(tmp_path / "whole", larger, some_seeds())
    check_books(tmp_path / "whole")
    extended = (tmp_path / "whole" / "dataset.jsonl").read_bytes().splitlines()
    assert set(small.splitlines()) < set(extended)


@ON_UVLOOP
@pytest.mark.timeout(1000)
@pytest.mark.parametrize(
    ("name", "kills"),
    [
        ("self-instruct", 1),
        ("wizardlm", 1),
        *[pytest.param(name, 12, marks=pytest.mark.soak) for name in BASELINES],
    ],
)
async def test_kills_change_nothing(tmp_path: Path, name: str, kills: int) -> None:
    """SIGKILL at random moments: byte for byte the undisturbed dataset, paid twice is what was in flight."""
    ended = await kill_and_resume(tmp_path, kills, method=f"name: {name}, total: 60")
    dataset = (ended.whole / "dataset.jsonl").read_bytes()
    assert (ended.parts / "dataset.jsonl").read_bytes() == dataset
    assert sum(ended.paid_again) <= ended.killed * 2 * IN_FLIGHT
    assert ended.doubled == 0
    assert check_books(ended.parts)["counts"] == check_books(ended.whole)["counts"]


@ON_UVLOOP
@pytest.mark.parametrize("name", BASELINES)
async def test_trouble_is_on_record_and_the_books_balance(tmp_path: Path, name: str) -> None:
    """Answers that nobody can read, and a server that breaks: each instruction has one fate, and the run ends."""
    options = ServerOptions(faults=Faults.parse("500=0.1,malformed=0.05"))
    async with SimulatorServer(World(unreadable_share=0.3), options) as server:
        settings = settings_of(server.base_url, name, attempts=1, method={"redraws": 0})
        finished = await complete(tmp_path, settings, some_seeds())
    summary = check_books(tmp_path)
    assert finished.exit_code == 3
    assert summary["counts"]["pending"] == 0
    assert summary["failed_by_stage"]


@ON_UVLOOP
@pytest.mark.parametrize("name", METHODS)
async def test_the_80_vicuna_seeds(tmp_path: Path, benchmark_seeds: Path, name: str) -> None:
    """Each method on a real set of seeds, to the end."""
    async with SimulatorServer(World()) as server:
        settings = settings_of(server.base_url, name, total=80, max_in_flight=64)
        finished = await complete(tmp_path, settings, SeedFile(benchmark_seeds / "vicuna.jsonl"))
    summary = check_books(tmp_path)
    assert finished.exit_code in {0, 3}
    assert summary["counts"]["input"] == 80
    assert summary["counts"]["selected"] > 0


def test_a_name_that_is_none_and_settings_of_another_method_are_refused() -> None:
    """One line that says what is meant, or which settings there are; old settings, without a name, are CodecLM's."""
    for method, message in (
        ({"name": "wizard-lm"}, "did you mean 'wizardlm'"),
        ({"name": 7}, "no method has the name 7"),
        ({"name": "wizardlm", "theta": 2.0}, "theta is no setting of wizardlm"),
        ({"name": "wizardlm", "total": 10}, "multiple"),
        ({"name": "tree-instruct", "nodez": 3}, "did you mean 'nodes'"),
        ({"name": "self-instruct", "similarity": 0.0}, "must be above 0"),
        ({"name": "alpagasus", "threshold": 6.0}, "from 0 to 5"),
        ({"name": "self-instruct", "per_entry": 3}, "per_entry is no setting"),
    ):
        with pytest.raises(UsageError, match=message):
            load_settings(None, {"method": method})
    plain, named = (load_settings(None, {"method": one}) for one in ({}, {"name": "codeclm"}))
    assert plain == named
    assert "method.name" not in named.decisive()
    for name in BASELINES:
        settings = load_settings(None, {"method": {"name": name}})
        assert type(settings.method) is OPTIONS[name]
        assert settings.decisive()["method.name"] == name
        assert "method.theta" not in settings.decisive()
        assert Settings.model_validate(settings.stored()) == settings


@ON_UVLOOP
async def test_another_method_is_another_run(tmp_path: Path) -> None:
    """A directory of one method is not gone on with by another; the difference is named."""
    async with SimulatorServer(PLAIN) as server:
        await complete(tmp_path, settings_of(server.base_url, "tree-instruct", 4), some_seeds())
        before = contents(tmp_path)
        with pytest.raises(UsageError, match=r"method\.name: 'tree-instruct' -> 'wizardlm'"):
            await complete(tmp_path, settings_of(server.base_url, "wizardlm", 4), some_seeds())
    assert contents(tmp_path) == before


@ON_UVLOOP
@pytest.mark.parametrize("name", ["self-instruct", "alpagasus", "tree-instruct", "wizardlm"])
async def test_metadata_is_no_seed(tmp_path: Path, name: str) -> None:
    """A method that starts from instructions says so before anything is written or paid."""
    (tmp_path / "metadata.jsonl").write_text('{"use_case": "poetry", "skills": ["rhyme"]}\n')
    source = MetadataFile(tmp_path / "metadata.jsonl", False)
    async with SimulatorServer(PLAIN) as server:
        with pytest.raises(UsageError, match="starts from seed instructions"):
            await complete(tmp_path / "run", settings_of(server.base_url, name), source)
        assert server.log.answered == 0
    assert not (tmp_path / "run").exists()


@ON_UVLOOP
@pytest.mark.parametrize("name", BASELINES)
async def test_each_prompt_can_be_the_users_own(tmp_path: Path, name: str) -> None:
    """A directory with a text of one's own for every prompt of every method is used by each for its own ones."""
    own = tmp_path / "prompts"
    own.mkdir()
    for prompts in PROMPTS.values():
        for template in prompts.values():
            (own / f"{template.name}.jinja").write_text(f"{template.text}\nTake your time.")
    async with SimulatorServer(PLAIN, ServerOptions(record_calls=True)) as server:
        settings = settings_of(server.base_url, name, 8)
        settings = settings.model_copy(update={"prompts": own})
        await complete(tmp_path / "run", settings, some_seeds())
    stored = Settings.model_validate(settings.stored())
    assert stored.prompts == own
    decisive = RunArchive(tmp_path / "run").settings["decisive"]
    used = {key: value for key, value in decisive.items() if key.startswith("prompt.")}
    assert used == {f"prompt.{prompt}": _digest(own, prompt) for prompt in PROMPTS[name]}


def _digest(prompts: Path, name: str) -> str:
    return sha256((prompts / f"{name}.jinja").read_bytes()).hexdigest()


@pytest.mark.parametrize("name", METHODS)
def test_each_prompt_has_its_variables(name: str) -> None:
    """Every default prompt is a template of the variables it names, under its own name."""
    for key, template in PROMPTS[name].items():
        assert key == template.name
        assert template.requires <= template.used <= template.variables


def test_the_command_takes_a_method(tmp_path: Path) -> None:
    """``--method NAME`` reaches the settings, and what it refuses is one line."""
    (tmp_path / "seeds.txt").write_text("Sing a song\n")
    command = [sys.executable, "-m", "codeclm", "run", "seeds.txt", "-o", "out"]
    done = subprocess.run(
        [*command, "--strong=openai:a", "--target=openai:b", "--method=wizardlm", "--total=10"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).resolve().parents[1])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 2
    assert "wizardlm makes 4 instructions of each start" in done.stderr
    assert len(done.stderr.splitlines()) == 1
