"""Fine-tuning in the simulated world follows its stated law, and is served."""

from pathlib import Path

import aiohttp
import pytest

from codeclm.errors import UsageError
from codeclm.pairs import read_pairs
from codeclm.simulator import SimulatorServer, UnknownModel, World
from codeclm.simulator.responder import respond
from codeclm.simulator.seeded import seeded

PROOF = "Give a proof by induction that the sum of two odd numbers is even."
RHYME = "Let every second line rhyme in a poem about a late train."


def examples(instruction: str, quality: float, count: int) -> list[tuple[str, str]]:
    rng = seeded("examples", instruction, quality)
    return [(instruction, respond(instruction, quality, False, rng)) for _ in range(count)]


def strength(world: World, model: str, instruction: str) -> float:
    skills = world.skills_of(instruction)
    return min(world.profile(model).strengths[skill] for skill in skills)


def test_good_answers_teach_what_the_model_is_weak_at() -> None:
    """The more examples the closer to the level that they show, never beyond it; other skills stay as they were."""
    world = World()
    weak = strength(world, "sim-target", PROOF)
    reached = []
    for count in (1, 10, 100, 1_000):
        world.tune("sim-target", f"tuned-{count}", examples(PROOF, 8.0, count))
        reached.append(strength(world, f"tuned-{count}", PROOF))
        assert strength(world, f"tuned-{count}", RHYME) == strength(world, "sim-target", RHYME)
    assert weak < reached[0] < reached[1] < reached[2] < reached[3] < 9.0
    assert reached[3] > 7.5


def test_what_the_model_can_do_better_teaches_nothing() -> None:
    """Answers worse than its own leave it as it was; so do none at all."""
    world = World()
    world.tune("sim-target", "tuned", examples(RHYME, 3.0, 100))
    world.tune("sim-target", "untrained", [])
    for model in ("tuned", "untrained"):
        assert world.profile(model).strengths == world.profile("sim-target").strengths


def test_hard_instructions_make_difficulty_cost_less() -> None:
    """The slope falls with the difficulty that was seen, down to that of the strong model."""
    world = World()
    hard = PROOF + " Rank three alternatives by how much is lost if they fail." * 5
    for name, text, count in (("easy", PROOF, 50), ("hard", hard, 50), ("very", hard, 100_000)):
        world.tune("sim-target", name, examples(text, 8.0, 1) * count)
    slopes = [world.profile(name).slope for name in ("sim-target", "easy", "hard", "very")]
    assert slopes == sorted(slopes, reverse=True)
    assert slopes[1] > slopes[2]
    assert slopes[3] == pytest.approx(world.profile("sim-strong").slope)


def test_names_are_checked() -> None:
    """A model that is there is not replaced; one that is not cannot be trained."""
    world = World()
    with pytest.raises(UsageError, match="has a model 'sim-strong' already"):
        world.tune("sim-target", "sim-strong", [])
    with pytest.raises(UnknownModel):
        world.tune("nobody", "tuned", [])


def test_an_evenly_weak_target_has_no_weak_skills() -> None:
    """It is behind by the same in everything, whatever the seed."""
    for seed in range(5):
        world = World(seed, evenly_weak=True)
        strong, target = world.profile("sim-strong"), world.profile("sim-target")
        lags = {strong.strengths[name] - target.strengths[name] for name in strong.strengths}
        assert len(lags) == 1
        assert strong.slope == target.slope
        assert not world.weak_skills


@pytest.mark.anyio
async def test_a_tuned_model_is_served_with_the_others() -> None:
    """Also one that joins while the server runs."""
    world = World()
    async with SimulatorServer(world) as server, aiohttp.ClientSession() as session:
        world.tune("sim-target", "late", examples(PROOF, 8.0, 10))
        body = {"model": "late", "messages": [{"role": "user", "content": PROOF}]}
        async with session.post(f"{server.base_url}/chat/completions", json=body) as answer:
            assert answer.status == 200
        async with session.get(f"{server.base_url}/models") as answer:
            names = [model["id"] for model in (await answer.json())["data"]]
    assert names == ["sim-strong", "sim-target", "sim-judge", "late"]


def test_pairs_come_from_rows_and_from_messages(tmp_path: Path) -> None:
    """A run's dataset and an export of chat messages; anything else is named by its line."""
    file = tmp_path / "pairs.jsonl"
    file.write_text(
        '{"instruction": "a", "response": "b"}\n'
        '{"messages": [{"role": "user", "content": "c"}, {"role": "assistant", "content": "d"}]}\n'
    )
    assert [*read_pairs(file)] == [("a", "b"), ("c", "d")]
    file.write_text('{"instruction": "a", "response": "b"}\n{"instruction": "a"}\n')
    with pytest.raises(UsageError, match="line 2: no instruction"):
        list(read_pairs(file))
    with pytest.raises(UsageError, match="cannot be read"):
        list(read_pairs(tmp_path / "none.jsonl"))
