"""A run in its directory: resumes what is there, writes what comes out, ends so that it can be resumed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from codeclm.assembly import make_job, open_parties, preflight
from codeclm.endpoints import endpoint_rows
from codeclm.engine.events import Observer, RunDrained
from codeclm.errors import RunStopped, UsageError
from codeclm.ledger import Ledger
from codeclm.llm.events import CacheTrouble, EndpointBack, EndpointDown, Listener
from codeclm.llm.providers import Models
from codeclm.llm.store import AnswerStore
from codeclm.plan import Order, Plan, make_plan
from codeclm.progress import View
from codeclm.rundir import RunDirectory, read_json, read_settings
from codeclm.session import Session
from codeclm.sink import Sink
from codeclm.watch import FailureWatch

__all__ = ["Finished", "Order", "Stopper", "run"]


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: its exit code, its summary, its dataset if complete, the reason if stopped early."""

    exit_code: int
    summary: Mapping[str, Any]
    dataset: Path | None
    reason: str = ""


class Stopper:
    """Lets somebody outside end a run so that it can be resumed: steps under way finish, nothing new starts."""

    def __init__(self) -> None:
        self._stop: Callable[[RunStopped], None] | None = None
        self._reason: RunStopped | None = None

    @property
    def asked(self) -> bool:
        """Whether the run was asked to stop."""
        return self._reason is not None

    def attach(self, stop: Callable[[RunStopped], None]) -> None:
        """Tell what stops the run; it is called at once if that was asked for before."""
        self._stop = stop
        if self._reason is not None:
            stop(self._reason)

    def stop(self, reason: str) -> None:
        """Stop the run."""
        self._reason = RunStopped(reason)
        if self._stop is not None:
            self._stop(self._reason)


async def run(order: Order, view: View, stopper: Stopper) -> Finished:
    """Run ``order`` to its end, or until it is stopped.

    Raises UsageError, with nothing written or lost, for what must be mended first.
    """
    plan = make_plan(order)
    finished = _finished_before(order, plan)
    if finished is not None:
        view.say(f"{order.directory}: complete since an earlier run; nothing to do")
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
        return await _open(order, plan, directory, view, stopper)


async def _open(
    order: Order, plan: Plan, directory: RunDirectory, view: View, stopper: Stopper
) -> Finished:
    """See that the models answer, before anything is written; then work with them."""
    earlier = directory.summary() or {}
    ledger = Ledger(earlier.get("calls", ()))
    on_event = _telling(view, ledger)
    async with Models(on_event=on_event, environ=order.environ) as models:
        await preflight(models, plan.to_run)
        if order.retry_failed and directory.has_failures():
            plan = replace(plan, retries=plan.retries + 1)
            directory.write_settings(plan.record())
            directory.set_rows_aside()
        cache = plan.settings.cache or directory.path / "cache"
        async with AnswerStore(cache, on_event=on_event) as store:
            directory.write_settings(plan.record())
            with closing(Sink(directory.path)) as sink:
                for oddity in sink.oddities():
                    view.say(f"warning: {oddity}")
                desk = _Desk(plan, models, store, sink)
                session = Session(
                    plan, directory, sink, ledger, desk.job, earlier, lambda: endpoint_rows(models)
                )
                return _ended(session, await desk.work(session, view, stopper))


class _Desk:
    """The pipeline of a run, and who looks on while it works."""

    def __init__(self, plan: Plan, models: Models, store: AnswerStore, sink: Sink) -> None:
        self._models = models
        parties = open_parties(models, store, plan.models)
        known = sink.__contains__, sink.units, sink.is_selected, plan.evaluation
        self.job = make_job(plan.source, plan.tally, plan.to_run, parties, plan.templates, *known)

    async def work(self, session: Session, view: View, stopper: Stopper) -> RunStopped | None:
        """Work to the end; the reason where the run was stopped."""

        def observe(event: object) -> None:
            if isinstance(event, RunDrained):  # what waits for a limit need not wait any more
                self._models.drain(event.reason)

        def stop(reason: RunStopped) -> None:
            running.drain(reason)

        observers: list[Observer] = [observe, FailureWatch(stop), *self.job.watch(stop)]
        async with self.job.pipeline.open(self.job.source, observers) as running:
            stopper.attach(running.drain)
            return await session.consume(running, view)


def _telling(view: View, ledger: Ledger) -> Listener:
    """Takes what the LLM layers tell down, and tells the person at once what matters."""

    def on_event(event: object) -> None:
        ledger(event)
        match event:
            case CacheTrouble(reason):
                view.say(f"warning: {reason}; the run goes on, such answers would be paid again")
            case EndpointDown(model, reason):
                view.say(f"{model} is out of service: {reason}; it is tried every few seconds")
            case EndpointBack(model, down_for_s):
                view.say(f"{model} answers again after {down_for_s:.0f} s")

    return on_event


def _ended(session: Session, reason: RunStopped | None) -> Finished:
    summary, dataset = session.end(complete=reason is None)
    if reason is not None:
        return Finished(reason.exit_code, summary, dataset, str(reason))
    return Finished(_exit_code(summary), summary, dataset)


def _finished_before(order: Order, plan: Plan) -> Finished | None:
    """How an earlier session ended, where it was complete and nothing has changed since."""
    stored = read_settings(order.directory)
    summary = read_json(order.directory / "summary.json")
    dataset = order.directory / "dataset.jsonl"
    if stored is None or summary is None or not dataset.exists():
        return None
    if order.retry_failed and _exit_code(summary):
        return None
    if plan.tally is None:  # only reading a stream shows whether there is more in it
        return None
    if summary.get("state") != "complete" or not plan.equals(stored):
        return None
    return Finished(_exit_code(summary), summary, dataset)


def _exit_code(summary: Mapping[str, Any]) -> int:
    selection = summary.get("selection")
    is_short = selection and selection["selected"] < selection["wanted"]
    return 3 if summary.get("failed_by_stage") or is_short else 0
