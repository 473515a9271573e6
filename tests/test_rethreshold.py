"""Another theta from the scores on record: no call, no guess, and the same bytes as a run with that theta."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.progress import NoView, Snapshot
from codeclm.records import Responder
from codeclm.rethreshold.command import rethreshold_run
from codeclm.rethreshold.decision import BOTH, Fate, Rule, Subject, subject_of
from codeclm.run import Order, Stopper, run
from codeclm.settings import Settings
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.world import World
from tests.loops import ON_UVLOOP
from tests.running import complete, contents, rows, seeds, settings_for

Row = dict[str, Any]

pytestmark = pytest.mark.anyio


class StopsSoon(NoView):
    """Stops the run in ``directory`` as soon as anything is discarded."""

    interval_s = 0.02

    def __init__(self, directory: Path, stopper: Stopper) -> None:
        self._file, self._stopper = directory / "discarded.jsonl", stopper

    def show(self, snapshot: Snapshot) -> None:
        if self._file.stat().st_size:
            self._stopper.stop("enough")


def settings_at(base_url: str, theta: float, **method: Any) -> Settings:
    method = {"total": 60, "augment_to": 0, "theta": theta, **method}
    return settings_for(base_url, max_in_flight=64, method=method)


def rethreshold(
    directory: Path,
    theta: float | None = None,
    output: Path | None = None,
    *winners: Responder,
) -> Row:
    said: list[str] = []
    rethreshold_run(
        directory,
        theta=theta,
        winners=winners or BOTH,
        output=output,
        as_json=True,
        tell=said.append,
    )
    result: Row = json.loads(said[0])
    return result


@ON_UVLOOP
async def test_a_smaller_theta_gives_the_bytes_that_a_run_with_it_gives(tmp_path: Path) -> None:
    """Each instruction is taken where that run takes it. That run stays as it is; its own theta changes nothing."""
    async with SimulatorServer(World()) as server:
        await complete(tmp_path / "at-3", settings_at(server.base_url, 3), seeds(20))
        await complete(tmp_path / "at-1.5", settings_at(server.base_url, 1.5), seeds(20))
        calls = server.log.answered
        before = contents(tmp_path / "at-3")
        result = rethreshold(tmp_path / "at-3", 1.5, tmp_path / "new")
        rethreshold(tmp_path / "at-3", None, tmp_path / "same")
        assert server.log.answered == calls
    assert contents(tmp_path / "at-3") == before
    made, anew = RunArchive(tmp_path / "at-1.5"), RunArchive(tmp_path / "new")
    selection = (tmp_path / "new" / "dataset.jsonl").read_bytes()
    assert selection == (tmp_path / "at-1.5" / "dataset.jsonl").read_bytes()
    assert (tmp_path / "same" / "dataset.jsonl").read_bytes() == before["dataset.jsonl"]
    counts, expected = anew.summary["counts"], made.summary["counts"]
    for fate in ("selected", "discarded", "failed"):
        assert counts[fate] == expected[fate] == result["counts"][fate]
    assert counts["undetermined"] == 0
    for name in ("selected_by_iteration", "selected_by_responder"):
        assert anew.summary[name] == made.summary[name] == result["counts"][name]
    at_1 = next(one for one in result["curve"] if one["theta"] == 1.5)
    assert at_1 == {"theta": 1.5, **result["counts"]}


@ON_UVLOOP
async def test_a_larger_theta_invents_nothing(tmp_path: Path) -> None:
    """What it would have sent on is undetermined; all else is what a run with it decides."""
    async with SimulatorServer(World()) as server:
        await complete(tmp_path / "at-2", settings_at(server.base_url, 2), seeds(20))
        await complete(tmp_path / "at-4", settings_at(server.base_url, 4), seeds(20))
    result = rethreshold(tmp_path / "at-2", 4, tmp_path / "new")
    truth = {row["id"]: row for row in rows(tmp_path / "at-4" / "dataset.jsonl")}
    chosen = rows(tmp_path / "new" / "dataset.jsonl")
    assert chosen
    assert all(truth[row["id"]] == row for row in chosen)
    others = rows(tmp_path / "new" / "discarded.jsonl")
    unsure = {row["id"] for row in others if row["reason"].startswith("undetermined: ")}
    assert len(unsure) == result["counts"]["undetermined"] > 0
    assert truth.keys() - unsure == {row["id"] for row in chosen}
    assert len(chosen) + len(others) == 60
    by_theta = [one["undetermined"] for one in result["curve"]]
    assert by_theta == sorted(by_theta)
    assert not any(one["undetermined"] for one in result["curve"] if one["theta"] <= 2)


@ON_UVLOOP
async def test_a_stopped_run_and_one_winner(tmp_path: Path) -> None:
    """What is on record so far is decided; wins that are not wanted are discarded; no run goes on in the selection."""
    async with SimulatorServer(World()) as server:
        settings = settings_at(server.base_url, 3, total=200)
        order, stopper = Order(seeds(40), settings, tmp_path / "run"), Stopper()

        finished = await run(order, StopsSoon(tmp_path / "run", stopper), stopper)
        assert finished.reason
        result = rethreshold(tmp_path / "run", 1, tmp_path / "new", "target")
        assert not result["run_is_complete"]
        assert result["counts"]["selected_by_responder"].keys() <= {"target"}
        assert not (tmp_path / "new" / "dataset.jsonl").exists()
        before = contents(tmp_path / "new")
        with pytest.raises(UsageError, match="other settings"):
            await complete(tmp_path / "new", settings_at(server.base_url, 1, total=200), seeds(40))
    after = contents(tmp_path / "new")
    assert {name: after[name] for name in before} == before
    others = rows(tmp_path / "new" / "discarded.jsonl")
    assert any(row["reason"] == "the strong response wins, and is not wanted" for row in others)


def judged(gap: float, **more: Any) -> Row:
    return {
        "instruction": f"at {gap}",
        "gap": gap,
        "scores": {},
        "strong_response": "S",
        "target_response": "T",
        **more,
    }


def subject(name: Fate, *gaps: float, own: bool = True, **more: Any) -> Subject:
    """An instruction with these gaps; where ``own`` is false the last one is of an earlier iteration too."""
    history = [judged(gap) for gap in (gaps[:-1] if own else gaps)]
    last = judged(gaps[-1]) if own else {"instruction": "it failed"}
    row = {"id": "a", **last, "iteration": len(history) + 1, "history": history, **more}
    found = subject_of(name, row)
    assert found is not None
    return found


CASES: list[tuple[str, Subject, float, tuple[str, int | None]]] = [
    ("its own gap", subject("selected", 1, 4), 3, ("selected", 2)),
    ("an earlier one", subject("selected", 2, 4), 1, ("selected", 1)),
    ("target's win", subject("selected", -2, 4), 1, ("selected", 1)),
    ("equal is within", subject("selected", 2, 4), 2, ("selected", 2)),
    ("would have gone on", subject("selected", 1, 4), 5, ("undetermined", None)),
    ("used up", subject("selected", 0, 0, 0, 4), 5, ("discarded", None)),
    (
        "discarded stays",
        subject("discarded", 0, 1, 0, 1, reason="gap within 3 after 4 iterations"),
        3,
        ("discarded", None),
    ),
    (
        "discarded, now beyond",
        subject("discarded", 0, 1, 0, 2, reason="gap within 3 after 4 iterations"),
        1,
        ("selected", 4),
    ),
    (
        "cut off",
        subject("discarded", 1, -5, reason="the target response wins but was cut off"),
        3,
        ("discarded", None),
    ),
    (
        "cut off, and within",
        subject("discarded", 1, -5, reason="the target response wins but was cut off"),
        6,
        ("undetermined", None),
    ),
    (
        "refused before",
        subject("selected", 0, 4, history=[judged(-2, target_refused=True)]),
        1,
        ("discarded", None),
    ),
    (
        "empty before",
        subject("selected", 0, 4, history=[judged(-2, target_response=" ")]),
        1,
        ("discarded", None),
    ),
    (
        "refused, and within",
        subject("discarded", 1, -5, reason="the target response wins but is a refusal"),
        6,
        ("undetermined", None),
    ),
    (
        "a repeat",
        subject("discarded", 2, 5, reason="near-duplicate", repeats="b"),
        1,
        ("discarded", None),
    ),
    (
        "another reason",
        subject("discarded", 1, 5, reason="it overlaps a test set"),
        3,
        ("discarded", None),
    ),
    ("failed later", subject("failed", 2, own=False, reason="ParseError"), 3, ("failed", None)),
    ("failed too late", subject("failed", 2, own=False, reason="ParseError"), 1, ("selected", 1)),
    ("declined", subject("discarded", 2, own=False, reason="refused: no"), 1, ("selected", 1)),
    (
        "declined, no history",
        subject("discarded", 2, own=False, reason="refused: no", history=[]),
        1,
        ("undetermined", None),
    ),
    (
        "responses not kept",
        subject("selected", 0, 4, history=[{"instruction": "i", "gap": 2.0, "scores": {}}]),
        1,
        ("undetermined", None),
    ),
    (
        "target cut off before",
        subject("selected", 0, 4, history=[judged(-2, target_cut_off=True)]),
        1,
        ("discarded", None),
    ),
]


@pytest.mark.parametrize(
    ("one", "theta", "expected"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_each_case_is_decided_by_what_is_on_record(
    one: Subject, theta: float, expected: tuple[str, int | None]
) -> None:
    """Golden cases: the fate, and the iteration that is taken."""
    decision = Rule(theta, 4).decide(one)
    assert (decision.fate, decision.taken and decision.taken.iteration) == expected
    assert bool(decision.reason) == (decision.fate != "selected")


def test_a_seed_that_failed_is_no_instruction() -> None:
    """It is no subject, and stays among the failed."""
    assert subject_of("failed", {"id": "s", "stage": "encode", "reason": "x", "raw": ""}) is None


@ON_UVLOOP
async def test_what_cannot_be_is_said_in_one_line(tmp_path: Path) -> None:
    """No run, no judgements, a theta that no gap exceeds, a directory that is taken, a selection of a selection."""
    async with SimulatorServer(World()) as server:
        judged_run = settings_at(server.base_url, 3, total=6)
        await complete(tmp_path / "run", judged_run, seeds(2))
        unjudged = settings_at(server.base_url, 3, total=2, contrastive_filtering=False)
        await complete(tmp_path / "unjudged", unjudged, seeds(2))
    rethreshold(tmp_path / "run", 2, tmp_path / "taken")
    for arguments, message in (
        ((tmp_path / "nowhere",), "no run's directory"),
        ((tmp_path / "unjudged",), "nothing was judged"),
        ((tmp_path / "run", 9.0), "it must be from 0 to below 9"),
        ((tmp_path / "run", 2.0, tmp_path / "taken"), "not empty"),
        ((tmp_path / "taken", 1.0), "itself made by rethreshold"),
    ):
        with pytest.raises(UsageError, match=message):
            rethreshold(*arguments)
    svg = (tmp_path / "taken" / "curve.svg").read_text()
    assert svg.startswith("<svg")
    assert "<script" not in svg
