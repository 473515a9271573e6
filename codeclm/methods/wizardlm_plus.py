"""WizardLM+ : Evol-Instruct from CodecLM's basic instructions (the comparison of the CodecLM paper)."""

from __future__ import annotations

from collections.abc import AsyncIterable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Stage
from codeclm.methods.baseline import Asking
from codeclm.methods.codeclm import codeclm
from codeclm.methods.evolution import PROMPTS as EVOLUTION
from codeclm.methods.evolution import STAGE, Evolve, evolved_ids
from codeclm.methods.job import Job, Parties
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.wizardlm import EvolutionOptions
from codeclm.records import Again, Draft, Dropped, Entry, Example, Seed
from codeclm.stages.prompt import Template
from codeclm.stages.templates import load_templates

__all__ = ["PROMPTS", "WizardLMPlusOptions", "wizardlm_plus"]

ENTRY_STAGES = ("encode", "pairs", "decode")
PROMPTS = {**{name: load_templates()[name] for name in ENTRY_STAGES}, **EVOLUTION}


@dataclass(frozen=True, slots=True, kw_only=True)
class WizardLMPlusOptions(EvolutionOptions):
    """Settings of WizardLM+: those of WizardLM, and of CodecLM's metadata and decoding."""

    NAME: ClassVar[str] = "wizardlm+"
    USES: ClassVar[frozenset[str]] = EvolutionOptions.USES | {
        *("per_call", "augment_to", "check_pairs", "use_cases", "allowed_skills"),
    }

    name: Literal["wizardlm+"] = "wizardlm+"

    def basic(self) -> CodecLMOptions:
        """CodecLM's settings for as many basic instructions as are evolved."""
        shared = {name: getattr(self, name) for name in self.USES}
        starts = self.starts(0, 1)
        shared["total"] = starts.totals[-1] if starts.totals else None
        shared["extends"] = starts.totals[:-1]
        shared["per_entry"] = starts.per_entry or None
        return CodecLMOptions(**shared)


def wizardlm_plus(
    items: Iterable[Seed | Entry] | AsyncIterable[Seed | Entry],
    parties: Parties,
    options: WizardLMPlusOptions,
    templates: Mapping[str, Template],
    *,
    run_seed: int = 0,
    units_in_flight: int | None = None,
    done: Callable[[str], bool] = lambda _: False,
    **more: Any,
) -> Job:
    """CodecLM encodes and decodes as ever; each basic instruction evolves as WizardLM's seeds do (see there).

    Only evolved instructions are examples, as with WizardLM. Departs from both as they depart from their papers.
    """
    workers = parties.strong.max_in_flight
    tickets = units_in_flight or workers
    evolve = Evolve(Asking(parties, options, templates, run_seed), options.rounds)

    def is_over(identity: str) -> bool:
        return done(identity) or all(map(done, evolved_ids(identity, options.rounds)))

    base = codeclm(
        items,
        parties,
        options.basic(),
        {**load_templates(), **templates},
        run_seed=run_seed,
        units_in_flight=tickets,
        done=is_over,
        **more,
    )

    async def begin(draft: Draft) -> Sequence[Again]:
        return [Again(Draft(draft.id, draft.entry, draft.instruction, 0))]

    stages = [stage for stage in base.pipeline.stages if stage.name in ENTRY_STAGES]
    stages += [
        Stage("begin", begin, Draft, (Again,), workers=1),
        Stage(STAGE, evolve, Again, (Example, Dropped, Again), workers=workers),
    ]
    pipeline = Pipeline(stages, (Example, Dropped), tickets=tickets)
    return Job(pipeline, base.source, lambda: _multiplied(base.counts(), options.rounds))


def _multiplied(counts: Mapping[str, int], rounds: int) -> Mapping[str, int]:
    """Counts of evolved instructions, where ``counts`` are of basic ones."""
    times = dict.fromkeys(("asked", "lost", "instructions", "missing"), rounds)
    return {name: number * times.get(name, 1) for name, number in counts.items()}
