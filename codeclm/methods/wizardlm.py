"""WizardLM (arXiv 2304.12244): Evol-Instruct from seeds, and from CodecLM's basic instructions."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Literal

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.methods.baseline import Asking, BaselineOptions
from codeclm.methods.evolution import PROMPTS, STAGE, Evolve, evolved_ids
from codeclm.methods.job import Job, Parties
from codeclm.methods.rounds import Wanted
from codeclm.methods.seed_work import SeedWork
from codeclm.records import Again, Dropped, Entry, Example, Seed
from codeclm.stages.prompt import Template

__all__ = ["PROMPTS", "EvolutionOptions", "WizardLMOptions", "wizardlm"]


@dataclass(frozen=True, slots=True, kw_only=True)
class EvolutionOptions(BaselineOptions):
    """Settings of Evol-Instruct.

    rounds: evolutions of each start; ``total`` counts evolved instructions and must be a multiple of it.
    """

    USES: ClassVar[frozenset[str]] = BaselineOptions.USES | {"per_entry"}

    rounds: int = 4

    def __post_init__(self) -> None:
        BaselineOptions.__post_init__(self)
        if self.rounds < 1:
            raise ValueError(f"rounds is {self.rounds}; it must be at least 1")
        for name in ("total", "per_entry"):
            number = getattr(self, name) or 0
            if number % self.rounds:
                raise ValueError(
                    f"{name} is {number}; {self.NAME} makes {self.rounds} instructions of each start (rounds), "
                    "so it must be a multiple of that"
                )
        if any(total % self.rounds for total in self.extends):
            raise ValueError("extends must hold multiples of rounds")

    def starts(self, entries: int, per_call: int) -> Wanted:
        """How many instructions are to be evolved, over so many entries."""
        totals = tuple(total // self.rounds for total in self.goals)
        return Wanted(totals, entries, (self.per_entry or 0) // self.rounds, per_call)


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardLMOptions(EvolutionOptions):
    """Settings of WizardLM."""

    NAME: ClassVar[str] = "wizardlm"

    name: Literal["wizardlm"] = "wizardlm"


def wizardlm(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    parties: Parties,
    options: WizardLMOptions,
    templates: Mapping[str, Template],
    *,
    entries: int = 0,
    run_seed: int = 0,
    units_in_flight: int | None = None,
    done: Callable[[str], bool] = lambda _: False,
    **_: object,
) -> Job:
    """Each seed evolves for 4 rounds by one of six operations drawn at random, and each result is an example.

    In depth: add constraints, deepen, concretise, more reasoning steps, complicate the input; in breadth: a new
    instruction of the same domain. Eliminated is what asks for nothing more (the strong model says so), holds words of
    the prompt, or has a response that is sorry and short (below 80 words) or says nothing; the next round then starts
    from where this one did. The strong model responds.

    Departs from the paper in its wording; in that the seeds themselves are no examples, for they are the user's; in
    that each seed evolves by itself, so that rounds need not wait for each other (the result is the same: an evolution
    depends on its own instruction alone); and in that a seed begins anew, with other draws, where more is wanted than
    one start a seed gives.
    """
    workers = parties.strong.max_in_flight
    evolve = Evolve(Asking(parties, options, templates, run_seed), options.rounds)

    def finished(identity: str) -> bool:
        return all(map(done, evolved_ids(identity, options.rounds)))

    work = SeedWork(items, options.starts(entries, 1), options.rounds, finished)
    stages = [Stage(STAGE, evolve, Again, (Example, Dropped, Again), workers=workers)]
    pipeline = Pipeline(stages, (Example, Dropped), tickets=units_in_flight or workers)
    return Job(pipeline, work.starts(), work.counts)
