"""Whole evaluations over HTTP: what is planted is found, and nothing is asked twice."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from codeclm.archive import RunArchive
from codeclm.errors import UsageError
from codeclm.evaluation.archive import EvaluationArchive
from codeclm.evaluation.crr import outcome_of
from codeclm.evaluation.plan import EvaluationOrder
from codeclm.evaluation.results import scores_in
from codeclm.evaluation.run import evaluate
from codeclm.evaluation.test_sets import read_test_set
from codeclm.progress import NoView, Snapshot
from codeclm.run import Stopper
from codeclm.simulator import ServerOptions, SimulatorServer, World
from codeclm.stages.evaluate import TEMPLATE
from tests.evaluating import (
    CATEGORIES,
    complete,
    figures,
    settings_for,
    sim,
    write_answers,
    write_test_set,
)
from tests.loops import ON_UVLOOP
from tests.running import complete as complete_run
from tests.running import contents, rows
from tests.running import settings_for as settings_for_run

# The engine has its tests on both loops; this is about what is made with it.
pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

ITEMS = 24


@pytest.fixture
def test_set(tmp_path: Path) -> Path:
    return write_test_set(tmp_path / "set.jsonl", ITEMS)


async def test_the_planted_order_of_candidates_is_found(tmp_path: Path, test_set: Path) -> None:
    """Answers of falling quality have a falling CRR, those as good as the reference's are not told apart from it, and
    the best and the worst differ beyond chance."""
    qualities = (9.5, 8.0, 7.0, 6.0, 4.0)
    candidates = {
        f"quality {one:g}": {
            "answers": str(write_answers(tmp_path / f"{one}.jsonl", test_set, one))
        }
        for one in qualities
    }
    async with SimulatorServer(World()) as server:
        finished = await complete(
            tmp_path / "run", settings_for(server.base_url, candidates), test_set
        )
    assert finished.exit_code == 0
    found = figures(tmp_path / "run")
    crr = [found[name]["crr"] for name in candidates]
    assert all(better >= worse for better, worse in pairwise(crr))
    assert crr[0] > 95
    assert crr[-1] < 20
    assert found["quality 9.5"]["wins"] > found["quality 8"]["wins"]
    compared = {
        (one["a"], one["b"]): one
        for one in EvaluationArchive(tmp_path / "run").results["comparisons"]
    }
    assert len(compared) == 10
    extremes = compared["quality 9.5", "quality 4"]
    assert extremes["p_crr"] < 1e-4
    assert extremes["interval"][0] > 50
    near = compared["quality 8", "quality 7"]
    assert near["interval"][0] <= near["crr_difference"] <= near["interval"][1]


async def test_flips_by_position_become_ties(tmp_path: Path, test_set: Path) -> None:
    """A judge that always prefers what it sees first names nobody: all tie, and the flips are told."""
    async with SimulatorServer(World(position_bias=9, judge_noise=0)) as server:
        await complete(tmp_path / "run", settings_for(server.base_url), test_set)
    [found] = figures(tmp_path / "run").values()
    assert (found["wins"], found["ties"], found["losses"]) == (0, ITEMS, 0)
    assert found["crr"] == 100
    assert found["order"]["flipped"] > 0.9
    assert found["order"]["first"] > 2


async def test_every_row_says_what_its_verdict_rests_on(tmp_path: Path, test_set: Path) -> None:
    """Both responses, four scores, both explanations; the figures are those of the rows, by category as well."""
    async with SimulatorServer(World()) as server:
        await complete(tmp_path / "run", settings_for(server.base_url), test_set)
    judged = rows(tmp_path / "run" / "judgements.jsonl")
    assert [row["item"] for row in judged] == [f"item-{n}" for n in range(ITEMS)]
    for row in judged:
        assert row["candidate_response"]
        assert row["reference_response"]
        assert row["outcome"] == outcome_of(*scores_in(row))
        assert all(len(text) > 20 for text in row["explanations"])
    [found] = figures(tmp_path / "run").values()
    for group in found["by_category"]:
        members = [row for row in judged if row["category"] == group["category"]]
        assert group["total"] == len(members) == ITEMS // 2
        assert group["wins"] == sum(row["outcome"] == "win" for row in members)
    assert [group["category"] for group in found["by_category"]] == sorted(CATEGORIES)


async def test_a_second_time_nothing_is_asked_and_nothing_changed(
    tmp_path: Path, test_set: Path
) -> None:
    """Complete is complete; and with the files gone, all comes back from the cache, byte for byte."""
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, cache=str(tmp_path / "cache"))
        await complete(tmp_path / "run", settings, test_set)
        before, asked = contents(tmp_path / "run"), server.log.requests
        await complete(tmp_path / "run", settings, test_set)
        assert server.log.requests == asked
        assert contents(tmp_path / "run") == before
        await complete(tmp_path / "other", settings, test_set)
        assert server.log.requests == asked + 3  # the signs of life
    for name in ("judgements.jsonl", "results.json"):
        assert (tmp_path / "other" / name).read_bytes() == before[name]


async def test_one_more_candidate_pays_only_for_itself(tmp_path: Path, test_set: Path) -> None:
    """It shares the reference's answers; what was judged stays as it was."""
    async with SimulatorServer(World()) as server:
        one = {"target": sim("target", server.base_url)}
        await complete(tmp_path / "run", settings_for(server.base_url, one), test_set)
        before = server.log.by_model.copy()
        first = figures(tmp_path / "run")["target"]
        two = {**one, "judge itself": sim("judge", server.base_url)}
        await complete(tmp_path / "run", settings_for(server.base_url, two), test_set)
        asked = server.log.by_model - before
    assert asked == {"sim-strong": 1, "sim-target": 1, "sim-judge": 1 + ITEMS + 2 * ITEMS}
    assert figures(tmp_path / "run")["target"] == first
    assert figures(tmp_path / "run")["judge itself"]["total"] == ITEMS


async def test_what_would_be_other_results_is_refused(tmp_path: Path, test_set: Path) -> None:
    """Another test set, scale or prompt, a candidate left out: the difference is named, and nothing is lost."""
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    (prompts / "evaluate.jinja").write_text(TEMPLATE.replace("a few", "some"))
    other = write_test_set(tmp_path / "other.jsonl", ITEMS + 1)
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url)
        await complete(tmp_path / "run", settings, test_set)
        before = contents(tmp_path / "run")
        renamed = {"another": sim("target", server.base_url)}
        for changed, items, name in (
            (settings, other, "test_set"),
            (settings_for(server.base_url, scale=5), test_set, "scale"),
            (settings_for(server.base_url, prompts=str(prompts)), test_set, "prompt.evaluate"),
            (settings_for(server.base_url, renamed), test_set, "candidate target"),
            (settings_for(server.base_url, judge=None), test_set, "judge"),
        ):
            with pytest.raises(UsageError, match=f"{name}.* changed"):
                await complete(tmp_path / "run", changed, items)
    assert contents(tmp_path / "run") == before


async def test_categories_are_changed_without_a_call(tmp_path: Path, test_set: Path) -> None:
    """They decide no verdict: the results are broken down anew, and models see no more than a sign of life."""
    async with SimulatorServer(World()) as server:
        await complete(tmp_path / "run", settings_for(server.base_url), test_set)
        answered = server.log.by_model.total()
        test_set.write_text(test_set.read_text().replace("writing", "poetry"))
        await complete(tmp_path / "run", settings_for(server.base_url), test_set)
        assert server.log.by_model.total() == answered + 3
    [found] = figures(tmp_path / "run").values()
    assert {group["category"] for group in found["by_category"]} == {"planning", "poetry"}


async def test_a_prompt_of_the_users_own_judges(tmp_path: Path, test_set: Path) -> None:
    """It may ask for scores alone; runs of the method pass over it."""
    prompts = tmp_path / "prompts"
    prompts.mkdir()
    own = (
        "Which is better? Two numbers from 1 to 10, please.\n[Instruction]\n{{ instruction }}\n[End of instruction]\n"
        "[Response of Assistant 1]\n{{ first_response }}\n[End of response of Assistant 1]\n"
        "[Response of Assistant 2]\n{{ second_response }}\n[End of response of Assistant 2]\n"
    )
    (prompts / "evaluate.jinja").write_text(own)
    async with SimulatorServer(World()) as server:
        settings = settings_for(server.base_url, prompts=str(prompts))
        finished = await complete(tmp_path / "run", settings, test_set)
        run = settings_for_run(server.base_url, prompts=str(prompts), method={"total": 3})
        await complete_run(tmp_path / "method", run)
    assert finished.summary["counts"]["failed"] == 0
    assert "prompt.evaluate" not in RunArchive(tmp_path / "method").settings["decisive"]


async def test_json_by_a_schema_is_read_as_well(tmp_path: Path, test_set: Path) -> None:
    """A judge that answers in JSON gives the same kind of verdicts, explained."""
    async with SimulatorServer(World(unreadable_share=0)) as server:
        judge = sim("judge", server.base_url, structured_output=True)
        finished = await complete(
            tmp_path / "run", settings_for(server.base_url, judge=judge), test_set
        )
    assert finished.exit_code == 0
    assert all(all(row["explanations"]) for row in rows(tmp_path / "run" / "judgements.jsonl"))


async def test_what_fails_is_told_counted_out_and_tried_again(
    tmp_path: Path, test_set: Path
) -> None:
    """A judge that cannot be read: exit code 3 and no figure of nothing; with --retry-failed new draws are asked."""
    async with SimulatorServer(World(unreadable_share=1)) as server:
        settings = settings_for(server.base_url)
        finished = await complete(tmp_path / "run", settings, test_set)
        port = int(server.base_url.split(":")[2].split("/")[0])
    assert finished.exit_code == 3
    assert finished.summary["failed_by_stage"] == {"judge": ITEMS}
    [found] = figures(tmp_path / "run").values()
    assert (found["failed"], found["total"], found["crr"]) == (ITEMS, 0, None)
    [reason] = {row["reason"].split(":")[0] for row in rows(tmp_path / "run" / "failed.jsonl")}
    assert reason == "ParseError"
    async with SimulatorServer(World(), port=port):
        finished = await complete(tmp_path / "run", settings, test_set, retry_failed=True)
    assert finished.exit_code == 0
    [found] = figures(tmp_path / "run").values()
    assert (found["failed"], found["total"]) == (0, ITEMS)


async def test_runs_and_evaluations_do_not_share_a_directory(
    tmp_path: Path, test_set: Path
) -> None:
    """Each refuses the other's, in one line, whoever comes second; so do their readers."""
    async with SimulatorServer(World()) as server:
        run = settings_for_run(server.base_url, method={"total": 3})
        await complete(tmp_path / "evaluation", settings_for(server.base_url), test_set)
        await complete_run(tmp_path / "run", run)
        with pytest.raises(UsageError, match=r"no run but another kind \(evaluation\)"):
            await complete_run(tmp_path / "evaluation", run)
        with pytest.raises(UsageError, match=r"no evaluation but another kind \(run\)"):
            await complete(tmp_path / "run", settings_for(server.base_url), test_set)
    with pytest.raises(UsageError, match="another kind"):
        RunArchive(tmp_path / "evaluation")
    with pytest.raises(UsageError, match="another kind"):
        EvaluationArchive(tmp_path / "run")


class StopAfter(NoView):
    """Stops when so many comparisons are judged."""

    interval_s = 0.001

    def __init__(self, stopper: Stopper, number: int) -> None:
        self._stopper = stopper
        self._number = number

    def show(self, snapshot: Snapshot) -> None:
        if snapshot.finished >= self._number:
            self._stopper.stop("enough")


async def test_figures_are_there_when_all_is_judged(tmp_path: Path, test_set: Path) -> None:
    """A stopped evaluation has rows and no results; the same order goes on to them."""
    async with SimulatorServer(World(), ServerOptions(latency_s=0.02)) as server:
        slow = {"target": sim("target", server.base_url, max_in_flight=2)}
        settings = settings_for(server.base_url, slow)
        stopper = Stopper()
        order = EvaluationOrder(read_test_set(test_set), settings, tmp_path / "run")
        finished = await evaluate(order, StopAfter(stopper, 5), stopper)
        assert finished.exit_code == 4
        assert finished.dataset is None
        assert 5 <= len(rows(tmp_path / "run" / "judged.jsonl")) < ITEMS
        assert finished.summary["counts"]["pending"] > 0
        with pytest.raises(UsageError, match="not complete"):
            _ = EvaluationArchive(tmp_path / "run").results
        finished = await evaluate(order, NoView(), Stopper())
    assert finished.exit_code == 0
    assert finished.summary["sessions"] == 2
    assert len(rows(tmp_path / "run" / "judged.jsonl")) == ITEMS


async def test_what_was_cut_off_is_judged_and_told(tmp_path: Path, test_set: Path) -> None:
    """A candidate that runs out of tokens is not spared: its half answers count, and are counted."""
    async with SimulatorServer(World()) as server:
        brief = {"brief": sim("target", server.base_url, max_tokens=20)}
        await complete(tmp_path / "run", settings_for(server.base_url, brief), test_set)
    [found] = figures(tmp_path / "run").values()
    assert found["cut_off"] == found["total"] == ITEMS
    judged = rows(tmp_path / "run" / "judgements.jsonl")
    assert all(row["cut_off"] == {"candidate": True, "reference": False} for row in judged)


async def test_classes_of_length_are_in_their_order(tmp_path: Path) -> None:
    """From the shortest to the longest, not by the alphabet."""
    test_set = tmp_path / "set.txt"
    test_set.write_text("\n".join("Explain this. " * n for n in (1, 4, 50, 2, 9, 60)))
    async with SimulatorServer(World()) as server:
        await complete(tmp_path / "run", settings_for(server.base_url), test_set)
    [found] = figures(tmp_path / "run").values()
    names = [group["category"] for group in found["by_category"]]
    assert names == ["2 to 4 words", "5 to 18 words", "19 to 120 words"]
