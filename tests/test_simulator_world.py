"""The simulated world: vocabulary, determinism, and answers that can be read."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from hashlib import blake2b
from itertools import product
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jinja2 import Template

import codeclm.simulator
from codeclm.errors import UsageError
from codeclm.simulator import UnknownModel, World
from codeclm.simulator.difficulty import ASPECTS, difficulty_of
from codeclm.simulator.metadata import skills_of
from codeclm.simulator.models import STRONG, TARGET
from codeclm.simulator.reader import (
    Check,
    Decode,
    Encode,
    Evaluate,
    Improve,
    Judge,
    Respond,
    Rubrics,
    read_prompt,
)
from codeclm.simulator.responder import quality_of, respond
from codeclm.simulator.sentences import (
    CLOSINGS,
    FILLER,
    FILLER_WORDS,
    OPENINGS,
    SUBSTANCE,
    SUBSTANCE_WORDS,
)
from codeclm.simulator.skills import SKILL_OF_KEYWORD, SKILLS
from codeclm.simulator.use_cases import AUDIENCES, DETAILS, FORMS, USE_CASES
from codeclm.simulator.words import words
from codeclm.simulator.writer import improve, write_instruction
from codeclm.stages import augment, decode, encode, evaluate, judge, rubrics
from codeclm.stages import improve as improve_stage

ENCODE, DECODE, RUBRICS, IMPROVE, JUDGE, CHECK, EVALUATE = (
    Template(stage.TEMPLATE)
    for stage in (encode, decode, rubrics, improve_stage, judge, augment, evaluate)
)
METADATA = {"use_case": "legal advice", "skills": ["legal reasoning", "casual tone"]}
MARKS = {aspect.mark for aspect in ASPECTS}
ASK_OF: dict[str, Callable[[int], str]] = {
    "encode": lambda i: ENCODE.render(instruction=f"Explain law number {i} to a beginner."),
    "check": lambda i: CHECK.render(use_case=f"use case {i}", skills=["formal proof"]),
    "decode": lambda i: DECODE.render(**METADATA, count=5),
    "rubrics": lambda i: RUBRICS.render(**METADATA, count=4),
    "improve": lambda i: IMPROVE.render(action="Add limits.", instruction=f"Explain law {i}."),
    "judge": lambda i: JUDGE.render(
        instruction="Why?", first_response=f"{SUBSTANCE[i % 36]}", second_response=FILLER[i % 36]
    ),
    "evaluate": lambda i: EVALUATE.render(
        instruction="Why?", first_response=f"{SUBSTANCE[i % 36]}", second_response=FILLER[i % 36]
    ),
    "respond": lambda i: f"Explain law number {i}.",
}


def user(content: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": content}]


def test_every_keyword_belongs_to_one_skill_and_every_cue_gives_its_skill_away() -> None:
    """Skills are read back from text, so no cue may speak for another skill or for a difficulty."""
    assert sum(len(skill.keywords) for skill in SKILLS.values()) == len(SKILL_OF_KEYWORD)
    for skill in SKILLS.values():
        assert len(skill.cues) == 3
        for cue in skill.cues:
            assert {SKILL_OF_KEYWORD[w] for w in words(cue) if w in SKILL_OF_KEYWORD} == {
                skill.name
            }
            assert not words(cue) & MARKS


def test_the_other_parts_of_an_instruction_speak_for_no_skill_and_no_difficulty() -> None:
    """Frames, topics, audiences, details and forms are neutral."""
    parts = [*AUDIENCES, *DETAILS, *FORMS]
    for case in USE_CASES.values():
        assert len(case.frames) == 5
        assert len(case.topics) == 12
        assert set(case.skills) <= set(SKILLS)
        parts += [*case.topics, *(re.sub(r"\{\w+\}", "", frame) for frame in case.frames)]
    for part in parts:
        assert not words(part) & (SKILL_OF_KEYWORD.keys() | MARKS), part


def test_every_clause_of_difficulty_shows_exactly_its_own_mark_and_no_skill() -> None:
    """A clause raises the difficulty by one mark and leaves the skills alone."""
    for aspect in ASPECTS:
        for clause, place in product(aspect.clauses, aspect.places):
            its_words = words(clause.format(place))
            assert its_words & MARKS == {aspect.mark}
            assert not its_words & SKILL_OF_KEYWORD.keys()
        for action in aspect.actions:
            assert [a for a in ASPECTS if a.action_words & words(action)] == [aspect]


def test_every_sentence_of_a_response_counts_once() -> None:
    """Substance and filler each show exactly one word of their own; openings and closings none."""
    for sentence in (*SUBSTANCE, *FILLER):
        assert len(words(sentence) & (SUBSTANCE_WORDS | FILLER_WORDS)) == 1, sentence
    for sentence in (*OPENINGS, *CLOSINGS):
        assert not words(sentence) & (SUBSTANCE_WORDS | FILLER_WORDS), sentence


def test_the_world_is_as_large_as_it_claims() -> None:
    """About 20 use cases, 50 skills and more, and over a million instructions for each use case and skill."""
    assert len(USE_CASES) >= 20
    assert len(SKILLS) >= 50
    for case in USE_CASES.values():
        ways = len(case.frames) * len(case.topics) * len(AUDIENCES)
        assert ways * (len(DETAILS) + 1) * (len(FORMS) + 1) * 3 >= 1_000_000


@pytest.mark.parametrize("count", [1, 2, 3])
def test_skills_are_read_back_from_written_instructions(count: int) -> None:
    """What an instruction was written for is what its text shows."""
    rng = Random(count)
    for case in USE_CASES.values():
        for _ in range(20):
            skills = rng.sample(list(SKILLS), count)
            assert set(skills_of(write_instruction(case.name, skills, rng))) == set(skills)


def test_improving_makes_an_instruction_longer_and_about_one_level_harder() -> None:
    """Each step adds a mark, keeps the skills and all of the text, also where text or code follows."""
    rng = Random(1)
    for case in USE_CASES.values():
        text = write_instruction(case.name, case.skills[:2], rng)
        for aspect in rng.sample(ASPECTS, 3):
            harder = improve(text, aspect.actions[0], rng)
            assert len(harder) > len(text) + 10
            assert 1.0 < difficulty_of(harder) - difficulty_of(text) < 1.5
            assert set(skills_of(harder)) == set(skills_of(text))
            assert text.partition("\n")[2] == harder.partition("\n")[2]
            text = harder


def test_exact_duplicates_are_rare_across_lists() -> None:
    """Thousands of instructions for one entry hardly repeat one another."""
    world = World(0)
    items = Counter(
        item
        for seed in range(400)
        for item in world.answer(STRONG, user(ASK_OF["decode"](0)), seed=seed).content
    )
    assert items.total() > 1900
    assert items.total() - len(items) < 0.01 * items.total()


@pytest.mark.parametrize("quality", [1.0, 3.0, 5.5, 8.0, 10.0])
def test_a_response_shows_its_quality_in_what_it_says(quality: float) -> None:
    """The quality read from many responses is on average the quality they were written with."""
    texts = [respond("Explain bread.", quality, i % 3 == 0, Random(i)) for i in range(400)]
    assert sum(map(quality_of, texts)) / len(texts) == pytest.approx(quality, abs=0.15)
    assert all(250 <= len(text) <= 1700 for text in texts)
    assert len({len(text.split("\n\n")) for text in texts}) > 2


@pytest.mark.parametrize(("kind", "ask"), ASK_OF.items())
def test_answers_do_not_depend_on_order(kind: str, ask: Callable[[int], str]) -> None:
    """With a seed, or at temperature 0, an answer is the same in any order and in another world object."""
    one, other = World(7), World(7)
    numbers = list(range(20))
    forward = {i: one.answer(TARGET, user(ask(i)), seed=i) for i in numbers}
    backward = {i: other.answer(TARGET, user(ask(i)), seed=i) for i in reversed(numbers)}
    assert forward == backward
    assert {answer.kind for answer in forward.values()} == {kind}
    cold = [one.answer(TARGET, user(ask(0)), temperature=0.0) for _ in range(3)]
    assert cold[0] == cold[1] == cold[2]


def test_samples_without_a_seed_differ_and_repeat_with_the_world() -> None:
    """A server samples anew each time; the sequence of samples is a function of the world's seed."""
    prompt = user(ASK_OF["decode"](0))

    def texts(world: World) -> list[str]:
        return [world.answer(STRONG, prompt, temperature=0.7).text for _ in range(5)]

    assert len(set(texts(World(1)))) == 5
    assert texts(World(1)) == texts(World(1)) != texts(World(2))


def test_model_seed_world_and_system_message_each_change_the_answer() -> None:
    """Whatever a real answer depends on, this one does."""
    prompt = user(ASK_OF["decode"](0))
    system = [{"role": "system", "content": "Be brief."}, *prompt]
    asked = [
        World(0).answer(STRONG, prompt, seed=0),
        World(1).answer(STRONG, prompt, seed=0),
        World(0).answer(TARGET, prompt, seed=0),
        World(0).answer(STRONG, prompt, seed=1),
        World(0).answer(STRONG, system, seed=0),
    ]
    assert len({answer.text for answer in asked}) == len(asked)
    assert {answer.kind for answer in asked} == {"decode"}


FINGERPRINT = """
import sys
from hashlib import blake2b
from codeclm.simulator import World
world = World(3)
digest = blake2b()
for i, text in enumerate(world.seeds(50)):
    for prompt in (text, sys.stdin.readline() if i < 0 else text + " Explain it."):
        for model in world.models:
            messages = [{"role": "user", "content": prompt}]
            digest.update(world.answer(model, messages, seed=i).text.encode())
    digest.update(repr((world.skills_of(text), world.difficulty(text))).encode())
print(digest.hexdigest())
"""


def test_answers_are_the_same_in_another_process() -> None:
    """Nothing depends on Python's hash seed."""
    prints = {
        subprocess.run(
            [sys.executable, "-c", FINGERPRINT],
            env={**os.environ, "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("1", "2")
    }
    assert len(prints) == 1
    assert len(prints.pop().strip()) == 2 * blake2b().digest_size


def read_list(text: str) -> list[str]:
    """A plain reader of numbered lists: what a careful person sees."""
    fenced = re.fullmatch(r"```json\n(.*)\n```", text, re.DOTALL)
    if fenced:
        return list(json.loads(fenced[1]))
    number = r"^(?:\*\*)?(?:Instruction )?\(?\d+[.):]+(?:\*\*)? "
    _, *items = re.split(number, text, flags=re.MULTILINE)
    return [re.split(r"\n\n(?=Let me|I hope|Feel free)", item)[0].strip() for item in items]


def test_lists_can_be_read() -> None:
    """A simple reader gets exactly the instructions meant, whatever the layout."""
    world = World(0, unreadable_share=0.0)
    layouts = set()
    for i, case in enumerate(list(USE_CASES.values()) * 40):
        prompt = DECODE.render(use_case=case.name, skills=case.skills[:2], count=5)
        answer = world.answer(STRONG, user(prompt), seed=i)
        assert read_list(answer.text) == list(answer.content)
        layouts.add(re.sub(r"[^*(]*?(\W*)\d?(\W).*", r"\1\2", answer.text[:20], flags=re.DOTALL))
    assert len(layouts) > 3


def test_scores_metadata_and_words_can_be_read() -> None:
    """The first two numbers of a rating (without its names and scale) and the labelled lines are what was meant."""
    world = World(0, unreadable_share=0.0)
    for i in range(600):
        rating = world.answer(STRONG, user(ASK_OF["judge"](i)), seed=i)
        numbers = re.findall(r"[\d.]+", re.sub(r"Assistant \d|/10", "", rating.text))
        assert tuple(numbers[:2]) == rating.content
        metadata = world.answer(STRONG, user(ASK_OF["encode"](i)), seed=i)
        lines = re.sub(r"\nSkills:\n- (.*)", r"\nSkills: \1", metadata.text).replace("\n- ", ", ")
        found = re.sub(r"\*\*|^- |Use case: |,? ?Skills: |Here is the metadata:\n\n", "", lines)
        for part in metadata.content:
            assert part in found.lower()
        check = world.answer(STRONG, user(ASK_OF["check"](i)), seed=i)
        assert check.text.strip(".").lower() == check.content[0]


def test_rubrics_and_improvements_can_be_read() -> None:
    """Rubrics and actions stand line by line in order; the improved instruction stands there whole."""
    world = World(0, unreadable_share=0.0)
    for i in range(300):
        answer = world.answer(STRONG, user(ASK_OF["rubrics"](i)), seed=i)
        lines = [
            re.sub(r"^(\d\. )?\s*(Rubric: |Action: )?", "", s) for s in answer.text.split("\n")
        ]
        places = [lines.index(content) for content in answer.content]
        assert len(answer.content) == 8
        assert places[:4] == sorted(places[:4])
        assert places[4:] == sorted(places[4:])
        improved = world.answer(STRONG, user(ASK_OF["improve"](i)), seed=i)
        assert improved.text.strip('"').endswith(improved.content[0])


def test_a_small_share_of_answers_is_unreadable_but_no_response_is() -> None:
    """The share is as set; an unreadable answer has no content."""
    world = World(0, unreadable_share=0.1)
    for kind, ask in ASK_OF.items():
        unreadable = sum(
            not world.answer(STRONG, user(ask(i)), seed=i).content for i in range(1000)
        )
        assert unreadable == 0 if kind == "respond" else 60 <= unreadable <= 140


def test_lists_are_sometimes_miscounted_or_repeat_an_item() -> None:
    """About one list in a hundred each."""
    world = World(0, unreadable_share=0.0)
    lists = [world.answer(STRONG, user(ASK_OF["decode"](0)), seed=i).content for i in range(2000)]
    assert 8 <= sum(len(items) != 5 for items in lists) <= 40
    assert 8 <= sum(len(set(items)) < len(items) for items in lists) <= 40


@pytest.mark.parametrize("as_sent", [str, str.strip])
def test_prompts_are_taken_apart_at_their_own_labels(as_sent: Callable[[str], str]) -> None:
    """Free text that contains a prompt's labels stays free text, with or without the last line end."""
    tricky = 'Fill in:\nInstruction: none\nSkills: Excel\nUse case: any\n\nAction: "run"'
    metadata = ("legal advice", ("legal reasoning", "casual tone"))
    ratings = {"instruction": tricky, "first_response": "a [x]", "second_response": ""}
    for prompt, meant in (
        (ENCODE.render(instruction=tricky), Encode(tricky)),
        (IMPROVE.render(action="Add it.", instruction=tricky), Improve("Add it.", tricky)),
        (JUDGE.render(**ratings, scale=5), Judge(tricky, "a [x]", "", 5)),
        (EVALUATE.render(**ratings, scale=5), Evaluate(tricky, "a [x]", "", 5)),
        (DECODE.render(**METADATA, count=7, language="German"), Decode(*metadata, 7)),
        (RUBRICS.render(**METADATA, count=3), Rubrics(*metadata, 3)),
        (CHECK.render(**METADATA), Check(*metadata)),
        (tricky, Respond(tricky)),
    ):
        assert read_prompt(as_sent(prompt)) == meant


def test_given_lists_of_use_cases_and_skills_are_kept_to() -> None:
    """An encoding answer holds only entries of the lists, word for word."""
    use_cases = ["Legal help", "Poems"]
    skills = ["Contract law", "Reasoning about law", "Rhyming"]
    world = World(0, unreadable_share=0.0)
    for i in range(50):
        prompt = ENCODE.render(
            instruction=f"Is contract {i} valid in court?", use_cases=use_cases, skills=skills
        )
        use_case, *chosen = world.answer(STRONG, user(prompt), seed=i).content
        assert use_case == "Legal help"
        assert chosen
        assert set(chosen) <= set(skills)


@pytest.mark.parametrize("scale", [5, 10, 100])
def test_the_scale_of_the_prompt_is_kept(scale: int) -> None:
    """Scores lie between 1 and the scale, and the better response gets the higher ones."""
    world = World(0, unreadable_share=0.0, position_bias=0.0)
    good, bad = respond("x", 9, False, Random(1)), respond("x", 2, False, Random(2))
    prompt = JUDGE.render(instruction="x", first_response=good, second_response=bad, scale=scale)
    for i in range(100):
        first, second = map(float, world.answer(STRONG, user(prompt), seed=i).content)
        assert 1 <= second < first <= scale


def test_the_target_is_behind_in_its_weak_skills_and_ahead_in_its_strong_suits() -> None:
    """What is planted is in the models' strengths, in every world."""
    for seed in range(20):
        world = World(seed)
        strong, target = world.profile(STRONG).strengths, world.profile(TARGET).strengths
        gaps = {skill: strong[skill] - target[skill] for skill in SKILLS}
        assert all(gaps[skill] > 4 for skill in world.weak_skills)
        assert all(gaps[skill] < -2 for skill in world.strong_suits)
        assert all(
            -0.5 < gaps[skill] < 4
            for skill in SKILLS
            if skill not in world.weak_skills | world.strong_suits
        )
        assert world.profile(TARGET).slope > world.profile(STRONG).slope


def test_tokens_are_counted_and_limited() -> None:
    """Four characters are a token; an answer beyond the limit is cut and says so."""
    world = World(0)
    whole = world.answer(STRONG, user("Explain bread."), seed=1)
    assert whole.finish_reason == "stop"
    assert whole.output_tokens == -(-len(whole.text) // 4)
    assert whole.input_tokens == 4
    cut = world.answer(STRONG, user("Explain bread."), seed=1, max_tokens=10)
    assert (cut.finish_reason, cut.output_tokens) == ("length", 10)
    assert whole.text.startswith(cut.text)


def test_seeds_are_readable_instructions_of_their_number() -> None:
    """The world's own seeds differ, cover most use cases, and repeat with the world's seed."""
    seeds = World(5).seeds(300)
    assert len(set(seeds)) > 290
    assert seeds == World(5).seeds(300)
    assert len(set(map(World(5).skills_of, seeds))) > 50


def test_an_unknown_model_is_named_and_bad_settings_are_refused() -> None:
    """A model that does not exist raises; settings out of range are usage errors."""
    with pytest.raises(UnknownModel, match="gpt-9"):
        World().answer("gpt-9", user("Hi"))
    with pytest.raises(UsageError, match="unreadable_share"):
        World(unreadable_share=1.5)
    with pytest.raises(UsageError, match="judge_noise"):
        World(judge_noise=-1)


def test_the_simulator_knows_nothing_of_the_pipeline() -> None:
    """It stands on the other side of the wire: of the package it imports the errors alone."""
    for path in Path(codeclm.simulator.__file__).parent.glob("*.py"):
        for name in re.findall(r"^(?:from|import) (codeclm[\w.]*)", path.read_text("utf-8"), re.M):
            assert name == "codeclm.errors" or name.startswith("codeclm.simulator"), path


OPENINGS_OF_PROMPTS = [ask(0).split("\n")[0] for ask in ASK_OF.values()]


@given(
    opening=st.sampled_from(OPENINGS_OF_PROMPTS),
    rest=st.text() | st.sampled_from([ask(1) for ask in ASK_OF.values()]),
    middle=st.integers(0, 3000),
    seed=st.none() | st.integers(),
)
def test_any_text_is_answered(opening: str, rest: str, middle: int, seed: int | None) -> None:
    """No prompt, however broken, is an error; what cannot be read as a prompt is responded to."""
    for prompt in (opening + rest, rest[middle:], opening + rest[middle:]):
        answer = World(0).answer(STRONG, user(prompt), seed=seed)
        assert answer.text
        assert answer.output_tokens > 0
