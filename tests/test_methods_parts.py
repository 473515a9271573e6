"""The parts of the baselines by themselves: what is too much alike, eliminated, rated, and in what order."""

from __future__ import annotations

import asyncio
import re
from collections.abc import (
    AsyncIterable,
    AsyncIterator,
    Callable,
    Iterable,
    Mapping,
    Sequence,
)
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.engine.stage import Failed
from codeclm.errors import ParseError, TimedOut, UsageError
from codeclm.llm.chat import ChatRequest
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.baseline import Asking
from codeclm.methods.evolution import OPERATIONS, PROMPTS, Evolve, evolved_ids
from codeclm.methods.generation import Generation
from codeclm.methods.generation_prompt import PROMPTS as GENERATION
from codeclm.methods.job import Parties, Party
from codeclm.methods.pool import InstructionPool
from codeclm.methods.self_instruct import SelfInstructOptions
from codeclm.methods.wizardlm import WizardLMOptions
from codeclm.parsing.rating import parse_rating
from codeclm.records import Again, Draft, Dropped, Entry, Example, Metadata, Seed, Unit
from codeclm.simulator.world import World

pytestmark = pytest.mark.anyio

WORDS = st.lists(
    st.sampled_from(["write", "sing", "plan", "the", "a", "song", "trip", "of", "in", "sea"]),
    max_size=9,
)


def rouge_l(first: Sequence[str], second: Sequence[str]) -> float:
    """F1 of the longest common subsequence, by the book."""
    table = [[0] * (len(second) + 1) for _ in range(len(first) + 1)]
    for i, a in enumerate(first):
        for j, b in enumerate(second):
            longest = max(table[i][j + 1], table[i + 1][j])
            table[i + 1][j + 1] = table[i][j] + 1 if a == b else longest
    return 2 * table[-1][-1] / (len(first) + len(second))


@given(first=WORDS, second=WORDS)
def test_the_pool_compares_by_rouge_l(first: list[str], second: list[str]) -> None:
    """A text is taken exactly where its ROUGE-L F1 to the one that is there is below 0.7."""
    pool = InstructionPool(0.7)
    assert pool.add(" ".join(first))
    if first or second:
        assert pool.add(" ".join(second).upper() + "!") is (rouge_l(first, second) < 0.7)


def test_the_pool_reads_every_script() -> None:
    """Equal but for one word in ten is too much alike in Chinese and Russian too; seeds are in unasked."""
    pool = InstructionPool(0.7)
    for text in ("写一首关于大海和月亮的诗歌", "Напиши короткое стихотворение о море и о луне"):
        assert pool.add(text)
        assert not pool.add(text.replace("大海", "大山").replace("море", "горе"))
        assert pool.add(text, always=True)
    assert pool.add("画一张地图")
    assert len(pool) == 5


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("4.5", 4.5),
        ("4,5", 4.5),
        (" **5** ", 5.0),
        ("Score: 3", 3.0),
        ("3/5", 3.0),
        ("4 out of 5\n\nIt is mostly right.", 4.0),
        ("The response is fine.\nScore: 4.5/5", 4.5),
        ("**Rating:** 2", 2.0),
        ("Score: 4\nScore: 4", 4.0),
        ("<think>5?</think>2", 2.0),
        ("0", 0.0),
        ("", None),
        ("I cannot rate this.", None),
        ("Score: 7", None),
        ("Score: 3, but also rating: 4", None),
        ("It has 3 errors.", None),
        ("3-4", None),
        ("Score: 3-4", None),
    ],
)
def test_ratings_are_read_without_guessing(text: str, expected: float | None) -> None:
    """Golden pairs; None: it cannot be read, and the error holds the text."""
    if expected is None:
        with pytest.raises(ParseError) as raised:
            parse_rating(text, 5)
        assert raised.value.raw == text
    else:
        assert parse_rating(text, 5) == expected


GOOD = "A long and useful answer about the sea, with all its waves."


def asking(answer: Mapping[str, object] | Callable[[ChatRequest], str]) -> Asking:
    """A strong model that says to each stage what is given, or raises it; or what a function makes of the request."""

    def said(request: ChatRequest) -> str:
        if callable(answer):
            return answer(request)
        one = answer[request.stage]
        if isinstance(one, Exception):
            raise one
        return str(one)

    strong = Party(ScriptedModel(said))
    options = WizardLMOptions(total=4, redraws=0)
    return Asking(Parties(strong, strong), options, {**PROMPTS, **GENERATION})


def again(iteration: int = 0, instruction: str = "Write about the sea.") -> Again:
    entry = Entry(0, "e", Metadata("", ()))
    return Again(Draft("d", entry, instruction, iteration))


HARDER = "Write about the sea, and cite a map."
WELL = {"evolve": HARDER, "breadth": HARDER, "same": "no", "respond": GOOD}


async def test_an_evolution_is_an_example_and_goes_on() -> None:
    """The evolved instruction with its response, its operation and its id; the next round starts from it."""
    example, onward = await Evolve(asking(WELL), 4)(again())
    assert isinstance(example, Example)
    draft = example.comparison.draft
    assert draft.id == evolved_ids("d", 4)[0]
    assert (draft.instruction, draft.iteration) == (HARDER, 1)
    assert draft.actions[0] in OPERATIONS
    assert onward == Again(draft)
    (last,) = await Evolve(asking(WELL), 4)(again(iteration=3))
    assert isinstance(last, Example)


@pytest.mark.parametrize(
    ("answers", "reason"),
    [
        ({"same": "yes"}, "asks for nothing more"),
        (
            dict.fromkeys(("evolve", "breadth"), "Do as the given instruction says, twice."),
            "words of the prompt",
        ),
        ({"respond": "I am sorry, I cannot do that."}, "sorry, and short"),
        ({"respond": "... and so on."}, "says nothing"),
        ({"respond": "?!"}, "says nothing"),
    ],
)
async def test_a_failed_evolution_is_eliminated_and_starts_anew(
    answers: dict[str, object], reason: str
) -> None:
    """It is dropped with its reason, and the next round starts where this one did."""
    dropped, onward = await Evolve(asking({**WELL, **answers}), 4)(again())
    assert isinstance(dropped, Dropped)
    assert reason in dropped.reason
    assert isinstance(onward, Again)
    assert onward.draft.instruction == again().draft.instruction
    assert onward.draft.actions == ()
    assert (onward.draft.id, onward.draft.iteration) == (dropped.draft.id, 1)


async def test_a_long_response_may_be_sorry() -> None:
    """Only a short one is a refusal."""
    answers = {**WELL, "respond": "I am sorry for your loss. " + "It will be well. " * 30}
    example, _ = await Evolve(asking(answers), 4)(again())
    assert isinstance(example, Example)


async def test_what_may_pass_is_tried_once_more_and_then_goes_on() -> None:
    """The first trouble is raised, for the engine to try again at the end; the second is an outcome of this round."""
    evolve = Evolve(asking({**WELL, "same": TimedOut("late")}), 4)
    with pytest.raises(TimedOut):
        await evolve(again())
    failed, onward = await evolve(again())
    assert isinstance(failed, Failed)
    assert isinstance(onward, Again)
    failed, _ = await evolve(onward)  # nothing is put off any more
    assert isinstance(failed, Failed)
    assert failed.item == Again(replace(onward.draft, id=evolved_ids("d", 2)[1], iteration=2))


async def test_operations_are_drawn_alike() -> None:
    """Each of the six comes up about as often; another run seed draws others."""
    drawn = [await drawn_operations(seed, 600) for seed in (0, 1)]
    assert all(70 < drawn[0].count(operation) < 130 for operation in OPERATIONS)
    assert drawn[0] != drawn[1]


async def drawn_operations(run_seed: int, number: int) -> list[str]:
    """The operations of the first rounds of so many drafts."""
    evolve, start = Evolve(replace(asking(WELL), run_seed=run_seed), 1), again()
    operations: list[str] = []
    for n in range(number):
        (example,) = await evolve(replace(start, draft=replace(start.draft, id=f"d{n}")))
        assert isinstance(example, Example)
        operations += example.comparison.draft.actions
    return operations


def generation(
    answer: Mapping[str, object] | Callable[[ChatRequest], str],
    items: Iterable[Seed] | AsyncIterable[Seed] | None = None,
) -> Generation:
    """Thirty instructions wanted, in rounds of ten, from twelve seeds."""
    seeds = [Seed(n, f"s{n}", text) for n, text in enumerate(World().seeds(12))]
    return Generation(
        seeds if items is None else items,
        asking(answer),
        totals=(30,),
        per_call=5,
        per_round=10,
        from_seeds=6,
        from_made=2,
        similarity=0.7,
        blocked=SelfInstructOptions().blocked_words,
        done=lambda _: False,
    )


async def drive(source: Generation, order: Random) -> list[str]:
    """What comes of ``source`` where its units are answered in the order that ``order`` draws."""
    texts: list[str] = []
    waiting: list[Unit] = []

    async def answer_all(over: asyncio.Event) -> None:
        while not over.is_set():
            if waiting:
                await source.generate(waiting.pop(order.randrange(len(waiting))))
            await asyncio.sleep(0)

    over = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        group.create_task(answer_all(over))
        async for item in source.work():
            if isinstance(item, Unit):
                waiting.append(item)
            else:
                texts.append(item.instruction)
        over.set()
    return texts


class Writer:
    """Says instructions of the simulated world, a function of the prompt and the draw."""

    def __init__(self) -> None:
        self.prompts: list[str] = []

    def __call__(self, request: ChatRequest) -> str:
        text = request.messages[-1].content
        self.prompts.append(text)
        written = World(unreadable_share=0).answer(
            "sim-strong", [{"role": "user", "content": text}], seed=request.draw
        )
        return written.text


@pytest.mark.parametrize("anyio_backend", [("asyncio", {})], ids=["asyncio"])
async def test_the_pool_grows_the_same_whatever_comes_first(
    anyio_backend: tuple[str, dict[str, object]],
) -> None:
    """In any order of answers the same instructions; later rounds see examples of what earlier ones made."""
    made = []
    for number in range(3):
        writer = Writer()
        source = generation(writer)
        made.append(await drive(source, Random(number)))
        assert all(prompt.count("[Example ") == 8 for prompt in writer.prompts)
        first = set(made[-1][:5])
        assert any(text in prompt for prompt in writer.prompts[2:] for text in first)
    assert made[0] == made[1] == made[2]
    assert len(made[0]) == 30
    pool = InstructionPool(0.7)
    assert all(pool.add(text) for text in made[0])


async def test_what_never_ends_ends() -> None:
    """A model that says the same again and again: after some rounds what is missing is missing, and is counted."""
    same = "\n".join(
        f"{n}. Write a long poem about the number {n} and the sea." for n in range(1, 6)
    )
    source = generation({"generate": same})
    texts = await drive(source, Random(0))
    counts = source.counts()
    assert counts["instructions"] == len(texts)
    assert counts["missing"] == 30 - len(texts) > 0
    assert counts["duplicates_dropped"] > 0


async def test_what_a_text_model_cannot_do_is_dropped() -> None:
    """Too short, too long, or about pictures: counted, and not made."""
    texts = ["Sing", "Draw a picture of a cat.", "word " * 200]
    listed = "\n".join(f"{n}. {text}" for n, text in enumerate(texts, 1))
    source = generation({"generate": listed})
    assert await drive(source, Random(0)) == []
    assert source.counts()["unsuitable_dropped"] >= 3


async def test_a_stream_has_no_pool() -> None:
    """Self-Instruct learns from all seeds, so it needs an end of them."""

    async def stream() -> AsyncIterator[Seed]:
        yield Seed(0, "s", "Sing")

    source = generation({}, stream())
    with pytest.raises(UsageError, match="a stream has no end"):
        await anext(source.work())


def test_prompts_say_what_the_simulator_reads() -> None:
    """Every prompt of the baselines is recognised by the simulated models, with all of its parts."""
    from codeclm.methods.table import PROMPTS as EVERY
    from codeclm.simulator.baseline_reader import Complicate, Evolve, Generate, Rate, Same
    from codeclm.simulator.reader import read_prompt

    nasty = (
        "Rewrite this:\n\nInstruction: x\nNumber of instructions: 3\n[End of response]\nSecond: y"
    )
    variables = {"instruction": nasty, "response": nasty, "nodes": 10, "operation": "deepen"}
    known = {
        "complicate": Complicate(nasty, 10),
        "rate": Rate(nasty, nasty),
        "same": Same("one", "two"),
        "generate": Generate((nasty, "two"), 5),
    }
    given: dict[str, object] = {**variables, "first": "one", "second": "two"}
    given |= {"examples": [nasty, "two"], "count": 5}
    for name in ("alpagasus", "tree-instruct", "wizardlm"):
        for template in EVERY[name].values():
            used = {key: given[key] for key in template.requires}
            request = read_prompt(template.render(used))
            if template.name in known:
                assert request == known[template.name]
            else:
                assert getattr(request, "instruction", None) == nasty
                assert template.name != "evolve" or isinstance(request, Evolve)
    assert not re.search("rewritten|given", HARDER)
