"""Whole runs in their directories, over HTTP against the simulated models."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import stat
from collections import Counter
from contextlib import AsyncExitStack, suppress
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from codeclm.errors import EndpointRefused, UsageError
from codeclm.llm.store import AnswerStore
from codeclm.progress import NoView, Snapshot
from codeclm.run import Order, Stopper, run
from codeclm.rundir import RunDirectory
from codeclm.seeds import MetadataFile
from codeclm.simulator import Faults, ServerOptions, SimulatorServer, World
from codeclm.simulator.reader import Respond, read_prompt
from tests.faults.world_server import Asked, world_server
from tests.running import (
    check_books,
    complete,
    contents,
    nobody_listening,
    rows,
    seeds,
    settings_for,
)
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio

METHOD = {"total": 40, "augment_to": 12}


FILTERED = {"error": {"code": "content_filter", "message": "The prompt was filtered."}}
PREFLIGHT = 2  # tiny calls of each session: one a model


async def test_a_run_leaves_what_is_promised(tmp_path: Path) -> None:
    """All files, counts that add up, a dataset whose rows have their fields and are sorted by id."""
    async with SimulatorServer(World()) as server:
        finished = await complete(tmp_path / "run", settings_for(server.base_url, method=METHOD))
    assert finished.exit_code in {0, 3}
    summary = check_books(tmp_path / "run")
    assert summary["wanted"] == 40
    assert summary["counts"]["entries"] + summary["counts"]["entries_failed"] == 12
    calls: Counter[tuple[str, str]] = Counter()
    for row in summary["calls"]:
        calls[row["model"], row["stage"]] += row["calls"]
    assert sum(calls.values()) == server.log.answered
    dataset = rows(tmp_path / "run" / "dataset.jsonl")
    assert dataset
    for row in dataset:
        strong, target = row["scores"]["strong"], row["scores"]["target"]
        assert row["gap"] == pytest.approx(sum(strong) / 2 - sum(target) / 2)
        assert (row["gap"] > 3) == (row["responder"] == "strong")
        assert row["response"] == row[f"{row['responder']}_response"]
        assert 1 <= row["iteration"] <= 4
        assert len(row["actions"]) == len(row["history"]) == row["iteration"] - 1
        assert row["skills"]
    discarded = rows(tmp_path / "run" / "discarded.jsonl")
    assert {row["reason"] for row in discarded} == {"gap within 3 after 4 iterations"}


async def test_a_finished_run_run_again_makes_no_call_and_changes_no_byte(tmp_path: Path) -> None:
    """Not even the server need be there."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=METHOD)
        first = await complete(tmp_path, settings)
        before, asked = contents(tmp_path), server.log.requests
    again = await complete(tmp_path, settings)
    assert contents(tmp_path) == before
    assert server.log.requests == asked
    assert (again.exit_code, again.summary) == (first.exit_code, first.summary)


@pytest.mark.parametrize("shared_cache", [True, False])
async def test_the_dataset_does_not_depend_on_concurrency(
    tmp_path: Path, shared_cache: bool
) -> None:
    """At 4 and at 256 calls in flight, from one cache or fresh: the same bytes."""
    datasets = []
    async with SimulatorServer(World(), ServerOptions(latency_s=0.002, latency_jitter=1)) as server:
        for calls in (4, 256):
            before = server.log.requests
            cache = tmp_path / "cache" if shared_cache else None
            settings = settings_for(
                server.base_url, max_in_flight=calls, cache=cache, method=METHOD
            )
            await complete(tmp_path / str(calls), settings)
            datasets.append((tmp_path / str(calls) / "dataset.jsonl").read_bytes())
            asked = server.log.requests - before
    assert datasets[0] == datasets[1]
    assert datasets[0]
    assert (asked == PREFLIGHT) is shared_cache


@pytest.mark.timeout(
    600
)  # 5 % of 429s at random slow the adaptive limits down, once in 300 runs for minutes
async def test_faults_change_nothing_but_the_calls(tmp_path: Path) -> None:
    """429s, 5xx, resets, cut and malformed answers: the same dataset, and no item failed for them."""
    faults = Faults.parse(
        "429=0.05,500=0.05,503=0.02,reset=0.04,malformed=0.04,cut=0.03,empty=0.02"
    )
    made = []
    for name, options in (
        ("calm", ServerOptions()),
        ("stormy", ServerOptions(faults=faults, retry_after_s=0.01)),
    ):
        async with SimulatorServer(World(), options) as server:
            settings = settings_for(server.base_url, method={"total": 14, "augment_to": 0})
            await complete(tmp_path / name, settings)
        summary = check_books(tmp_path / name)
        text = (tmp_path / name / "dataset.jsonl").read_text()
        made.append((text, summary["counts"]["failed"]))
        if name == "stormy":
            assert sum(row["retries"] for row in summary["calls"]) > 10
    assert made[0] == made[1]


async def test_filtered_answers_are_outcomes_and_no_failures(tmp_path: Path) -> None:
    """What the endpoint's filter keeps back is discarded with that reason; the run is complete, exit code 0."""

    async def keep_back(asked: Asked) -> web.StreamResponse | None:
        request = read_prompt(asked.text)
        filtered = isinstance(request, Respond) and len(request.instruction) % 2 == 0
        return web.json_response(FILTERED, status=400) if filtered else None

    async with world_server(keep_back) as server:
        settings = settings_for(server.base_url, method={"total": 24, "augment_to": 0})
        finished = await complete(tmp_path, settings)
    counts = check_books(tmp_path)["counts"]
    assert (finished.exit_code, counts["failed"]) == (0, 0)
    reasons = Counter(row["reason"] for row in rows(tmp_path / "discarded.jsonl"))
    assert sum(number for reason, number in reasons.items() if "filter" in reason) > 5
    assert all(len(row["instruction"]) % 2 for row in rows(tmp_path / "dataset.jsonl"))


async def test_a_stopped_run_goes_on_where_it_was(tmp_path: Path) -> None:
    """Stopped at several moments and resumed each time: exit code 4, then the same dataset, nothing paid twice."""
    options = ServerOptions(latency_s=0.002, record_calls=True)
    async with SimulatorServer(World(), options) as server:
        settings = settings_for(server.base_url, max_in_flight=8, method=METHOD)
        whole = await complete(tmp_path / "whole", settings)
    async with SimulatorServer(World(), options) as server:
        settings = settings_for(server.base_url, max_in_flight=8, method=METHOD)
        codes = []
        for stop_after in (1, 5, 12, 30, 10_000):
            stopper = Stopper()

            class Watch(NoView):
                interval_s = 0.001

                def show(self, snapshot: Snapshot, stopper: Stopper = stopper) -> None:
                    if snapshot.finished >= stop_after and not stopper.asked:  # noqa: B023
                        stopper.stop("enough for now")

            finished = await run(Order(seeds(8), settings, tmp_path / "parts"), Watch(), stopper)
            codes.append(finished.exit_code)
            check_books(tmp_path / "parts")
        assert server.log.paid_again == 0
    assert codes[0] == 4
    assert codes[-1] == whole.exit_code
    parts, one = tmp_path / "parts", tmp_path / "whole"
    assert (parts / "dataset.jsonl").read_bytes() == (one / "dataset.jsonl").read_bytes()


async def test_a_raised_total_extends_a_run(tmp_path: Path) -> None:
    """What the smaller total made is all there, and nothing of it is asked for again."""
    async with SimulatorServer(World(), ServerOptions(record_calls=True)) as server:
        small = settings_for(server.base_url, method={"total": 20, "augment_to": 0})
        large = settings_for(server.base_url, method={"total": 33, "augment_to": 0})
        await complete(tmp_path, small)
        before = {row["id"]: row for row in rows(tmp_path / "dataset.jsonl")}
        await complete(tmp_path, large)
        summary = check_books(tmp_path)
        assert server.log.paid_again == 0
        after = {row["id"]: row for row in rows(tmp_path / "dataset.jsonl")}
        assert before.items() <= after.items()
        assert len(after) > len(before)
        assert summary["wanted"] == 33
        stored = json.loads((tmp_path / "settings.json").read_bytes())
        assert stored["settings"]["method"]["extends"] == [20]
        bytes_before = contents(tmp_path)
        await complete(tmp_path, large)
        assert contents(tmp_path) == bytes_before
        with pytest.raises(UsageError, match="method.total: 33 -> 20"):
            await complete(tmp_path, small)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"method": {**METHOD, "theta": 2.0}}, "method.theta: 3.0 -> 2.0"),
        ({"seed": 1, "method": METHOD}, "seed: 0 -> 1"),
        ({"method": METHOD, "source": seeds(9)}, "input is another one"),
    ],
)
async def test_settings_that_change_the_data_are_refused(
    tmp_path: Path, change: dict[str, Any], named: str
) -> None:
    """The difference is named and the run stays as it was; limits may change."""
    async with SimulatorServer(World()) as server:
        await complete(tmp_path, settings_for(server.base_url, method=METHOD))
        before = contents(tmp_path)
        given = {name: value for name, value in change.items() if name != "source"}
        with pytest.raises(UsageError, match="other settings") as caught:
            await complete(tmp_path, settings_for(server.base_url, **given), change.get("source"))
        assert named in str(caught.value)
        await complete(tmp_path, settings_for(server.base_url, max_in_flight=3, method=METHOD))
    assert contents(tmp_path) == before


async def test_changed_prompts_are_a_change_of_settings(tmp_path: Path) -> None:
    """A run is not continued with other words."""
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "improve.jinja").write_text("Harder, please: {{ action }} {{ instruction }}")
    async with SimulatorServer(World()) as server:
        await complete(tmp_path / "run", settings_for(server.base_url, method=METHOD))
        with pytest.raises(UsageError, match="prompt.improve"):
            await complete(
                tmp_path / "run", settings_for(server.base_url, prompts=prompts, method=METHOD)
            )


async def test_metadata_instead_of_seeds(tmp_path: Path) -> None:
    """Nothing is encoded, nothing mixed, and equal lines count as often as they occur."""
    path = tmp_path / "metadata.jsonl"
    line = json.dumps({"use_case": "creative writing", "skills": ["role-play"]})
    path.write_text(f"{line}\n{line}\n")
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 12})
        await complete(tmp_path / "run", settings, MetadataFile(path))
    summary = check_books(tmp_path / "run")
    assert "encode" not in server.log.by_kind
    assert summary["counts"]["entries"] == 2
    assert {row["use_case"] for row in rows(tmp_path / "run" / "dataset.jsonl")} <= {
        "creative writing"
    }


async def test_an_unknown_number_of_seeds(tmp_path: Path) -> None:
    """With ``per_entry`` nothing is counted before the start."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"per_entry": 7, "augment_to": 0})
        await complete(tmp_path / "run", settings, seeds(3))
    summary = json.loads((tmp_path / "run" / "summary.json").read_bytes())
    assert summary["counts"]["units"] == 6
    assert 15 <= summary["counts"]["instructions"] <= 21


async def test_failed_items_are_tried_again_on_request(tmp_path: Path) -> None:
    """Failures are final until ``retry_failed`` gives them further draws; then the run is the one that had those from
    the start, byte for byte, with no answer paid twice."""
    options = ServerOptions(record_calls=True)
    async with SimulatorServer(World(unreadable_share=0.2), options) as server:
        method = {"total": 60, "augment_to": 15, "redraws": 0}
        settings = settings_for(server.base_url, method=method)
        assert (await complete(tmp_path / "run", settings)).exit_code == 3
        failed = rows(tmp_path / "run" / "failed.jsonl")
        assert {"encode", "decode", "judge"} <= {row["stage"] for row in failed}
        asked = server.log.requests
        assert (await complete(tmp_path / "run", settings)).exit_code == 3
        assert server.log.requests == asked
        shutil.copytree(tmp_path / "run", tmp_path / "killed")
        await complete(tmp_path / "run", settings, retry_failed=True)
        assert server.log.paid_again == 0
        check_books(tmp_path / "run", some_in_vain=True)
        assert rows(tmp_path / "run" / "failed.jsonl.before") == failed
        assert len(rows(tmp_path / "run" / "failed.jsonl")) < len(failed)
        patient = settings_for(server.base_url, method={**method, "redraws": 1})
        await complete(tmp_path / "patient", patient)
        # What a kill leaves right after a retry began: the rows are aside, the further draws are granted.
        RunDirectory(tmp_path / "killed").set_rows_aside()
        shutil.copy(tmp_path / "run" / "settings.json", tmp_path / "killed" / "settings.json")
        await complete(tmp_path / "killed", settings, retry_failed=True)
    assert (
        contents(tmp_path / "killed")["dataset.jsonl"]
        == contents(tmp_path / "run")["dataset.jsonl"]
    )
    retried, at_once = tmp_path / "run" / "dataset.jsonl", tmp_path / "patient" / "dataset.jsonl"
    assert retried.read_bytes() == at_once.read_bytes()


async def test_a_refusal_ends_the_run_without_further_calls(tmp_path: Path) -> None:
    """When one endpoint refuses, it is said before the others are paid for, and nothing is written."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 40, "augment_to": 0})
        assert settings.models is not None
        tree = settings.models.model_dump()
        tree["strong"]["requests_per_minute"] = 240
        tree["target"]["model"] = f"openai:nobody@{server.base_url}"
        refused = settings.model_validate({**settings.model_dump(), "models": tree})
        with pytest.raises(EndpointRefused, match="nobody") as caught:
            await complete(tmp_path / "run", refused, seeds(2))
        assert caught.value.exit_code == 2
        assert not (tmp_path / "run").exists()
        assert server.log.by_model["sim-strong"] == 1  # the tiny call before anything is spent
        # Nothing is on record yet, so the mended command may use the same directory.
        again = await complete(tmp_path / "run", settings, seeds(2))
    assert again.exit_code in {0, 3}
    check_books(tmp_path / "run")


async def test_an_outage_stops_the_run_and_fails_nothing(tmp_path: Path) -> None:
    """When nobody serves the model any more: exit code 4, no item failed for it; with the server back it completes."""
    async with SimulatorServer(World()) as server:
        port = int(server.base_url.split(":")[2].split("/")[0])
        settings = settings_for(server.base_url, max_in_flight=8, method=METHOD)
        assert settings.models is not None
        tree = settings.models.model_dump()
        for party in ("strong", "target"):
            tree[party] |= {"attempts": 2, "patience_s": 1}
        settings = settings.model_validate({**settings.model_dump(), "models": tree})
        async with asyncio.TaskGroup() as group:
            going = group.create_task(complete(tmp_path, settings))
            while server.log.answered < 100:
                await asyncio.sleep(0.001)
            await server.__aexit__(None, None, None)
        finished = going.result()
    assert finished.exit_code == 4
    assert "is out of service" in finished.reason
    late = [row for row in rows(tmp_path / "failed.jsonl") if "Parse" not in row["reason"]]
    async with AsyncExitStack() as stack:
        while True:  # a passing connection of another program may have the port for a moment
            with suppress(UsageError):
                await stack.enter_async_context(SimulatorServer(World(), port=port))
                break
            await asyncio.sleep(0.05)
        assert (await complete(tmp_path, settings)).exit_code in {0, 3}
    check_books(tmp_path)
    assert not late


async def test_what_a_kill_at_the_start_leaves_is_no_obstacle(tmp_path: Path) -> None:
    """A lock, an empty cache and half-written files are left-overs of a run, not somebody's files."""
    (tmp_path / "cache").mkdir(mode=0o700)
    (tmp_path / "run.lock").touch()
    (tmp_path / ".settings.json.new").write_text("{")
    async with SimulatorServer(World()) as server:
        await complete(tmp_path, settings_for(server.base_url, method=METHOD))
    check_books(tmp_path)


@pytest.mark.parametrize("name", ["run.lock", ".summary.json.new", ".settings.json.new"])
async def test_links_are_not_followed(tmp_path: Path, name: str) -> None:
    """A directory from somebody else cannot make a run write elsewhere."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method={"total": 4, "augment_to": 0})
        await complete(tmp_path / "run", settings)
        (tmp_path / "run" / "dataset.jsonl").unlink()
        (tmp_path / "run" / name).unlink(missing_ok=True)
        (tmp_path / "run" / name).symlink_to(victim)
        with suppress(UsageError):
            await complete(tmp_path / "run", settings)
    assert victim.read_text() == "precious"


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o702])
async def test_a_directory_that_others_can_write_is_refused(tmp_path: Path, mode: int) -> None:
    """Who can write to it decides what the dataset says."""
    (tmp_path / "run").mkdir()
    (tmp_path / "run").chmod(mode)
    async with SimulatorServer(World()) as server:
        with pytest.raises(UsageError, match="can be written by others: chmod go-w"):
            await complete(tmp_path / "run", settings_for(server.base_url, method=METHOD))
    assert not list((tmp_path / "run").iterdir())


@pytest.mark.skipif(os.getuid() != 0, reason="only root can give a directory away")
async def test_a_directory_of_somebody_else_is_refused(tmp_path: Path) -> None:
    """What another user prepared is not gone on with."""
    (tmp_path / "run").mkdir(mode=0o700)
    os.chown(tmp_path / "run", 65534, 65534)
    async with SimulatorServer(World()) as server:
        with pytest.raises(UsageError, match="belongs to another user"):
            await complete(tmp_path / "run", settings_for(server.base_url, method=METHOD))


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
async def test_all_that_a_run_leaves_is_private(tmp_path: Path, umask: int) -> None:
    """Directories are 0700 and files 0600, torn and quarantined lines and what was set aside too."""
    run_directory, cache = tmp_path / "run", tmp_path / "cache"
    before = os.umask(umask)
    try:
        async with SimulatorServer(World()) as server:
            settings = settings_for(
                server.base_url, method={"total": 6, "augment_to": 0}, cache=cache
            )
            await complete(run_directory, settings)
            (run_directory / "dataset.jsonl").unlink()
            path = run_directory / "selected.jsonl"
            path.write_bytes(b"no row\n" + path.read_bytes() + b'{"id": "torn')
            with (cache / "cache.db").open("r+b") as file:
                file.write(b"no database")
            await complete(run_directory, settings)
    finally:
        os.umask(before)
    left = [path for place in (run_directory, cache) for path in (place, *place.rglob("*"))]
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in left}
    assert {"selected.jsonl.torn", "selected.jsonl.quarantine", "cache.db.broken-1"} <= set(modes)
    assert {name: 0o700 if name in {"run", "cache"} else 0o600 for name in modes} == modes


async def test_bad_lines_are_set_aside_and_made_again(tmp_path: Path) -> None:
    """Whoever spoilt them: they are counted, told, kept in a file of their own, and cost no call."""
    said: list[str] = []

    class Listening(NoView):
        def say(self, line: str) -> None:
            said.append(line)

    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, method=METHOD)
        await complete(tmp_path, settings)
        whole = (tmp_path / "dataset.jsonl").read_bytes()
        (tmp_path / "dataset.jsonl").unlink()
        lines = (tmp_path / "selected.jsonl").read_bytes().splitlines(keepends=True)
        spoilt = [lines[0], lines[1][:30] + b"\n", b"\x00\xff\n", *lines[2:]]
        (tmp_path / "selected.jsonl").write_bytes(b"".join(spoilt))
        asked = server.log.answered
        await run(Order(seeds(8), settings, tmp_path), Listening(), Stopper())
        assert server.log.answered == asked + PREFLIGHT
    assert "warning: 2 bad lines of selected.jsonl are now in selected.jsonl.quarantine" in said
    assert check_books(tmp_path)["quarantined_lines"] == 2
    assert (tmp_path / "dataset.jsonl").read_bytes() == whole
    assert (tmp_path / "selected.jsonl.quarantine").read_bytes() == b"".join(spoilt[1:3])


async def test_a_foreign_settings_file_is_no_run(tmp_path: Path) -> None:
    """Other programs have a settings.json too."""
    (tmp_path / "settings.json").write_text('{"editor.fontSize": 12}')
    async with SimulatorServer(World()) as server:
        with pytest.raises(UsageError, match="not a run's directory"):
            await complete(tmp_path, settings_for(server.base_url, method=METHOD))
    assert [path.name for path in tmp_path.iterdir()] == ["settings.json"]


async def test_two_runs_on_one_directory_are_refused(tmp_path: Path) -> None:
    """The second is told who has it, and the first is not disturbed."""
    async with SimulatorServer(World()) as server:
        with RunDirectory(tmp_path), pytest.raises(UsageError, match=f"pid {os.getpid()}"):
            await complete(tmp_path, settings_for(server.base_url, method=METHOD))
        await complete(tmp_path, settings_for(server.base_url, method=METHOD))


async def test_a_directory_that_is_no_runs_is_left_alone(tmp_path: Path) -> None:
    """Somebody's files are not written among."""
    (tmp_path / "thesis.tex").write_text("precious")
    async with SimulatorServer(World()) as server:
        with pytest.raises(UsageError, match="not a run's directory"):
            await complete(tmp_path, settings_for(server.base_url, method=METHOD))
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.tex"]


@pytest.mark.parametrize("option", ["directory", "cache"])
async def test_a_place_that_cannot_be_written_is_told(tmp_path: Path, option: str) -> None:
    """One line that names it, and nothing is left behind."""
    (tmp_path / "file").write_text("in the way")
    bad, good = tmp_path / "file" / "below", tmp_path / "run"
    async with SimulatorServer(World()) as server:
        settings = settings_for(
            server.base_url, cache=bad if option == "cache" else None, method=METHOD
        )
        with pytest.raises(UsageError, match=str(bad)):
            await complete(bad if option == "directory" else good, settings)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


async def test_a_cache_in_use_is_told(tmp_path: Path) -> None:
    """Two runs may share a cache one after the other, not at the same time."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, cache=tmp_path / "cache", method=METHOD)
        async with AnswerStore(tmp_path / "cache"):
            with pytest.raises(UsageError, match="cache"):
                await complete(tmp_path / "run", settings)
        assert not (tmp_path / "run").exists()
        await complete(tmp_path / "run", settings)


async def test_a_run_without_its_cache_goes_on_with_what_is_on_record(tmp_path: Path) -> None:
    """If the cache was deleted, finished instructions are not made again and no row is doubled."""
    async with SimulatorServer(World(), ServerOptions(latency_s=0.002)) as server:
        settings = settings_for(server.base_url, max_in_flight=8, method=METHOD)
        stopper = Stopper()

        class Watch(NoView):
            interval_s = 0.001

            def show(self, snapshot: Snapshot) -> None:
                if snapshot.finished >= 15 and not stopper.asked:
                    stopper.stop("enough")

        await run(Order(seeds(8), settings, tmp_path), Watch(), stopper)
        before = {row["id"] for row in rows(tmp_path / "selected.jsonl")}
        shutil.rmtree(tmp_path / "cache")
        await complete(tmp_path, settings)
    check_books(tmp_path, some_in_vain=True)
    assert before <= {row["id"] for row in rows(tmp_path / "dataset.jsonl")}


async def test_no_server_is_told_before_anything_is_written(tmp_path: Path) -> None:
    """One line with the URL, and no directory."""
    with nobody_listening() as url, pytest.raises(UsageError, match=f"no server at {url}"):
        await complete(tmp_path / "run", settings_for(url, method=METHOD))
    assert not (tmp_path / "run").exists()


async def test_the_key_is_nowhere(tmp_path: Path) -> None:
    """A canary key is sent, and found in no file of the run; a wrong one stops the run and is not shown either."""
    canary = "sk-canary-0123456789"
    environ = {"MY_KEY": canary}
    for wanted_key in (canary, "another"):
        options = ServerOptions(api_key=wanted_key)
        directory = tmp_path / wanted_key[:3]
        async with SimulatorServer(World(), options) as server:
            settings = settings_for(server.base_url, method={"total": 6, "augment_to": 0})
            assert settings.models is not None
            tree = settings.models.model_dump()
            for party in ("strong", "target"):
                tree[party]["api_key_env"] = "MY_KEY"
            settings = settings.model_validate({**settings.model_dump(), "models": tree})
            ended = await outcome(complete(directory, settings, environ=environ))
        assert isinstance(ended, EndpointRefused) == (wanted_key == "another")
        assert canary not in f"{ended} {ended!r}"
        for path in directory.rglob("*"):
            assert canary.encode() not in (path.read_bytes() if path.is_file() else b"")
            assert not stat.S_IMODE(path.stat().st_mode) & 0o077, path


async def test_a_missing_key_is_told_before_anything_is_written(tmp_path: Path) -> None:
    """The variable to set is named."""
    settings = settings_for("https://models.example/v1", method=METHOD)
    assert settings.models is not None
    tree = settings.models.model_dump()
    tree["strong"]["api_key_env"] = "MY_KEY"
    settings = settings.model_validate({**settings.model_dump(), "models": tree})
    with pytest.raises(UsageError, match="MY_KEY"):
        await complete(tmp_path / "run", settings, environ={})
    assert not (tmp_path / "run").exists()


async def test_files_can_be_read_while_the_run_goes_on(tmp_path: Path) -> None:
    """At any moment every file that has its name is whole lines or a whole object."""
    looks = 0
    async with SimulatorServer(World(), ServerOptions(latency_s=0.005)) as server:
        settings = settings_for(server.base_url, max_in_flight=8, method=METHOD)
        async with asyncio.TaskGroup() as group:
            task = group.create_task(complete(tmp_path / "run", settings))
            while not task.done():
                for path in (tmp_path / "run").glob("[!.]*.json*"):  # not one being written
                    if path.suffix == ".jsonl":
                        rows(path)
                    else:
                        json.loads(path.read_bytes())
                    looks += 1
                await asyncio.sleep(0.01)
    assert looks > 20
