"""From settings to a job: which models, which prompts, how much work."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from codeclm.errors import UsageError
from codeclm.evaluation import NO_EVALUATION, Evaluation, read_evaluation
from codeclm.llm.cache import Store
from codeclm.llm.names import parse_model
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec, allowance
from codeclm.methods.job import Job, Parties, Party
from codeclm.methods.table import METHODS
from codeclm.seeds import MetadataFile, Tally
from codeclm.settings import ModelSettings, ModelsSettings, Settings
from codeclm.sources import Source
from codeclm.stages.prompt import Template
from codeclm.stages.unit_book import UnitBook
from codeclm.stdin import SeedStream

__all__ = [
    "augment_to",
    "evaluation_of",
    "make_job",
    "model_specs",
    "open_parties",
    "preflight",
    "tally_of",
    "wanted_instructions",
]

PAPER_POOL = 200
"""Metadata entries that the paper extends its pool to."""


def model_specs(models: ModelsSettings) -> list[ModelSpec]:
    """The models of a run, each once. Raises UsageError where one endpoint is given two sets of limits."""
    specs: list[ModelSpec] = []
    limits: dict[object, object] = {}
    for settings in (models.strong, models.target, models.judge):
        if settings is None:
            continue
        spec = _spec(settings)
        numbers = allowance(spec)
        if limits.setdefault((parse_model(spec.model), spec.api_key_env), numbers) != numbers:
            raise UsageError(
                f"settings: {spec.model} is given twice with different limits; one endpoint has one "
                "requests_per_minute, tokens_per_minute and max_in_flight"
            )
        if spec not in specs:
            specs.append(spec)
    return specs


async def preflight(models: Models, settings: Settings) -> None:
    """One tiny call to each model, as the run will call it. Raises UsageError or RunStopped, in one line."""
    assert settings.models is not None
    seen: list[ModelSpec] = []
    for party in (settings.models.strong, settings.models.target, settings.models.judge):
        if party is not None and _spec(party) not in seen:
            seen.append(_spec(party))
            temperature = party.temperature
            await models.preflight(
                seen[-1],
                temperature=settings.method.temperature if temperature is None else temperature,
                max_tokens=party.max_tokens or settings.method.max_tokens,
            )


def open_parties(opened: Models, store: Store, models: ModelsSettings) -> Parties:
    """The models in their roles, their answers kept in ``store``; the strong one judges where no judge is given."""
    judge = None if models.judge is None else _party(opened, store, models.judge)
    strong, target = (_party(opened, store, one) for one in (models.strong, models.target))
    return Parties(strong, target, judge)


def make_job(
    source: Source,
    tally: Tally | None,
    settings: Settings,
    parties: Parties,
    templates: Mapping[str, Template],
    done: Callable[[str], bool] = lambda _: False,
    book: UnitBook | None = None,
    is_selected: Callable[[str], bool] = lambda _: False,
    evaluation: Evaluation = NO_EVALUATION,
) -> Job:
    """The method over ``source``; ``tally`` is None where its length is not known (``per_entry``)."""
    return METHODS["codeclm"](
        source,
        parties,
        settings.method,
        templates,
        entries=tally.items if tally else 0,
        augment_to=augment_to(source, tally, settings),
        run_seed=settings.seed,
        units_in_flight=settings.units_in_flight,
        done=done,
        book=book,
        is_selected=is_selected,
        evaluation=evaluation.files,
    )


def tally_of(source: Source, settings: Settings) -> Tally | None:
    """What there is in ``source``; None for a stream, whose end is not known.

    Raises UsageError for what cannot be read, and for a stream where a total is to be spread over all of it.
    """
    if not isinstance(source, SeedStream):
        return source.tally()
    if settings.method.total is not None:
        raise UsageError("a stream has no known length; give per_entry instead of total")
    return None


def evaluation_of(settings: Settings) -> Evaluation:
    """The texts that nothing may be trained on. Raises UsageError for what cannot be read."""
    return read_evaluation(settings.method.decontaminate, settings.method.decontaminate_ngram)


def augment_to(source: Source, tally: Tally | None, settings: Settings) -> int:
    """How many entries the pool is extended to; 0 where it has as many, or their number was the user's choice."""
    size = settings.method.augment_to
    if size is None:
        given = isinstance(source, MetadataFile) or settings.method.per_entry is not None
        size = 0 if given else PAPER_POOL
    return 0 if tally and tally.items >= size else size


def wanted_instructions(source: Source, tally: Tally | None, settings: Settings) -> int:
    """Instructions that there are to be; 0 where that is not known."""
    options = settings.method
    if options.selected is not None:  # as many as it takes
        return 0
    if options.total is not None or tally is None:
        return options.total or 0
    entries = max(tally.items, augment_to(source, tally, settings))
    return (options.per_entry or 0) * entries


def _party(opened: Models, store: Store, settings: ModelSettings) -> Party:
    return Party(
        opened.open(_spec(settings), store),
        settings.max_in_flight,
        settings.temperature,
        settings.max_tokens,
        structured_output=settings.structured_output,
    )


def _spec(settings: ModelSettings) -> ModelSpec:
    return ModelSpec(**settings.model_dump(exclude={"temperature", "max_tokens"}))
