"""What can be seen of a run before it: settings, prompts, seeds, keys, limits, its directory; all findings at once."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path

from codeclm.assembly import (
    augment_to,
    each_asked,
    model_specs,
    preflight_one,
    prices_of,
    spec_of,
    wanted_instructions,
)
from codeclm.errors import CodecLMError, UsageError
from codeclm.llm.allowance import PER_MINUTE
from codeclm.llm.credentials import endpoint_and_key
from codeclm.llm.events import Answered
from codeclm.llm.names import parse_model
from codeclm.llm.providers import Models
from codeclm.llm.spec import check_spec, warnings_for
from codeclm.methods.table import every_prompt
from codeclm.plan import Order, make_plan, templates_of
from codeclm.prices import how_to_give
from codeclm.rundir import read_settings
from codeclm.seeds import MetadataFile, SeedFile
from codeclm.settings import ModelSettings, Settings
from codeclm.settings_file import MISSING_MODEL, settings_tree
from codeclm.settings_problems import checked
from codeclm.stages.templates import read_template

__all__ = ["Checkup", "Finding", "check_calls", "findings"]

MOST_LINES = 20
"""Bad lines of one file that are told; a file of another kind has nothing else."""


@dataclass(frozen=True, slots=True)
class Finding:
    """``kind`` is "ok", "warning" or "problem"; ``text`` says what, where, and how to mend it."""

    kind: str
    text: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """What is to be looked at; ``environ`` holds the keys, so it is never shown."""

    config: Path
    source: SeedFile | MetadataFile | None
    directory: Path | None
    environ: Mapping[str, str] = field(repr=False)

    def settings(self) -> tuple[Settings | None, list[str]]:
        """The settings without what is wrong with them, and that."""
        try:
            return checked(settings_tree(self.config, {}))
        except UsageError as error:
            return None, [str(error)]


def findings(checkup: Checkup) -> Iterator[Finding]:
    """All that can be found without a call."""
    settings, problems = checkup.settings()
    for problem in problems:
        told = (
            problem if problem.startswith(str(checkup.config)) else f"{checkup.config}: {problem}"
        )
        yield Finding("problem", told)
    sound = not problems
    if sound:
        yield Finding("ok", f"{checkup.config}: all settings are known and in range")
    parts = [_seeds(checkup.source, settings)] if checkup.source else []
    if settings:
        parts = [_models(settings, checkup), _prompts(settings), *parts]
    for part in parts:
        for finding in part:
            sound = sound and finding.kind != "problem"
            yield finding
    if sound and settings and checkup.directory:
        yield from _directory(settings, checkup, checkup.directory)


async def check_calls(checkup: Checkup) -> AsyncIterator[Finding]:
    """One tiny call to each model, as a run makes it."""
    settings, _ = checkup.settings()
    took: dict[str, Answered] = {}

    def on_event(event: object) -> None:
        if isinstance(event, Answered):
            took[event.model] = event

    assert settings is not None
    assert settings.models is not None
    async with Models(on_event=on_event, environ=checkup.environ) as models:
        for party in each_asked(settings.models):
            name = str(parse_model(party.model))
            try:
                await preflight_one(models, party, settings.method)
            except CodecLMError as error:
                yield Finding("problem", str(error))
            else:
                yield Finding("ok", f"{name} answers, in {took[name].duration_s * 1000:,.0f} ms")


def _models(settings: Settings, checkup: Checkup) -> Iterator[Finding]:
    if settings.models is None:
        yield Finding("problem", f"{checkup.config}: {MISSING_MODEL.format(party='strong')}")
        return
    for role, party in settings.models.parties.items():
        spec = spec_of(party)
        try:
            check_spec(spec, checkup.environ)
            told = (_key(party, checkup), _limits(party), _price(settings, party.model))
            yield Finding("ok", f"{role}: {party.model}; {'; '.join(told)}")
            for warning in warnings_for(spec, checkup.environ):
                yield Finding("warning", f"{role}: {warning}")
        except UsageError as error:
            yield Finding("problem", f"{role}: {error}")
    try:
        model_specs(settings.models)
    except UsageError as error:
        if "given twice" in str(error):
            yield Finding("problem", f"{checkup.config}: {error}")


def _key(party: ModelSettings, checkup: Checkup) -> str:
    endpoint, key = endpoint_and_key(parse_model(party.model), party.api_key_env, checkup.environ)
    return f"its key is in {endpoint.api_key_env}" if key else "no key is sent"


def _limits(party: ModelSettings) -> str:
    stated = [
        f"{getattr(party, name):,.10g} {name.replace('_', ' ').replace(' per ', ' a ')}"
        for name in PER_MINUTE
        if getattr(party, name)
    ]
    calls = f"at most {party.max_in_flight:,} calls at once"
    return ", ".join([*stated, calls]) if stated else f"limits are found, {calls}"


def _price(settings: Settings, model: str) -> str:
    price = prices_of(settings).of(model)
    if price is None:
        return f"its price is not known ({how_to_give(model)})"
    source = f"table of {price.as_of}" if price.as_of else "yours"
    return f"${price.input:g} and ${price.output:g} a million tokens in and out ({source})"


def _prompts(settings: Settings) -> Iterator[Finding]:
    if settings.prompts is None:
        return
    sound = True
    for path in sorted(settings.prompts.glob("*.jinja")):
        try:
            read_template(path, every_prompt())
        except UsageError as error:
            sound = False
            yield Finding("problem", str(error))
    if sound:
        try:
            own = sum(bool(one.origin) for one in templates_of(settings).values())
            yield Finding("ok", f"{settings.prompts}: {own} prompts of your own")
        except UsageError as error:
            yield Finding("problem", str(error))


def _seeds(source: SeedFile | MetadataFile, settings: Settings | None) -> Iterator[Finding]:
    try:
        bad = [problem for _, _, problem in source.rows() if problem]
        tally = replace(source, skip_bad_lines=True).tally()
    except UsageError as error:
        yield Finding("problem", str(error))
        return
    kind = "warning" if source.skip_bad_lines else "problem"
    for problem in islice(bad, MOST_LINES):
        yield Finding(kind, f"{problem}; mend it, or pass over such lines (--skip-bad-lines)")
    if len(bad) > MOST_LINES:
        yield Finding(kind, f"{source.path}: {len(bad) - MOST_LINES:,} more bad lines")
    noun = "seeds" if isinstance(source, SeedFile) else "metadata entries"
    told = f"{source.path}: {tally.items:,} {noun}"
    if settings:
        entries = max(tally.items, augment_to(source, tally, settings))
        wanted = wanted_instructions(source, tally, settings)
        told += f"; {wanted:,} instructions over {entries:,} metadata entries"
    yield Finding("ok", told)


def _directory(settings: Settings, checkup: Checkup, directory: Path) -> Iterator[Finding]:
    """Whether the run could begin there, or go on."""
    source = checkup.source
    if source is None:
        yield Finding("warning", f"{directory}: looked at only where the seeds are given too")
        return
    try:
        plan = make_plan(Order(source, settings, directory, environ=checkup.environ))
        stored = read_settings(directory)
        if stored is None:
            yield Finding("ok", f"{directory}: a run can begin there")
        else:
            plan.after(stored)
            yield Finding("ok", f"{directory}: the run there goes on with these settings")
    except UsageError as error:
        told = str(error)
        yield Finding("problem", told if str(directory) in told else f"{directory}: {told}")
