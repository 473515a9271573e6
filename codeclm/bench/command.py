"""What the command does: plan, ask, measure, print, write."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random, SystemRandom
from typing import Any

from codeclm.assembly import model_specs
from codeclm.bench.benchmark import Benchmark, Measured
from codeclm.bench.plan import Plan, parse_levels
from codeclm.bench.prompts import in_proportion, proportions, read_prompts
from codeclm.bench.rehearsal import STAGES, rehearse
from codeclm.bench.report import ReportDirectory, default_directory, report_of, sentences
from codeclm.bench.table import print_table
from codeclm.console import DRAIN_S, on_signals, print_line, run_loop
from codeclm.errors import UsageError
from codeclm.llm.chat import ChatRequest
from codeclm.llm.scripted import ScriptedModel
from codeclm.llm.spec import check_spec, warnings_for
from codeclm.methods.job import Party
from codeclm.open_files import SPARE, calls_that_fit, raise_limit
from codeclm.settings import ModelSettings, ModelsSettings, Settings
from codeclm.settings_file import load_settings

__all__ = ["BenchOrder", "ask", "bench_command", "planned"]

DEFAULT_LEVELS = (1, 8, 64, 256)
SWEEP_MOST = 512
CHARACTERS_PER_TOKEN = 4
NO_ANSWERS = 3
PATIENCE_S = 60.0
"""An endpoint that is out of service for longer is not measured further."""


@dataclass(frozen=True, slots=True)
class BenchOrder:
    """What the user said. ``model`` holds those settings of the model that were given.

    ``confirm`` asks the user a question; None where nobody can be asked.
    """

    model: Mapping[str, Any]
    config: Path | None
    party: str
    in_flight: str | None
    sweep: bool
    requests: int | None
    seconds: float | None
    prompts: Path | None
    stages: tuple[str, ...]
    seed: int | None
    output: Path | None
    ask_above: int
    yes: bool
    confirm: Callable[[str], bool] | None


def bench_command(order: BenchOrder) -> int:
    """Measure, print and write; the exit code. Raises UsageError, or RunStopped where it ended early."""
    plan = planned(order)
    began_s = time.time()
    directory = ReportDirectory(order.output or default_directory(plan.spec.model, began_s))
    ask(plan, order)
    for line in _first_words(plan):
        print_line(line)
    try:
        measured = run_loop(_measured(Benchmark(plan, print_line), directory.make))
        print_table(measured.levels)
        for sentence in sentences(measured, plan):
            print_line(sentence)
        if measured.levels:
            directory.write(report_of(measured, plan, began_s), measured)
            print_line(f"report: {directory.path / 'report.html'}")
    finally:
        directory.leave()
    if measured.stopped is not None:
        raise measured.stopped
    return 0 if any(level.answers for level in measured.levels) else NO_ANSWERS


def planned(order: BenchOrder) -> Plan:
    """What is to be measured. Raises UsageError for what makes no sense, before anything is sent."""
    if order.sweep and order.in_flight is not None:
        raise UsageError("give either --in-flight or --sweep")
    if order.prompts is not None and order.stages:
        raise UsageError("give either --prompts or --stage")
    settings, model = _settings(order)
    return _plan(order, settings, model)


def ask(plan: Plan, order: BenchOrder) -> None:
    """Go on only with the user's word where it may cost more than a little. Raises UsageError."""
    calls = plan.most_calls
    if order.yes or not plan.may_cost or (calls is not None and calls <= order.ask_above):
        return
    many = "as many calls as fit into the time" if calls is None else f"up to {calls:,} calls"
    prompts = plan.requests_to_make
    characters = sum(len(part.content) for one in prompts for part in one.messages)
    tokens = characters / CHARACTERS_PER_TOKEN / len(prompts)
    what = f"{many} to {plan.spec.model}, of about {tokens:,.0f} input tokens each"
    if order.confirm is None:
        raise UsageError(f"{what}: say --yes, or ask for fewer (--requests, --in-flight)")
    if not order.confirm(f"{what}; they may cost money. Go on?"):
        raise UsageError("nothing was sent")


async def _measured(benchmark: Benchmark, ready: Callable[[], None]) -> Measured:
    """What was measured until the end, or until Ctrl-C and the end of the calls under way."""
    task, loop = asyncio.current_task(), asyncio.get_running_loop()
    assert task is not None
    alarms: list[asyncio.TimerHandle] = []

    def on_signal() -> None:
        if alarms or not benchmark.stop():
            task.cancel()
            return
        print_line("stopping: calls under way finish, within 30 s; once more to stop at once")
        alarms.append(loop.call_later(DRAIN_S, task.cancel))

    with on_signals(on_signal):
        try:
            return await benchmark.run(ready)
        except asyncio.CancelledError:
            return benchmark.so_far()
        finally:
            for alarm in alarms:
                alarm.cancel()


def _settings(order: BenchOrder) -> tuple[Settings, ModelSettings]:
    """All settings, and those of the model to measure."""
    given = {name: value for name, value in order.model.items() if value is not None}
    if order.config is not None:
        settings = load_settings(order.config, {"models": {order.party: given}})
    elif "model" not in given:
        raise UsageError("no model; give --model PROVIDER:MODEL[@BASE_URL], or --config FILE")
    else:
        settings = load_settings(None, {"models": {"strong": given, "target": given}})
    models = settings.models
    if models is None:
        raise UsageError(f"{order.config}: no models; give --model PROVIDER:MODEL[@BASE_URL]")
    return settings, getattr(models, order.party) or models.strong


def _plan(order: BenchOrder, settings: Settings, model: ModelSettings) -> Plan:
    levels, most = _levels(order, model)
    patience_s = model.patience_s if "patience_s" in model.model_fields_set else PATIENCE_S
    changed = {"max_in_flight": most, "adaptive": False, "patience_s": patience_s}
    model = model.model_copy(update=changed)
    [spec] = model_specs(ModelsSettings(strong=model, target=model))
    check_spec(spec)
    seed = SystemRandom().getrandbits(32) if order.seed is None else order.seed
    temperature = settings.method.temperature if model.temperature is None else model.temperature
    max_tokens = model.max_tokens or settings.method.max_tokens
    if order.prompts is not None:
        requests = read_prompts(order.prompts, temperature=temperature, max_tokens=max_tokens)
    else:
        requests = _rehearsed(order, settings, model, seed)
    return Plan(
        spec=spec,
        requests_to_make=in_proportion(requests, Random(seed)),
        temperature=temperature,
        max_tokens=max_tokens,
        levels=levels,
        most=most,
        requests=order.requests,
        seconds=order.seconds,
        seed=seed,
    )


def _levels(order: BenchOrder, model: ModelSettings) -> tuple[tuple[int, ...], int]:
    """The levels (none for a sweep), and the most calls in flight: as the user and the open files allow."""
    allowed = model.max_in_flight if "max_in_flight" in model.model_fields_set else None
    if order.sweep:
        return (), _that_fit(SWEEP_MOST if allowed is None else allowed, fixed=False)
    levels = DEFAULT_LEVELS if order.in_flight is None else parse_levels(order.in_flight)
    if allowed is not None and max(levels) > allowed:
        if order.in_flight is not None:
            raise UsageError(
                f"--in-flight asks for {max(levels):,} calls, and max_in_flight allows {allowed:,}"
            )
        levels = (*[level for level in levels if level < allowed], allowed)
    return levels, _that_fit(max(levels), fixed=True)


def _that_fit(most: int, *, fixed: bool) -> int:
    """``most`` calls in flight, or as many of them as this process may have files open for."""
    fit = calls_that_fit([most], raise_limit())
    if fit is None:
        return most
    needed = f"raise the limit of open files (ulimit -n {most + SPARE})"
    if fixed or not fit:
        raise UsageError(f"{most:,} calls in flight need more open files; {needed}")
    print_line(f"warning: the sweep goes up to {fit:,} calls in flight; for more {needed}")
    return fit


def _rehearsed(
    order: BenchOrder, settings: Settings, model: ModelSettings, seed: int
) -> Sequence[ChatRequest]:
    for stage in order.stages:
        if stage not in STAGES:
            raise UsageError(f"no stage {stage!r}; there are {', '.join(STAGES)}")
    party = Party(
        ScriptedModel(lambda request: ""),
        temperature=model.temperature,
        max_tokens=model.max_tokens,
        structured_output=model.structured_output,
    )
    requests = asyncio.run(rehearse(settings, party, seed=seed))
    return [one for one in requests if one.stage in (order.stages or STAGES)]


def _first_words(plan: Plan) -> list[str]:
    parts = proportions(plan.requests_to_make).items()
    shares = ", ".join(f"{stage} {share:.1%}" for stage, share in parts)
    warnings = [f"warning: {warning}" for warning in warnings_for(plan.spec)]
    return [
        *warnings,
        f"prompts: {len(plan.requests_to_make):,} ({shares}), seed {plan.seed}",
    ]
