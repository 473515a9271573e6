"""The method as a whole, on models whose every answer is known."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from codeclm.assembly import make_job
from codeclm.engine.stage import Failed
from codeclm.errors import ParseError, Refused
from codeclm.llm.cache import CachedModel
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.store import MemoryStore
from codeclm.methods.job import Parties, Party
from codeclm.records import Dropped, Example, Rejection
from codeclm.seeds import SeedList
from codeclm.settings_file import load_settings
from codeclm.stages.templates import load_templates
from tests.scripted_world import answer, target_answer

pytestmark = pytest.mark.anyio


def cached(model: ScriptedModel, store: MemoryStore, name: str) -> CachedModel:
    return CachedModel(model, store, {"model": name}, model=name, on_event=lambda event: None)


class World:
    """Scripted models behind the cache, and what came of a run on them."""

    def __init__(self, strong: Any = answer, target: Any = target_answer) -> None:
        self.strong = ScriptedModel(strong)
        self.target = ScriptedModel(target)
        store = MemoryStore()
        self.parties = Parties(
            Party(cached(self.strong, store, "strong"), 4),
            Party(cached(self.target, store, "target"), 4),
        )

    async def run(self, seeds: int = 2, **method: Any) -> list[object]:
        source = SeedList(tuple(f"Seed {n}" for n in range(seeds)))
        settings = load_settings(
            None, {"method": {"augment_to": 0, "near_duplicates": 0, **method}}
        )
        self.job = make_job(source, source.tally(), settings, self.parties, load_templates())
        async with self.job.pipeline.open(self.job.source) as outcomes:
            return [outcome async for outcome in outcomes]

    def calls(self) -> Counter[str]:
        return Counter(one.stage for one in [*self.strong.requests, *self.target.requests])


def fates(outcomes: list[object]) -> Counter[tuple[str, int]]:
    found: Counter[tuple[str, int]] = Counter()
    for outcome in outcomes:
        if isinstance(outcome, Example):
            found["selected", outcome.comparison.draft.iteration] += 1
        elif isinstance(outcome, Rejection):
            found["discarded", outcome.verdict.comparison.draft.iteration] += 1
        elif isinstance(outcome, Failed):
            found[f"failed in {outcome.stage}", 0] += 1
    return found


async def test_exact_calls_and_outcomes() -> None:
    """Encode = seeds; rubrics = distinct entries that needed them; respond and judge = 2 for each instruction and
    iteration; improve = iterations beyond the first."""
    world = World()
    outcomes = await world.run(seeds=2, total=8)
    # Of 4 instructions an entry, 2 are hard (selected at once) and 2 easy (selected when improved twice).
    assert fates(outcomes) == {("selected", 1): 4, ("selected", 3): 4}
    assert world.calls() == {
        "encode": 2,
        "decode": 2,
        "rubrics": 2,
        "improve": 4 * 2,
        "respond": 2 * (4 * 1 + 4 * 3),
        "judge": 2 * (4 * 1 + 4 * 3),
    }


async def test_temperatures_and_messages_are_those_of_the_method() -> None:
    """0.7 to write, 0 to judge, 2,048 tokens; the respond step sends the bare instruction."""
    world = World()
    await world.run(total=4)
    asked = {(one.stage, one.temperature, one.max_tokens) for one in world.strong.requests}
    assert asked == {
        (stage, 0.0 if stage == "judge" else 0.7, 2048)
        for stage in ("encode", "decode", "rubrics", "improve", "respond", "judge")
    }
    instructions = {one.messages for one in world.target.requests}
    assert all(len(messages) == 1 for messages in instructions)


async def test_what_stays_within_theta_is_discarded_after_the_last_iteration() -> None:
    """With two iterations the easy instructions end as rejections, with their reason."""
    outcomes = await World().run(total=8, iterations=2)
    assert fates(outcomes) == {("selected", 1): 4, ("discarded", 2): 4}
    reasons = {one.reason for one in outcomes if isinstance(one, Rejection)}
    assert reasons == {"gap within 3 after 2 iterations"}


async def test_the_target_may_win() -> None:
    """A gap below -theta selects the target's response."""

    def generous(request: Any) -> str:
        if request.stage != "judge":
            return answer(request)
        first = request.messages[-1].content.partition("[Response of Assistant 1]")[2]
        return "9 2" if "target" in first.partition("[End")[0] else "2 9"

    outcomes = await World(generous).run(total=2)
    assert [one.responder for one in outcomes if isinstance(one, Example)] == ["target"] * 2


async def test_scores_are_kept_by_order_of_showing() -> None:
    """The first score is from the call that showed strong first, the second from the swapped one."""

    def positional(request: Any) -> str:
        if request.stage != "judge":
            return answer(request)
        first = request.messages[-1].content.partition("[Response of Assistant 1]")[2]
        return "5 4" if "target" in first.partition("[End")[0] else "10 1"

    outcomes = await World(positional).run(total=1)
    (example,) = [one for one in outcomes if isinstance(one, Example)]
    assert example.verdict is not None
    assert example.verdict.strong_scores == (10, 4)
    assert example.verdict.target_scores == (1, 5)
    assert example.verdict.gap == 4


@pytest.mark.parametrize(
    ("switches", "expected", "stages"),
    [
        (
            {"self_rubrics": False},
            {("selected", 1): 4, ("discarded", 1): 4},
            {"encode", "decode", "respond", "judge"},
        ),
        (
            {"contrastive_filtering": False, "improvements": 2},
            {("selected", 3): 8},
            {"encode", "decode", "rubrics", "improve", "respond"},
        ),
        (
            {"contrastive_filtering": False},
            {("selected", 4): 8},
            {"encode", "decode", "rubrics", "improve", "respond"},
        ),
        (
            {"contrastive_filtering": False, "self_rubrics": False},
            {("selected", 1): 8},
            {"encode", "decode", "respond"},
        ),
    ],
)
async def test_the_ablations(switches: Any, expected: Any, stages: set[str]) -> None:
    """No Self-Rubrics, no Contrastive Filtering, neither: the paper's rows of the ablation."""
    world = World()
    outcomes = await world.run(total=8, **switches)
    assert fates(outcomes) == expected
    assert set(world.calls()) == stages
    if not switches.get("contrastive_filtering", True):
        assert not world.target.requests


async def test_without_the_swap_there_is_one_judgement() -> None:
    """``swap_positions: false`` shows strong first, once."""
    world = World()
    await world.run(total=2, swap_positions=False, iterations=1)
    assert world.calls()["judge"] == 2


async def test_several_calls_an_entry_are_separate_draws() -> None:
    """n above k means several decode calls, none of which is answered by another's cached answer."""
    world = World()
    outcomes = await world.run(seeds=2, total=24, iterations=1)
    decodes = [one for one in world.strong.requests if one.stage == "decode"]
    assert len(decodes) == 6
    assert len({(one.messages, one.draw) for one in decodes}) == 6
    assert len(outcomes) == 24


async def test_equal_metadata_gives_different_samples() -> None:
    """Two seeds with the same metadata stay two entries, and their decode calls two samples."""

    def same(request: Any) -> str:
        return "Use case: case 0\nSkills: one" if request.stage == "encode" else answer(request)

    world = World(same)
    outcomes = await world.run(seeds=3, total=6, iterations=1)
    texts = {one.comparison.draft.instruction for one in outcomes if isinstance(one, Example)}
    assert len(texts) == 3
    assert world.calls()["decode"] == 3


async def test_duplicates_within_an_entry_are_dropped_and_topped_up() -> None:
    """A repeated line is asked for again; what stays short stays short, and is counted."""

    def repeating(request: Any) -> str:
        if request.stage != "decode":
            return answer(request)
        first = len([one for one in world.strong.requests if one.stage == "decode"]) == 1
        return "1. hard a\n2. hard a\n3. hard b" if first else "1. hard a\n2. hard c"

    world = World(repeating)
    outcomes = await world.run(seeds=1, total=4)
    texts = sorted(one.comparison.draft.instruction for one in outcomes)  # type: ignore[attr-defined]
    assert texts == ["hard a", "hard b", "hard c"]
    counts = world.job.counts()
    assert counts["instructions"] == 3
    assert counts["duplicates_dropped"] >= 2
    assert world.calls()["decode"] == 3


async def test_an_unreadable_judgement_is_drawn_anew() -> None:
    """At temperature 0 a second answer would be the first again, so further draws are sampled."""

    def reluctant(request: Any) -> str:
        return "I abstain." if (request.stage, request.draw) == ("judge", 0) else answer(request)

    world = World(reluctant)
    outcomes = await world.run(total=2)
    assert fates(outcomes) == {("selected", 1): 2}
    asked = {(one.draw, one.temperature) for one in world.strong.requests if one.stage == "judge"}
    assert asked == {(0, 0.0), (1, 0.7)}


async def test_an_unreadable_answer_fails_its_item_alone() -> None:
    """A seed that cannot be encoded fails with the raw text; the others make up for it."""

    def mute(request: Any) -> str:
        if request.stage == "encode" and request.messages[-1].content.endswith("Seed 1"):
            return "I would rather not say what this is about, sorry, it is hard to tell really."
        return answer(request)

    world = World(mute)
    outcomes = await world.run(seeds=3, total=6)
    (failed,) = [one for one in outcomes if isinstance(one, Failed)]
    assert failed.stage == "encode"
    assert isinstance(failed.error, ParseError)
    assert failed.error.raw.startswith("I would rather")
    assert fates(outcomes)["failed in encode", 0] == 1
    assert sum(fates(outcomes).values()) == 1 + 6
    assert Counter(one.stage for one in world.strong.requests)["encode"] == 2 + 3


async def test_augmentation_extends_the_pool() -> None:
    """Two seeds become six entries: the four extra ones are mixed from what was found."""
    world = World()
    outcomes = await world.run(seeds=2, total=6, augment_to=6, iterations=1)
    counts = world.job.counts()
    assert (counts["input"], counts["augmented"], counts["entries"]) == (2, 4, 6)
    assert len(outcomes) == 6
    metadata = {
        (one.comparison.draft.entry.metadata.use_case, one.comparison.draft.entry.metadata.skills)
        for one in [o if isinstance(o, Example) else o.verdict for o in outcomes]  # type: ignore[attr-defined]
    }
    assert {case for case, _ in metadata} <= {"case 0", "case 1"}
    assert {skill for _, skills in metadata for skill in skills} <= {
        "skill 0",
        "skill 1",
        "shared skill",
    }
    assert len(metadata) == 6


async def test_unreasonable_pairs_are_dropped_and_made_up_for() -> None:
    """With ``check_pairs`` the strong model drops pairs; the total is met by the rest."""

    def picky(request: Any) -> str:
        return "no" if request.stage == "pairs" else answer(request)

    world = World(picky)
    outcomes = await world.run(seeds=2, total=6, augment_to=6, check_pairs=True, iterations=1)
    counts = world.job.counts()
    assert (counts["augmented"], counts["pairs_dropped"], counts["entries"]) == (4, 4, 2)
    assert len(outcomes) == 6


async def test_metadata_keeps_to_closed_lists() -> None:
    """A use case outside the list is unreadable; skills outside are dropped."""
    world = World()
    outcomes = await world.run(
        seeds=2, total=2, use_cases=["Case 0"], allowed_skills=["shared skill"], iterations=1
    )
    assert fates(outcomes)["failed in encode", 0] == 1
    entries = {
        one.comparison.draft.entry.metadata for one in outcomes if isinstance(one, Example)
    } | {
        one.verdict.comparison.draft.entry.metadata
        for one in outcomes
        if isinstance(one, Rejection)
    }
    assert {(one.use_case, one.skills) for one in entries} == {("Case 0", ("shared skill",))}
    assert "Choose the use case from this list" in world.strong.requests[0].messages[0].content


async def test_the_language_is_asked_for_where_one_is_named() -> None:
    """Without one, prompts ask to keep the seed's language."""
    for language, phrase in ((None, "the language of the instruction"), ("Thai", "in Thai")):
        world = World()
        await world.run(total=2, language=language)
        first = world.strong.requests[0].messages[0].content
        assert phrase in first


async def test_the_same_run_gives_the_same_ids_and_actions() -> None:
    """Choices are drawn from record ids, so two runs agree in everything."""

    def shown(outcomes: list[object]) -> list[tuple[str, tuple[str, ...], str]]:
        drafts = [one.comparison.draft for one in outcomes if isinstance(one, Example)]
        return sorted((draft.id, draft.actions, draft.instruction) for draft in drafts)

    first, second = await World().run(total=8), await World().run(total=8)
    assert shown(first) == shown(second)
    assert len(shown(first)) == 8


async def test_a_refusal_in_words_is_discarded_before_it_is_judged() -> None:
    """With its reason, and no failure; ``refusals: keep`` lets it through."""

    def unwilling(request: Any) -> str:
        is_hard = request.stage == "respond" and "hard" in request.messages[-1].content
        return "I'm sorry, but I can't help with that." if is_hard else answer(request)

    world = World(unwilling)
    outcomes = await world.run(total=8, iterations=1)
    declined = [one for one in outcomes if isinstance(one, Failed)]
    assert [type(one.error) for one in declined] == [Refused] * 4
    assert world.calls()["judge"] == 2 * 4
    outcomes = await World(unwilling).run(total=8, iterations=1, refusals="keep")
    assert fates(outcomes)["selected", 1] == 4


async def test_equal_instructions_of_two_entries_are_paid_for_once() -> None:
    """One stays, whatever its entry; the others are dropped, before anybody responds where it came first."""

    def same(request: Any) -> str:
        return "1. hard task" if request.stage == "decode" else answer(request)

    world = World(same)
    outcomes = await world.run(seeds=3, total=3, near_duplicates=0.8)
    dropped = [one for one in outcomes if isinstance(one, Dropped)]
    numbers = [one.draft.entry.number for one in dropped]
    assert len(dropped) == 2
    assert 0 not in numbers
    assert world.calls()["respond"] == 2
    assert world.job.counts()["instructions"] == 3
