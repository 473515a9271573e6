"""From settings to a job: which models, which prompts, how much work."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Protocol

from codeclm.errors import UsageError
from codeclm.held_out import NOTHING, HeldOut, read_held_out
from codeclm.llm.cache import Store
from codeclm.llm.metered import LIMITS
from codeclm.llm.names import parse_model
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec, allowance
from codeclm.methods.job import Job, Parties, Party
from codeclm.methods.options import CodecLMOptions
from codeclm.methods.table import FROM_SEEDS, METHODS, name_of
from codeclm.pilot import Pilot, chosen, only_first_units
from codeclm.prices import Price, Prices, how_to_give
from codeclm.seeds import MetadataFile, Tally
from codeclm.settings import ModelSettings, ModelsSettings, PriceSettings, Settings
from codeclm.sources import Source
from codeclm.stages.prompt import Template
from codeclm.stages.unit_book import UnitBook
from codeclm.stdin import SeedStream

__all__ = [
    "augment_to",
    "check_budget",
    "each_asked",
    "held_out_of",
    "make_job",
    "model_specs",
    "open_parties",
    "open_party",
    "preflight",
    "preflight_one",
    "prices_of",
    "spec_of",
    "specs_of",
    "tally_of",
    "wanted_instructions",
]

PAPER_POOL = 200
"""Metadata entries that the paper extends its pool to."""


def model_specs(models: ModelsSettings) -> list[ModelSpec]:
    """The models of a run, each once. Raises UsageError as ``specs_of``."""
    return specs_of(models.parties.values())


def specs_of(models: Iterable[ModelSettings]) -> list[ModelSpec]:
    """``models``, each once. Raises UsageError where one endpoint is given two sets of limits."""
    specs: list[ModelSpec] = []
    limits: dict[object, object] = {}
    for spec in map(spec_of, models):
        numbers = allowance(spec)
        if limits.setdefault((parse_model(spec.model), spec.api_key_env), numbers) != numbers:
            raise UsageError(
                f"settings: {spec.model} is given twice with different limits; one endpoint has one "
                "requests_per_minute, tokens_per_minute and max_in_flight"
            )
        if spec not in specs:
            specs.append(spec)
    return specs


def check_budget(settings: Settings, specs: Iterable[ModelSpec]) -> None:
    """Raises UsageError where nobody could tell what a call costs at the most."""
    prices, budget = prices_of(settings), settings.budget
    for spec in specs:
        label, extra = str(parse_model(spec.model)), spec.extra_body
        price = prices.of(label)
        if budget.max_cost is not None and price is None:
            raise UsageError(
                f"budget: max_cost is set, and the price of {label} is not known; {how_to_give(label)}"
            )
        if budget.max_cost is not None and price and price.as_of and extra.get("service_tier"):
            raise UsageError(
                f"budget: max_cost is set, and extra_body asks for a service_tier of {label}, "
                f"whose price is not known; {how_to_give(label)}"
            )
        if budget.limits_calls and any(extra.get(name, 1) is None for name in LIMITS):
            raise UsageError(
                f"budget: extra_body of {label} takes the limit on output tokens away, "
                "so nobody knows what a call can come to"
            )


async def preflight(models: Models, settings: Settings) -> None:
    """One tiny call to each model, as the run will call it. Raises UsageError or RunStopped, in one line."""
    assert settings.models is not None
    for party in each_asked(settings.models):
        await preflight_one(models, party, settings.method)


def each_asked(models: ModelsSettings) -> list[ModelSettings]:
    """The parties without those whose model is asked for another one before them."""
    found: list[ModelSettings] = []
    for party in models.parties.values():
        if all(spec_of(party) != spec_of(one) for one in found):
            found.append(party)
    return found


async def preflight_one(models: Models, party: ModelSettings, method: CodecLMOptions) -> None:
    """One tiny call to the model of ``party``. Raises as ``preflight`` does."""
    await models.preflight(
        spec_of(party),
        temperature=method.temperature if party.temperature is None else party.temperature,
        max_tokens=party.max_tokens or method.max_tokens,
    )


def open_parties(opened: Models, store: Store, models: ModelsSettings) -> Parties:
    """The models in their roles, their answers kept in ``store``; the strong one judges where no judge is given."""
    judge = None if models.judge is None else open_party(opened, store, models.judge)
    strong, target = (open_party(opened, store, one) for one in (models.strong, models.target))
    return Parties(strong, target, judge)


def make_job(
    source: Source,
    tally: Tally | None,
    settings: Settings,
    parties: Parties,
    templates: Mapping[str, Template],
    done: Callable[[str], bool] = lambda _: False,
    book: UnitBook | None = None,
    pilot: Pilot | None = None,
    is_selected: Callable[[str], bool] = lambda _: False,
    held_out: HeldOut = NOTHING,
) -> Job:
    """The method over ``source``; ``tally`` is None where its length is not known (``per_entry``)."""
    entries, size = tally.items if tally else 0, augment_to(source, tally, settings)
    numbers = pilot.numbers(entries) if pilot else frozenset()
    if pilot:  # the entries that will be mixed count in the sizes of units, and are not made yet
        entries, size = max(entries, size), 0
    job = METHODS[name_of(settings.method)](
        chosen(source, numbers) if pilot else source,
        parties,
        settings.method,
        templates,
        entries=entries,
        augment_to=size,
        run_seed=settings.seed,
        units_in_flight=settings.units_in_flight,
        done=done,
        book=book,
        is_selected=is_selected,
        evaluation=held_out.files,
    )
    if pilot is None:
        return job
    all_draws = settings.method.per_entry is not None
    return replace(job, source=only_first_units(job.source, all_draws=all_draws))


def tally_of(source: Source, settings: Settings) -> Tally | None:
    """What there is in ``source``; None for a stream, whose end is not known.

    Raises UsageError for what cannot be read, and for a stream where a total is to be spread over all of it.
    """
    name = name_of(settings.method)
    if isinstance(source, MetadataFile) and name in FROM_SEEDS:
        raise UsageError(f"{name} starts from seed instructions; metadata is not enough")
    if not isinstance(source, SeedStream):
        return source.tally()
    if settings.method.total is not None:
        raise UsageError("a stream has no known length; give per_entry instead of total")
    return None


class Priced(Protocol):
    """Settings that say what models cost."""

    @property
    def prices(self) -> Mapping[str, PriceSettings]: ...


def prices_of(settings: Priced) -> Prices:
    """What models cost: the user's prices over those of the package."""
    return Prices(
        {
            model: Price(one.input, one.output, one.cached_input)
            for model, one in settings.prices.items()
        }
    )


def held_out_of(settings: Settings) -> HeldOut:
    """The texts that nothing may be trained on. Raises UsageError for what cannot be read."""
    return read_held_out(settings.method.decontaminate, settings.method.decontaminate_ngram)


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


def open_party(opened: Models, store: Store, settings: ModelSettings) -> Party:
    """The model of ``settings`` with its answers kept in ``store``."""
    return Party(
        opened.open(spec_of(settings), store),
        settings.max_in_flight,
        settings.temperature,
        settings.max_tokens,
        structured_output=settings.structured_output,
    )


def spec_of(settings: ModelSettings) -> ModelSpec:
    """What the models' layer is told of a model."""
    return ModelSpec(**settings.model_dump(exclude={"temperature", "max_tokens"}))
