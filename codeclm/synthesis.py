"""The public door: examples as they come, without a run directory."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Sequence
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path

from codeclm.assembly import (
    check_budget,
    held_out_of,
    make_job,
    model_specs,
    open_parties,
    preflight,
    prices_of,
    tally_of,
)
from codeclm.engine.events import Observer, wants
from codeclm.engine.run import Run
from codeclm.errors import Enough, RunStopped, UsageError
from codeclm.llm.budget import Budget
from codeclm.llm.cache import CachedModel, Store
from codeclm.llm.chat import ChatModel
from codeclm.llm.providers import Models
from codeclm.llm.store import AnswerStore, MemoryStore
from codeclm.methods.job import Job, Parties, Party
from codeclm.methods.table import templates_for
from codeclm.records import Example
from codeclm.seeds import SeedFile, SeedList
from codeclm.settings import Settings
from codeclm.sources import Source
from codeclm.spending import caps_of

__all__ = ["synthesize"]


@asynccontextmanager
async def synthesize(
    seeds: Path | Iterable[str] | Source,
    settings: Settings,
    *,
    parties: Parties | None = None,
    rewire: Callable[[Job], Job] = lambda job: job,
    observers: Sequence[Observer] = (),
) -> AsyncIterator[AsyncIterator[Example]]:
    """Run the method over ``seeds`` (a file, instructions, or another source) and hand out its examples.

    Answers are kept in ``settings.cache``, or in memory where that is None. ``parties`` are models of your own
    instead of ``settings.models``; they get the same cache. ``rewire`` may change the pipeline, for stages of your
    own. ``observers`` are told the engine's and the models' events, a StepFailed for each item that failed. The
    settings' ``budget`` is for this block alone: nothing is left on record of what was spent. Where
    ``settings.method.selected`` examples are wanted, they come at the end, sorted by id.

        async with synthesize(Path("seeds.jsonl"), settings) as examples:
            async for example in examples:
                ...

    Leaving the block cancels what is under way. Raises UsageError for input, settings or servers that must be mended,
    RunStopped where an endpoint refuses to go on.
    """
    source = _source(seeds)
    _check_budget(settings, parties)
    tally = tally_of(source, settings)
    held_out = held_out_of(settings)

    def tell(event: object) -> None:
        for observer in observers:
            if wants(observer, type(event)):
                observer(event)

    async with AsyncExitStack() as stack:
        store: Store = MemoryStore()
        if settings.cache is not None:
            store = await stack.enter_async_context(AnswerStore(settings.cache, on_event=tell))
        if parties is not None:
            opened = _cached(parties, store, tell, on_disk=settings.cache is not None)
        else:
            opened = await _opened(settings, store, tell, stack)
        templates = templates_for(settings.method, settings.prompts)
        job = make_job(source, tally, settings, opened, templates, held_out=held_out)
        job = rewire(job)

        def stop(reason: RunStopped) -> None:
            run.drain(reason)

        watching = [*observers, *job.watch(stop)]
        run = await stack.enter_async_context(job.pipeline.open(job.source, watching))
        found = _examples(run) if job.quota is None else _chosen_examples(run, job)
        async with aclosing(found) as examples:
            yield examples


async def _opened(
    settings: Settings, store: Store, tell: Observer, stack: AsyncExitStack
) -> Parties:
    """The models that ``settings`` names, after seeing that they answer."""
    if settings.models is None:
        raise UsageError("settings: no models; give settings.models, or parties")
    check_budget(settings, model_specs(settings.models))
    budget = Budget(caps_of(settings.budget)) if settings.budget.limits_calls else None
    tariff = prices_of(settings).of
    models = await stack.enter_async_context(Models(on_event=tell, budget=budget, tariff=tariff))
    opened = open_parties(models, store, settings.models)
    await preflight(models, settings)
    return opened


def _check_budget(settings: Settings, parties: Parties | None) -> None:
    """Raises UsageError for a budget that would not be kept."""
    budget = settings.budget
    if parties is not None and budget.limits_calls:
        raise UsageError("budget: it is for settings.models; what parties spend nobody knows here")
    if budget.max_hours is not None:
        raise UsageError("budget: max_hours is for codeclm run; leave the block when it is time")


async def _chosen_examples(run: Run, job: Job) -> AsyncGenerator[Example, None]:
    """Only the end shows which examples are those that were wanted."""
    found: dict[str, Example] = {}
    with suppress(Enough):
        async for outcome in run:
            if isinstance(outcome, Example):
                found[outcome.comparison.draft.id] = outcome
    chosen = job.chosen
    for identity in sorted(found):
        if chosen is None or identity in chosen:
            yield found[identity]


async def _examples(run: Run) -> AsyncGenerator[Example, None]:
    async for outcome in run:
        if isinstance(outcome, Example):
            yield outcome


def _cached(parties: Parties, store: Store, tell: Observer, *, on_disk: bool) -> Parties:
    """Models of the user's own behind the cache; one that plays two parts is one there too."""
    wrapped: dict[int, ChatModel] = {}

    def wrap(role: str, party: Party) -> Party:
        if on_disk and not party.name:
            raise UsageError(
                f"the {role} party has no name; with a cache on disk give Party(..., name=...), "
                "one name for all that answers alike"
            )
        name = party.name or f"{type(party.model).__name__} as {role}"
        model = wrapped.setdefault(
            id(party.model),
            CachedModel(party.model, store, {"model": name}, model=name, on_event=tell),
        )
        return replace(party, model=model)

    judge = parties.judge and wrap("judge", parties.judge)
    return Parties(wrap("strong", parties.strong), wrap("target", parties.target), judge)


def _source(seeds: Path | Iterable[str] | Source) -> Source:
    if isinstance(seeds, Path):
        return SeedFile(seeds)
    if isinstance(seeds, str):
        raise UsageError(f"seeds: {seeds!r} is a text; give a Path, or a list of instructions")
    if isinstance(seeds, Source):
        return seeds
    try:
        return SeedList(tuple(seeds))
    except TypeError:
        raise UsageError("seeds: give a Path, a list of instructions, or a SeedStream") from None
