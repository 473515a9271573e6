"""An evaluation in its directory: resumes what is there, writes what comes out, ends so that it can be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from functools import partial
from typing import Any

from codeclm.assembly import open_party, prices_of, spec_of
from codeclm.endpoints import endpoint_rows
from codeclm.errors import UsageError
from codeclm.evaluation.books import JudgementBooks
from codeclm.evaluation.pairwise import (
    JUDGE_PRIORITY,
    RESPOND_PRIORITY,
    Asked,
    Players,
    Responding,
    pairwise,
)
from codeclm.evaluation.plan import EVALUATION, EvaluationOrder, EvaluationPlan, make_plan
from codeclm.evaluation.settings import REFERENCE, AnswersSettings
from codeclm.ledger import Ledger
from codeclm.llm.cache import Store
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import AnswerStore
from codeclm.progress import View
from codeclm.rundir import RunDirectory, read_json, read_settings
from codeclm.running import Finished, Stopper, ended, exit_code, telling, work_on
from codeclm.session import Session
from codeclm.settings import ModelSettings
from codeclm.stages.evaluate import Evaluate, parse_explained_scores
from codeclm.stages.prompt import Question, Sampling
from codeclm.stages.respond import Respondent
from codeclm.stages.schemas import SCHEMAS

__all__ = ["evaluate"]

REDRAW_TEMPERATURE = 0.7


async def evaluate(order: EvaluationOrder, view: View, stopper: Stopper) -> Finished:
    """Evaluate ``order`` to its end, or until it is stopped; ``dataset`` of what is returned is the results.

    Raises UsageError, with nothing written or lost, for what must be mended first.
    """
    plan = make_plan(order)
    finished = _finished_before(order, plan)
    if finished is not None:
        view.say(f"{order.directory}: complete since an earlier evaluation; nothing to do")
        return finished
    for warning in plan.warnings:
        view.say(f"warning: {warning}")
    with RunDirectory(order.directory, kind=EVALUATION) as directory:
        stored = directory.settings()
        if stored is not None and directory.has_rows():
            try:
                plan = plan.after(stored)
            except UsageError as error:
                raise UsageError(f"{directory.path}: {error}") from None
        return await _open(order, plan, directory, view, stopper)


async def _open(
    order: EvaluationOrder,
    plan: EvaluationPlan,
    directory: RunDirectory,
    view: View,
    stopper: Stopper,
) -> Finished:
    """See that the models answer, before anything is written; then work with them."""
    earlier = directory.summary() or {}
    ledger = Ledger(earlier.get("calls", ()), prices_of(plan.settings))
    on_event = telling(view, [ledger])
    async with Models(on_event=on_event, environ=order.environ) as models:
        await _preflight(models, plan)
        if order.retry_failed and directory.has_failures():
            plan = replace(plan, retries=plan.retries + 1)
            directory.write_settings(plan.record())
            directory.set_rows_aside()
        cache = plan.settings.cache or directory.path / "cache"
        async with AnswerStore(cache, on_event=on_event) as store:
            directory.write_settings(plan.record())
            names = [*plan.settings.candidates]
            with closing(
                JudgementBooks(directory.path, plan.test_set.items, names, _about(plan))
            ) as books:
                for oddity in books.oddities():
                    view.say(f"warning: {oddity}")
                players, judge = _players(plan, models, store), _judge(plan, models, store)
                job = pairwise(plan.test_set.items, players, judge, books.__contains__)
                session = Session(
                    plan, directory, books, ledger, job, earlier, lambda: endpoint_rows(models)
                )
                return await ended(session, await work_on(job, models, session, view, stopper))


async def _preflight(models: Models, plan: EvaluationPlan) -> None:
    """One tiny call to each model. Raises UsageError or RunStopped, in one line."""
    settings = plan.settings
    asked: list[ModelSpec] = []
    for party in settings.models:
        if spec_of(party) not in asked:
            asked.append(spec_of(party))
            await models.preflight(
                asked[-1],
                temperature=settings.temperature_of(party),
                max_tokens=settings.max_tokens_of(party),
            )


def _players(plan: EvaluationPlan, models: Models, store: Store) -> Players:
    settings = plan.settings

    def player(name: str, party: ModelSettings | AnswersSettings) -> Responding:
        if isinstance(party, AnswersSettings):
            return plan.answers[name]
        sampling = Sampling(
            settings.temperature_of(party), settings.max_tokens_of(party), RESPOND_PRIORITY
        )
        model = open_party(models, store, party).model
        return Asked(Respondent(model, sampling, settings.system_prompt))

    at_once = sum(spec.max_in_flight for spec in plan.specs)
    candidates = {name: player(name, party) for name, party in settings.candidates.items()}
    return Players(candidates, player(REFERENCE, settings.reference), at_once)


def _judge(plan: EvaluationPlan, models: Models, store: Store) -> Evaluate:
    settings, party = plan.settings, plan.settings.judging
    max_tokens = settings.max_tokens_of(party)
    temperature = settings.temperature_of_judge
    longer = 2 * max_tokens if settings.on_cut_off == "double" else None
    sampling = Sampling(
        temperature, max_tokens, JUDGE_PRIORITY, max(temperature, REDRAW_TEMPERATURE), longer
    )
    question = Question(
        plan.template,
        open_party(models, store, party).model,
        partial(parse_explained_scores, scale=settings.scale),
        sampling,
        plan.redraws,
        {"scale": settings.scale},
        SCHEMAS["evaluate"] if party.structured_output else None,
    )
    return Evaluate(question)


def _about(plan: EvaluationPlan) -> dict[str, Any]:
    """What the results say of where they come from."""
    settings, test_set = plan.settings, plan.test_set
    return {
        "test_set": {
            "name": test_set.name,
            "items": len(test_set.items),
            "content": test_set.content,
            "by_length": test_set.by_length,
            "licence": test_set.known.licence if test_set.known else None,
        },
        "reference": _called(settings.reference),
        "judge": settings.judging.model,
        "models": {name: _called(party) for name, party in settings.candidates.items()},
    }


def _called(party: ModelSettings | AnswersSettings) -> str:
    return party.answers.name if isinstance(party, AnswersSettings) else party.model


def _finished_before(order: EvaluationOrder, plan: EvaluationPlan) -> Finished | None:
    """How an earlier session ended, where it was complete and nothing has changed since."""
    stored = read_settings(order.directory)
    summary: Mapping[str, Any] | None = read_json(order.directory / "summary.json")
    results = order.directory / "results.json"
    if stored is None or summary is None or not results.exists():
        return None
    if order.retry_failed and exit_code(summary):
        return None
    if summary.get("state") != "complete" or stored["decisive"] != plan.decisive():
        return None
    if stored["test_set"]["categories"] != plan.test_set.categories:
        return None
    return Finished(exit_code(summary), summary, results)
