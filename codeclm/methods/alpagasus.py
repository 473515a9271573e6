"""Alpagasus (arXiv 2307.08701): Self-Instruct's data, of which a judge keeps what it rates high."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.methods.baseline import Asking, prompt
from codeclm.methods.generation_prompt import PROMPTS as GENERATION
from codeclm.methods.job import Job, Parties
from codeclm.methods.self_instruct import GenerationOptions, generation
from codeclm.parsing.rating import parse_rating
from codeclm.records import Comparison, Draft, Dropped, Entry, Example, Seed, Unit
from codeclm.stages.prompt import Template

__all__ = ["PROMPTS", "AlpagasusOptions", "alpagasus"]

SCALE = 5
RATE = """\
You rate how well a response answers an instruction.

Rate the response below by its accuracy, from 0 to 5: 5 for one that is right and complete, 0 for one that is wrong or \
of no use. Halves are allowed. Answer with the score alone.

[Instruction]
{{ instruction }}
[End of instruction]

[Response]
{{ response }}
[End of response]
"""
PROMPTS = {**GENERATION, "rate": prompt("rate", RATE, "instruction response")}


@dataclass(frozen=True, slots=True, kw_only=True)
class AlpagasusOptions(GenerationOptions):
    """Settings of Alpagasus: those of Self-Instruct, and of the filter.

    threshold: the least score, of 5, of a response that is kept.
    """

    NAME: ClassVar[str] = "alpagasus"
    USES: ClassVar[frozenset[str]] = GenerationOptions.USES | {"judge_temperature"}

    name: Literal["alpagasus"] = "alpagasus"
    threshold: float = 4.5

    def __post_init__(self) -> None:
        GenerationOptions.__post_init__(self)
        if not 0 <= self.threshold <= SCALE:
            raise ValueError(f"threshold is {self.threshold:g}; it must be from 0 to {SCALE}")


def alpagasus(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    parties: Parties,
    options: AlpagasusOptions,
    templates: Mapping[str, Template],
    *,
    run_seed: int = 0,
    units_in_flight: int | None = None,
    done: Callable[[str], bool] = lambda _: False,
    **_: object,
) -> Job:
    """Self-Instruct's examples (see there), each rated by the judge for accuracy; 4.5 of 5 and above are kept.

    ``total`` counts what is made, so fewer are selected. Departs from the paper: the data that is filtered is made
    here from the user's seeds and is not Alpaca's 52,000; the judge is any model; the wording is our own.
    """
    asking = Asking(parties, options, templates, run_seed)
    source, respond = generation(items, asking, options, done), asking.respond()
    question = asking.question("rate", partial(parse_rating, scale=SCALE))

    async def rate(comparison: Comparison) -> Sequence[Example | Dropped]:
        draft = comparison.draft
        shown = {"instruction": draft.instruction, "response": comparison.strong}
        rating = await question.ask(shown, item=draft.id, iteration=draft.iteration)
        if rating < options.threshold:
            reason = f"rated {rating:g} of {SCALE}, below {options.threshold:g}"
            return [Dropped(draft, reason, {"rating": rating, "response": comparison.strong})]
        return [Example(comparison, "strong", rating=rating)]

    workers = parties.strong.max_in_flight
    stages: list[Stage[Any, Any]] = [
        Stage("generate", source.generate, Unit, (Draft,), workers=workers, salvage=False),
        Stage("respond", respond, Draft, (Comparison,), workers=workers),
        Stage("rate", rate, Comparison, (Example, Dropped), workers=parties.rating.max_in_flight),
    ]
    tickets = units_in_flight or parties.max_in_flight
    return Job(Pipeline(stages, (Example, Dropped), tickets=tickets), source.work(), source.counts)
