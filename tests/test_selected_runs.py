"""Whole runs for a number of selected examples, and what is dropped before it costs much: over HTTP."""

from __future__ import annotations

import asyncio
import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from codeclm.archive import RunArchive
from codeclm.console import execute
from codeclm.errors import UsageError
from codeclm.progress import NoView, Recent, Snapshot
from codeclm.progress.words import headline
from codeclm.run import Order, Stopper, run
from codeclm.seeds import MetadataFile
from codeclm.settings_file import load_settings
from codeclm.simulator import ServerOptions, SimulatorServer, World
from codeclm.simulator.reader import Respond, read_prompt
from tests.faults.world_server import world_server
from tests.killing import OPTIONS, run_to_end, run_until_killed, write_inputs
from tests.loops import ON_UVLOOP
from tests.running import check_books, complete, contents, rows, seeds, settings_for

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

METHOD: dict[str, Any] = {
    "selected": 16,
    "augment_to": 10,
    "near_duplicates": 0.5,
    "theta": 2,
    "iterations": 2,
}
RECORDING = ServerOptions(record_calls=True)


async def test_the_same_n_whatever_the_concurrency(tmp_path: Path) -> None:
    """4 or 256 calls at once: the same examples, byte for byte; run again, a finished run does nothing."""
    async with SimulatorServer(World(), OPTIONS) as server:
        for calls in (4, 256):
            settings = settings_for(server.base_url, max_in_flight=calls, method=METHOD)
            finished = await complete(tmp_path / str(calls), settings)
            assert finished.exit_code == 0
            counts = check_books(tmp_path / str(calls))["counts"]
            assert counts["selected"] == 16 == len(rows(tmp_path / str(calls) / "dataset.jsonl"))
        asked, before = server.log.requests, contents(tmp_path / "256")
        await complete(tmp_path / "256", settings)
        assert (server.log.requests, contents(tmp_path / "256")) == (asked, before)
    few, many = (tmp_path / name / "dataset.jsonl" for name in ("4", "256"))
    assert few.read_bytes() == many.read_bytes()
    assert [*RunArchive(tmp_path / "256").selected()] == rows(many)


async def test_kills_change_no_example(tmp_path: Path) -> None:
    """Killed at two moments, the last one near the end, and resumed: the examples of the undisturbed run."""
    method = "selected: 12, augment_to: 0, near_duplicates: 0.5, theta: 2, iterations: 2"
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(tmp_path, server.base_url, method=method)
        assert await run_to_end(command, tmp_path / "whole") in {0, 3}
        needed = server.log.answered
    async with SimulatorServer(World(), OPTIONS) as server:
        command = write_inputs(tmp_path, server.base_url, method=method)
        moments = (needed // 3, needed - 20)
        killed = [await run_until_killed(command, tmp_path / "parts", server, at) for at in moments]
        assert await run_to_end(command, tmp_path / "parts") in {0, 3}
    assert any(killed)
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    assert contents(parts)["dataset.jsonl"] == contents(whole)["dataset.jsonl"]
    assert check_books(parts)["counts"]["selected"] == 12
    check_books(whole)


async def test_a_raised_number_goes_on_and_pays_nothing_again(tmp_path: Path) -> None:
    """All the old work is used; a smaller number is refused with the difference."""
    async with SimulatorServer(World(), RECORDING) as server:
        small, large = (
            settings_for(server.base_url, method={**METHOD, "selected": number})
            for number in (9, 16)
        )
        await complete(tmp_path, small)
        before = {row["id"]: row for row in rows(tmp_path / "selected.jsonl")}
        await complete(tmp_path, large)
        assert server.log.paid_again == 0
        with pytest.raises(UsageError, match="method.selected: 16 -> 9"):
            await complete(tmp_path, small)
    assert check_books(tmp_path)["counts"]["selected"] == 16
    assert before.items() <= {row["id"]: row for row in rows(tmp_path / "selected.jsonl")}.items()


async def test_a_hopeless_run_ends_and_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """At the most instructions that may be made: what there is, exit code 3, and what to do; a larger total goes on."""
    async with SimulatorServer(World(), RECORDING) as server:
        method = {"selected": 10, "total": 12, "theta": 6.5, "augment_to": 0, "iterations": 1}
        settings = settings_for(server.base_url, method=method)
        assert await execute(Order(seeds(4), settings, tmp_path), NoView()) == 3
        summary = check_books(tmp_path)
        assert summary["counts"]["instructions"] == 12
        assert summary["selection"]["selected"] < 10
        assert "wanted examples: no more instructions may be made" in capsys.readouterr().out
        more = settings_for(server.base_url, method={**method, "total": 24})
        await complete(tmp_path, more, seeds(4))
        assert server.log.paid_again == 0
    assert check_books(tmp_path)["counts"]["instructions"] > 12


@pytest.mark.parametrize("filtering", [True, False])
async def test_metadata_and_no_filtering(tmp_path: Path, filtering: bool) -> None:
    """Where metadata is given, and where all that strong answers is selected."""
    path = tmp_path / "metadata.jsonl"
    weak = sorted(World().weak_skills)
    lines = [{"use_case": "creative writing", "skills": [skill]} for skill in weak[:4]]
    path.write_text("\n".join(map(json.dumps, lines)))
    async with SimulatorServer(World()) as server:
        method = {"selected": 9, "contrastive_filtering": filtering}
        settings = settings_for(server.base_url, method=method)
        finished = await complete(tmp_path / "run", settings, MetadataFile(path))
    counts = check_books(tmp_path / "run")["counts"]
    assert (finished.exit_code, counts["selected"]) == (0, 9)


async def test_failures_and_their_retry(tmp_path: Path) -> None:
    """A failed unit gives what it gave; with further draws the run has N again, and pays nothing twice."""
    async with SimulatorServer(World(unreadable_share=0.15), RECORDING) as server:
        settings = settings_for(server.base_url, method={**METHOD, "redraws": 0})
        assert (await complete(tmp_path, settings)).exit_code == 3
        assert check_books(tmp_path)["counts"]["selected"] == 16
        await complete(tmp_path, settings, retry_failed=True)
        assert server.log.paid_again == 0
    assert check_books(tmp_path)["counts"]["selected"] == 16


async def test_a_view_is_shown_examples(tmp_path: Path) -> None:
    """``wanted`` and ``finished`` are of what was asked for."""

    class Looking(NoView):
        interval_s = 0.01
        shown: list[Snapshot]
        said: list[str]

        def show(self, snapshot: Snapshot) -> None:
            self.shown.append(snapshot)

        def say(self, line: str) -> None:
            self.said.append(line)

    view = Looking()
    view.shown, view.said = [], []
    async with SimulatorServer(World()) as server:
        order = Order(seeds(20), settings_for(server.base_url, method=METHOD), tmp_path)
        await run(order, view, Stopper())
    assert f"{view.shown[-1].outcomes['selected']} of 16 selected" in headline(
        Recent(view.shown[-1])
    )
    assert {snapshot.wanted for snapshot in view.shown} == {16}
    [warning] = view.said
    assert "16 examples of 20 seeds" in warning
    finished = [snapshot.finished for snapshot in view.shown]
    assert finished == sorted(finished)
    assert finished[-1] <= 16


async def test_repeats_are_dropped_before_they_cost_much(tmp_path: Path) -> None:
    """Each is in discarded.jsonl with the one that it repeats; nobody responds to what was known to be one."""
    async with SimulatorServer(World(), RECORDING) as server:
        method = {"total": 80, "augment_to": 0, "near_duplicates": 0.5, "iterations": 1}
        await complete(tmp_path, settings_for(server.base_url, method=method))
    summary = check_books(tmp_path)
    dropped = [row for row in rows(tmp_path / "discarded.jsonl") if "repeats" in row]
    others = {
        row["id"] for name in ("selected", "discarded") for row in rows(tmp_path / f"{name}.jsonl")
    }
    assert dropped
    assert all(row["repeats"] in others - {row["id"]} for row in dropped)
    assert {row["reason"] for row in dropped} == {
        "near-duplicate of an instruction of a lower number"
    }
    responses = sum(row["calls"] for row in summary["calls"] if row["stage"] == "respond")
    paid_for = [row for row in dropped if "scores" in row]
    assert responses <= 2 * (80 - len(dropped) + len(paid_for) + 4)


async def test_what_overlaps_an_evaluation_set_is_dropped(tmp_path: Path) -> None:
    """Basic and improved ones, before anybody responds; the reason names file and words. Another content is another
    run, another place is not."""
    asked: Counter[str] = Counter()

    async def listen(one: Any) -> None:
        request = read_prompt(one.text)
        if isinstance(request, Respond):
            asked[request.instruction] += 1

    method: dict[str, Any] = {"total": 24, "augment_to": 0, "decontaminate_ngram": 5}
    async with world_server(listen) as server:
        await complete(tmp_path / "plain", settings_for(server.base_url, method=method))
        plain = rows(tmp_path / "plain" / "selected.jsonl") + rows(
            tmp_path / "plain" / "discarded.jsonl"
        )
        basic = next(row["instruction"] for row in plain if row["iteration"] == 1)
        improved = next(row for row in plain if row["iteration"] > 1)
        added = improved["instruction"].removeprefix(improved["history"][-1]["instruction"])
        held_out = tmp_path / "held-out.jsonl"
        held_out.write_text("\n".join(json.dumps({"question": text}) for text in (basic, added)))
        asked.clear()
        method["decontaminate"] = [str(held_out)]
        await complete(tmp_path / "clean", settings_for(server.base_url, method=method))
        moved = held_out.rename(tmp_path / "elsewhere.jsonl")
        method["decontaminate"] = [str(moved)]
        before = contents(tmp_path / "clean")
        await complete(tmp_path / "clean", settings_for(server.base_url, method=method))
        assert contents(tmp_path / "clean") == before
        moved.write_text('{"question": "Something else altogether?"}')
        with pytest.raises(UsageError, match="method.decontaminate is another one"):
            await complete(tmp_path / "clean", settings_for(server.base_url, method=method))
    check_books(tmp_path / "clean")
    dropped = [row for row in rows(tmp_path / "clean" / "discarded.jsonl") if "overlap" in row]
    assert basic in {row["instruction"] for row in dropped if row["iteration"] == 1}
    assert improved["id"] in {row["id"] for row in dropped if row["iteration"] > 1}
    assert {row["overlap"]["file"] for row in dropped} == {"held-out.jsonl"}
    assert all(row["overlap"]["words"] in row["reason"] for row in dropped)
    assert not asked.keys() & {row["instruction"] for row in dropped}


async def test_a_run_from_before_the_checks_goes_on_without(tmp_path: Path) -> None:
    """What it has was not looked at; a check that is asked for by name is a difference all the same."""
    async with SimulatorServer(World()) as server:
        old = {"total": 20, "augment_to": 0, "near_duplicates": 0, "refusals": "keep"}
        await complete(tmp_path, settings_for(server.base_url, method=old))
        path = tmp_path / "settings.json"
        with pytest.raises(UsageError, match="method.near_duplicates: None -> 0.8"):
            await complete(
                tmp_path, settings_for(server.base_url, method={"total": 30, "augment_to": 0})
            )
        stored = json.loads(path.read_bytes())
        for name in ("near_duplicates", "refusals", "selected"):
            del stored["settings"]["method"][name]
        assert not any("near_dup" in name or "refusals" in name for name in stored["decisive"])
        path.write_text(json.dumps(stored))
        larger = {"total": 30, "augment_to": 0}
        await complete(tmp_path, settings_for(server.base_url, method=larger))
        assert check_books(tmp_path)["wanted"] == 30
        named = settings_for(server.base_url, method={**larger, "near_duplicates": 0.7})
        with pytest.raises(UsageError, match="method.near_duplicates"):
            await complete(tmp_path, named)


async def test_examples_and_instructions_are_counted_by_one_of_them() -> None:
    """``total`` is the most that a number of examples may take; 20 for each unless it is given."""

    def method(**given: Any) -> Any:
        return load_settings(None, {"method": given}).method

    assert (method(selected=50).total, method(selected=50, total=70).total) == (1000, 70)
    assert method(selected=50).goals == (50,)
    for given, message in (
        ({"selected": 50, "total": 49}, "total must be at least as many"),
        ({"selected": 50, "per_entry": 2}, "give one of them"),
        ({"selected": 0}, "must be at least 1"),
        ({"near_duplicates": 0.2}, "it must be 0, or from 0.5 to 1"),
        ({"refusals": "mend"}, "'discard' or 'keep'"),
        ({"decontaminate_ngram": 0}, "must be at least 1"),
    ):
        with pytest.raises(UsageError, match=message):
            method(**given)


async def test_the_public_door_gives_exactly_n() -> None:
    """At the end, sorted by id: only then is it known which they are."""
    from codeclm import synthesize
    from tests.test_synthesis import scripted

    settings = load_settings(
        None, {"method": {"selected": 5, "augment_to": 0, "near_duplicates": 0}}
    )
    async with asyncio.timeout(20):
        async with synthesize(["Seed 0", "Seed 1"], settings, parties=scripted()) as examples:
            ids = [example.comparison.draft.id async for example in examples]
    assert len(ids) == 5
    assert ids == sorted(ids)
