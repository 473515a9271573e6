"""Self-Instruct (arXiv 2212.10560): new instructions from examples of a growing pool."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.methods.baseline import Asking, BaselineOptions
from codeclm.methods.generation_prompt import PROMPTS
from codeclm.methods.job import Job, Parties
from codeclm.records import Draft, Entry, Example, Seed, Unit
from codeclm.stages.prompt import Template

if TYPE_CHECKING:
    from codeclm.methods.generation import Generation

__all__ = ["PROMPTS", "GenerationOptions", "SelfInstructOptions", "generation", "self_instruct"]


@dataclass(frozen=True, slots=True, kw_only=True)
class GenerationOptions(BaselineOptions):
    """Settings of Self-Instruct.

    per_round: instructions that are asked for before the pool grows by what is new among them.
    seed_examples, made_examples: examples in a prompt, of the seeds and of what was made before.
    similarity: the ROUGE-L F1 to any instruction of the pool from which one is too much alike.
    blocked_words: words of instructions that a text model cannot follow; such instructions are dropped.
    """

    USES: ClassVar[frozenset[str]] = BaselineOptions.USES | {"per_call"}

    per_round: int = 200
    seed_examples: int = 6
    made_examples: int = 2
    similarity: float = 0.7
    blocked_words: tuple[str, ...] = (
        *("image", "images", "picture", "pictures", "graph", "graphs", "plot", "draw"),
        *("video", "videos", "audio", "file", "files"),
    )

    def __post_init__(self) -> None:
        BaselineOptions.__post_init__(self)
        for name, least in (("per_round", 1), ("seed_examples", 1), ("made_examples", 0)):
            if getattr(self, name) < least:
                raise ValueError(f"{name} is {getattr(self, name)}; it must be at least {least}")
        if not 0 < self.similarity <= 1:
            raise ValueError(
                f"similarity is {self.similarity:g}; it must be above 0, and at most 1"
            )


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfInstructOptions(GenerationOptions):
    """Settings of Self-Instruct."""

    NAME: ClassVar[str] = "self-instruct"

    name: Literal["self-instruct"] = "self-instruct"


def generation(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    asking: Asking,
    options: GenerationOptions,
    done: Callable[[str], bool],
) -> Generation:
    """The source of new instructions, and the step that asks for them."""
    # It loads a library that no other method needs.
    from codeclm.methods.generation import Generation  # noqa: PLC0415

    return Generation(
        items,
        asking,
        totals=options.goals,
        per_call=options.per_call,
        per_round=options.per_round,
        from_seeds=options.seed_examples,
        from_made=options.made_examples,
        similarity=options.similarity,
        blocked=options.blocked_words,
        done=done,
    )


def self_instruct(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    parties: Parties,
    options: SelfInstructOptions,
    templates: Mapping[str, Template],
    *,
    run_seed: int = 0,
    units_in_flight: int | None = None,
    done: Callable[[str], bool] = lambda _: False,
    **_: object,
) -> Job:
    """Eight examples a prompt (6 seeds, 2 made before) ask for more; the strong model responds to what is new.

    An instruction whose ROUGE-L to any of the pool is 0.7 or more is dropped, and so is one that is too short, too
    long, or speaks of pictures, files and the like.

    Departs from the paper: the pool grows in rounds of ``per_round`` instructions and not after every call, so that
    calls can be made at the same time and the result does not depend on their order; instances are not generated
    (whether a task is a classification, input first or output first), for the strong model responds to instructions
    as they are, as in the CodecLM paper's comparison; and the wording is our own. The pool is held in memory.
    """
    asking = Asking(parties, options, templates, run_seed)
    source = generation(items, asking, options, done)
    workers = parties.strong.max_in_flight
    stages: list[Stage[Any, Any]] = [
        Stage("generate", source.generate, Unit, (Draft,), workers=workers, salvage=False),
        Stage("respond", asking.take(), Draft, (Example,), workers=workers),
    ]
    pipeline = Pipeline(stages, (Example,), tickets=units_in_flight or workers)
    return Job(pipeline, source.work(), source.counts)
