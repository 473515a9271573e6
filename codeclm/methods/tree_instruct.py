"""Tree-Instruct (arXiv 2308.05696): a seed grows by nodes of its semantic tree."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.methods.baseline import Asking, BaselineOptions, prompt
from codeclm.methods.job import Job, Parties
from codeclm.methods.rounds import Wanted
from codeclm.methods.seed_work import SeedWork
from codeclm.records import Again, Draft, Dropped, Entry, Example, Seed
from codeclm.stages.improve import parse_instruction
from codeclm.stages.prompt import Template

__all__ = ["PROMPTS", "TreeInstructOptions", "tree_instruct"]

TEMPLATE = """\
You make instructions for AI assistants more complex by way of their semantic trees.

Work step by step, in your head. First parse the instruction below into a tree of its meaning. Then expand that tree, \
in depth or in width, by exactly {{ nodes }} meaningful new nodes that are nouns or verbs and fit what is there. Last, \
write a wholly new instruction from the expanded tree: reasonable, answerable by a human in writing, with every input \
text, table or code that it needs. Write in {{ language or "the language of the instruction" }}.
Answer with the new instruction alone; do not show a tree and do not answer the instruction.

Instruction: {{ instruction }}
"""
PROMPTS = {"complicate": prompt("complicate", TEMPLATE, "instruction nodes", "language")}


@dataclass(frozen=True, slots=True, kw_only=True)
class TreeInstructOptions(BaselineOptions):
    """Settings of Tree-Instruct.

    nodes: nodes that are added to the tree of each instruction.
    """

    NAME: ClassVar[str] = "tree-instruct"
    USES: ClassVar[frozenset[str]] = BaselineOptions.USES | {"per_entry"}

    name: Literal["tree-instruct"] = "tree-instruct"
    nodes: int = 10

    def __post_init__(self) -> None:
        BaselineOptions.__post_init__(self)
        if self.nodes < 1:
            raise ValueError(f"nodes is {self.nodes}; it must be at least 1")


def tree_instruct(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    parties: Parties,
    options: TreeInstructOptions,
    templates: Mapping[str, Template],
    *,
    entries: int = 0,
    run_seed: int = 0,
    units_in_flight: int | None = None,
    done: Callable[[str], bool] = lambda _: False,
    **_: object,
) -> Job:
    """Each seed is rewritten with ``nodes`` (10) nodes added to its tree; the strong model responds; all is kept.

    As in the paper, parsing, expanding and writing are one prompt. Where more instructions are wanted than there are
    seeds, seeds are rewritten several times, as further draws. Departs from the paper in its wording, in that seeds
    are the user's and not 1,000 of Alpaca's, and in that a text that came back unchanged is dropped.
    """
    asking = Asking(parties, options, templates, run_seed)
    question = asking.question("complicate", parse_instruction)

    async def complicate(start: Again) -> Sequence[Draft | Dropped]:
        old = start.draft
        text = await question.ask(
            {"instruction": old.instruction, "nodes": options.nodes},
            draw=asking.draw(old.id),
            item=old.id,
            iteration=1,
        )
        draft = Draft(old.id, old.entry, text, 1, (f"{options.nodes} nodes",))
        if text == old.instruction:
            return [Dropped(draft, "it came back unchanged", {})]
        return [draft]

    work = SeedWork(items, Wanted(options.goals, entries, options.per_entry or 0), 1, done)
    workers = parties.strong.max_in_flight
    stages: list[Stage[Any, Any]] = [
        Stage("complicate", complicate, Again, (Draft, Dropped), workers=workers),
        Stage("respond", asking.take(), Draft, (Example,), workers=workers),
    ]
    pipeline = Pipeline(stages, (Example, Dropped), tickets=units_in_flight or workers)
    return Job(pipeline, work.starts(), work.counts)
