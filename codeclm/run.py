"""A run in its directory: resumes what is there, writes what comes out, ends so that it can be resumed."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing, nullcontext
from dataclasses import replace
from typing import Any

from codeclm.assembly import make_job, open_parties, preflight, prices_of
from codeclm.endpoints import endpoint_rows, endpoints_now
from codeclm.errors import RunStopped, UsageError
from codeclm.ledger import Ledger
from codeclm.llm.events import Listener
from codeclm.llm.providers import Models
from codeclm.llm.store import AnswerStore
from codeclm.methods.job import Job
from codeclm.pilot import Pilot, PilotLog
from codeclm.plan import Order, Plan, make_plan
from codeclm.progress import RunBegan, View
from codeclm.receipts import Receipts
from codeclm.rundir import RunDirectory, read_json, read_settings
from codeclm.running import (
    Finished,
    Stopper,
    ended,
    exit_code,
    how_it_ended,
    telling,
    work_on,
)
from codeclm.session import Session
from codeclm.sink import Sink
from codeclm.spending import RunBudget

__all__ = ["PILOT_OVER", "Finished", "Order", "Stopper", "run"]

PILOT_OVER = "the pilot is over"


async def run(order: Order, view: View, stopper: Stopper, pilot: Pilot | None = None) -> Finished:
    """Run ``order`` to its end, or until it is stopped; with ``pilot`` only that part of it, which is then logged.

    Raises UsageError, with nothing written or lost, for what must be mended first.
    """
    plan = make_plan(order)
    finished = _finished_before(order, plan)
    if finished is not None:
        view.say(f"{order.directory}: complete since an earlier run; nothing to do")
        view.notice(how_it_ended(finished, {}, None))
        return finished
    for warning in plan.warnings:
        view.say(f"warning: {warning}")
    with RunDirectory(order.directory) as directory:
        stored = directory.settings()
        if stored is not None and (directory.has_rows() or plan.equals(stored)):
            try:
                plan = plan.after(stored)
            except UsageError as error:
                raise UsageError(f"{directory.path}: {error}") from None
        return await _Run(order, plan, directory, pilot).work(view, stopper)


class _Run:
    """A plan and its directory, with all that takes down what happens in it."""

    def __init__(
        self, order: Order, plan: Plan, directory: RunDirectory, pilot: Pilot | None
    ) -> None:
        self._order, self._plan, self._directory, self._pilot = order, plan, directory, pilot
        self._earlier = directory.summary() or {}
        self._ledger = Ledger(self._earlier.get("calls", ()), prices_of(plan.settings))
        self._receipts = Receipts()
        self._log = PilotLog(directory.path) if pilot else None

    async def work(self, view: View, stopper: Stopper) -> Finished:
        """See that the models answer, before anything is written; then work with them."""
        listeners: list[Listener] = [self._ledger, self._receipts]
        if self._log is not None:
            listeners.append(self._log)
        on_event = telling(view, listeners)
        settings, place = self._plan.settings, self._directory.path
        with RunBudget(settings.budget, place, self._ledger, self._earlier) as budget:
            for oddity in budget.oddities():
                view.say(f"warning: {oddity}")
            models = Models(
                on_event=on_event,
                environ=self._order.environ,
                around=self._log.around if self._log else lambda model: model,
                budget=budget.calls,
                tariff=self._ledger.prices.of,
            )
            async with models:
                await preflight(models, self._plan.to_run)
                self._prepare()
                async with AnswerStore(
                    settings.cache or place / "cache", on_event=on_event
                ) as store:
                    self._directory.write_settings(self._plan.record())
                    with self._log or nullcontext(), budget.clock(stopper.stop):
                        return await self._work_with(models, store, view, stopper)

    async def _work_with(
        self, models: Models, store: AnswerStore, view: View, stopper: Stopper
    ) -> Finished:
        with closing(Sink(self._directory.path, calls=self._receipts.columns)) as sink:
            for oddity in sink.oddities():
                view.say(f"warning: {oddity}")
            job = self._job(models, store, sink)
            session = self._session(models, sink, job)
            view.notice(_began(self._plan, self._directory, self._earlier))
            reason = await work_on(job, models, session, view, stopper, [self._receipts])
            return await self._finish(session, reason, view)

    def _prepare(self) -> None:
        """Where what failed is to be tried again, all rows are made anew, from the cache where nothing failed."""
        if self._order.retry_failed and self._directory.has_failures():
            self._plan = replace(self._plan, retries=self._plan.retries + 1)
            self._directory.write_settings(self._plan.record())
            self._directory.set_rows_aside()

    def _job(self, models: Models, store: AnswerStore, sink: Sink) -> Job:
        plan = self._plan
        parties = open_parties(models, store, plan.models)
        return make_job(
            plan.source,
            plan.tally,
            plan.to_run,
            parties,
            plan.templates,
            sink.__contains__,
            sink.units,
            self._pilot,
            sink.is_selected,
            plan.held_out,
        )

    def _session(self, models: Models, sink: Sink, job: Job) -> Session:
        return Session(
            self._plan,
            self._directory,
            sink,
            self._ledger,
            job,
            self._earlier,
            lambda: endpoint_rows(models),
            lambda: endpoints_now(models, self._ledger.retries),
        )

    async def _finish(self, session: Session, reason: RunStopped | None, view: View) -> Finished:
        finished = await ended(session, reason or (RunStopped(PILOT_OVER) if self._pilot else None))
        view.notice(how_it_ended(finished, self._ledger.session, reason))
        return finished


def _began(plan: Plan, directory: RunDirectory, earlier: Mapping[str, Any]) -> RunBegan:
    return RunBegan(
        directory=directory.path,
        settings_sha256=plan.hash(),
        models=tuple(dict.fromkeys(one.model for one in plan.models.parties.values())),
        wanted=plan.wanted,
        sessions=int(earlier.get("sessions") or 0) + 1,
    )


def _finished_before(order: Order, plan: Plan) -> Finished | None:
    """How an earlier session ended, where it was complete and nothing has changed since."""
    stored = read_settings(order.directory)
    summary = read_json(order.directory / "summary.json")
    dataset = order.directory / "dataset.jsonl"
    if stored is None or summary is None or not dataset.exists():
        return None
    if order.retry_failed and exit_code(summary):
        return None
    if plan.tally is None:  # only reading a stream shows whether there is more in it
        return None
    if summary.get("state") != "complete" or not plan.equals(stored):
        return None
    return Finished(exit_code(summary), summary, dataset)
