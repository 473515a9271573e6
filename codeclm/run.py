"""A run in its directory: resumes what is there, writes what comes out, ends so that it can be resumed."""

from __future__ import annotations

import asyncio
import hashlib
import os
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from codeclm.assembly import expected, make_job, model_specs, open_parties
from codeclm.engine.pipeline import Run
from codeclm.errors import RunStopped, UsageError
from codeclm.ledger import Ledger
from codeclm.llm.providers import Models, check_reachable, check_spec
from codeclm.llm.store import AnswerStore
from codeclm.methods.job import Job
from codeclm.progress import Snapshot, View
from codeclm.rundir import RunDirectory, check_ours, read_json
from codeclm.seeds import Source, Tally
from codeclm.settings import MISSING_MODEL, ModelsSettings, Settings, difference
from codeclm.sink import Sink
from codeclm.stages.templates import load_templates
from codeclm.version import __version__

__all__ = ["Finished", "Order", "Stopper", "run"]

SYNC_INTERVAL_S = 1.0


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be run, and where. ``environ`` holds the keys, so it is never shown."""

    source: Source
    settings: Settings
    directory: Path
    retry_failed: bool = False
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


@dataclass(frozen=True, slots=True)
class Finished:
    """How a run ended: its exit code, its summary, and the reason where it stopped early."""

    exit_code: int
    summary: Mapping[str, Any]
    dataset: Path | None
    reason: str = ""


class Stopper:
    """Lets somebody outside end a run so that it can be resumed: what is under way finishes, nothing new starts."""

    def __init__(self) -> None:
        self._stop: Callable[[RunStopped], None] | None = None
        self.asked = False

    def attach(self, stop: Callable[[RunStopped], None]) -> None:
        """Tell who can stop."""
        self._stop = stop

    def stop(self, reason: str) -> None:
        """Stop the run."""
        self.asked = True
        if self._stop:
            self._stop(RunStopped(reason))


async def run(order: Order, view: View, stopper: Stopper) -> Finished:
    """Run ``order`` to its end, or until it is stopped.

    Raises UsageError, with nothing written or lost, for what must be mended first.
    """
    plan = _plan(order)
    finished = _finished_before(order, plan)
    if finished is not None:
        view.say(f"{order.directory}: complete since an earlier run; nothing to do")
        return finished
    for spec in model_specs(plan.models):
        await check_reachable(spec)
    with RunDirectory(order.directory) as directory:
        plan = _resumed(plan, directory)
        directory.write_settings(plan.record())
        return await _work(order, plan, directory, view, stopper)


async def _work(
    order: Order, plan: _Plan, directory: RunDirectory, view: View, stopper: Stopper
) -> Finished:
    earlier = directory.summary() or {}
    if order.retry_failed:
        _set_failed_aside(directory.path)
    ledger = Ledger(earlier.get("calls", ()))
    cache = plan.settings.cache or directory.path / "cache"
    with closing(Sink(directory.path)) as sink:
        async with (
            AnswerStore(cache, on_event=ledger) as store,
            Models(store, on_event=ledger, environ=order.environ) as models,
        ):
            parties = open_parties(models, plan.models)
            job = make_job(
                order.source,
                plan.tally,
                plan.settings,
                parties,
                load_templates(plan.settings.prompts),
                done=sink.__contains__,
            )
            session = _Session(plan, directory, sink, ledger, job, earlier)

            def stop(reason: RunStopped) -> None:
                models.drain(reason)
                running.drain(reason)

            async with job.pipeline.open(job.source) as running:
                stopper.attach(stop)
                reason = await session.consume(running, view)
        return session.end(reason)


def _set_failed_aside(path: Path) -> None:
    failed = path / "failed.jsonl"
    if failed.exists():
        failed.replace(path / "failed.jsonl.before")


@dataclass(frozen=True, slots=True)
class _Plan:
    """What an order comes to: checked, counted, and comparable with what an earlier session stored."""

    source: Source
    settings: Settings
    tally: Tally | None

    @property
    def models(self) -> ModelsSettings:
        if self.settings.models is None:
            raise UsageError(MISSING_MODEL.format(party="strong"))
        return self.settings.models

    def decisive(self) -> dict[str, Any]:
        """All that the dataset depends on, flat."""
        templates = load_templates(self.settings.prompts)
        return {
            **self.settings.decisive(),
            "input": self.tally.content if self.tally else None,
            **{f"prompt.{name}": _sha256(one.text) for name, one in sorted(templates.items())},
        }

    def record(self) -> dict[str, Any]:
        """What is stored beside the dataset; no secrets are in it."""
        return {
            "codeclm": __version__,
            "settings": self.settings.stored(),
            "input": {
                "source": str(getattr(self.source, "path", "a list")),
                "items": self.tally and self.tally.items,
                "bad_lines": self.tally and self.tally.bad_lines,
            },
            "decisive": self.decisive(),
        }


def _plan(order: Order) -> _Plan:
    check_ours(order.directory)
    counted = order.settings.method.total is not None
    plan = _Plan(order.source, order.settings, order.source.tally() if counted else None)
    plan.decisive()
    for spec in model_specs(plan.models):
        check_spec(spec, order.environ)
    return plan


def _finished_before(order: Order, plan: _Plan) -> Finished | None:
    """How an earlier session ended, where it was complete and nothing has changed since."""
    stored = read_json(order.directory / "settings.json")
    summary = read_json(order.directory / "summary.json")
    if stored is None or summary is None or summary.get("state") != "complete":
        return None
    if _with_totals_of(plan, stored).decisive() != stored["decisive"] or order.retry_failed:
        return None
    dataset = order.directory / "dataset.jsonl"
    return Finished(_exit_code(summary), summary, dataset) if dataset.exists() else None


def _resumed(plan: _Plan, directory: RunDirectory) -> _Plan:
    """The plan as a continuation of what is in ``directory``. Raises UsageError where it cannot be one."""
    stored = directory.settings()
    if stored is None:
        return plan
    plan = _with_totals_of(plan, stored)
    free = {"method.total", "method.extends"}
    old, new = stored["decisive"], plan.decisive()
    extended = (new["method.total"] or 0) > (old["method.total"] or 0) > 0
    changed = [
        line for line in difference(old, new) if not (extended and line.split(":")[0] in free)
    ]
    if changed:
        raise UsageError(
            f"{directory.path}: holds a run with other settings ({'; '.join(changed)}); "
            "run with the old ones, or give another -o"
        )
    return plan


def _with_totals_of(plan: _Plan, stored: Mapping[str, Any]) -> _Plan:
    """The plan with the totals that the stored run was given before its own."""
    method, old = plan.settings.method, stored["decisive"]
    before = [*old["method.extends"], old["method.total"]]
    if method.total is None or method.extends or None in before or before[-1] > method.total:
        return plan
    extends = tuple(total for total in before if total < method.total)
    settings = plan.settings.model_copy(update={"method": replace(method, extends=extends)})
    return replace(plan, settings=settings)


class _Session:
    """One sitting of a run: takes outcomes down, shows them, keeps the summary true."""

    def __init__(
        self,
        plan: _Plan,
        directory: RunDirectory,
        sink: Sink,
        ledger: Ledger,
        job: Job,
        earlier: Mapping[str, Any],
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._sink = sink
        self._ledger = ledger
        self._job = job
        self._earlier = earlier
        self._started_s = time.monotonic()
        self._wanted = expected(plan.source, plan.tally, plan.settings)[1]

    async def consume(self, running: Run, view: View) -> RunStopped | None:
        """Take every outcome down; the reason where the run was stopped."""
        stopped = None
        async with asyncio.TaskGroup() as group:
            ticking = [
                group.create_task(self._keep_safe()),
                group.create_task(self._keep_shown(running, view)),
            ]
            try:
                async for outcome in running:
                    self._sink.write(outcome)
            except RunStopped as reason:
                stopped = reason
            for task in ticking:
                task.cancel()
        return stopped

    def end(self, reason: RunStopped | None) -> Finished:
        """Close the books: the dataset if all is done, and the summary."""
        self._sink.sync()
        dataset = None if reason else self._sink.write_dataset()
        summary = self._summary("stopped" if reason else "complete")
        self._directory.write_summary(summary)
        code = reason.exit_code if reason else _exit_code(summary)
        return Finished(code, summary, dataset, str(reason or ""))

    async def _keep_safe(self) -> None:
        """Have the disk hold what was written, once a second."""
        while True:
            await asyncio.sleep(SYNC_INTERVAL_S)
            await asyncio.to_thread(self._save, self._summary("running"))

    def _save(self, summary: Mapping[str, Any]) -> None:
        self._sink.sync()
        self._directory.write_summary(summary)

    async def _keep_shown(self, running: Run, view: View) -> None:
        while True:
            view.show(
                Snapshot(
                    wanted=self._wanted,
                    elapsed_s=time.monotonic() - self._started_s,
                    outcomes=self._sink.counts(),
                    calls=self._ledger.session,
                    pipeline=running.statistics(),
                )
            )
            await asyncio.sleep(view.interval_s)

    def _summary(self, state: str) -> dict[str, Any]:
        made, outcomes = self._job.counts(), self._sink.counts()
        fates = {name: outcomes.pop(name) for name in ("selected", "discarded", "failed")}
        instructions = max(made["instructions"], sum(fates.values()))
        return {
            "state": state,
            "codeclm": __version__,
            "settings_sha256": _sha256(repr(sorted(self._plan.decisive().items()))),
            "wanted": self._wanted,
            "counts": {
                **made,
                "bad_lines": self._plan.tally.bad_lines if self._plan.tally else 0,
                "instructions": instructions,
                **fates,
                "pending": instructions - sum(fates.values()),
            },
            **outcomes,
            "calls": self._ledger.rows(),
            "cache_troubles": dict(self._ledger.cache_troubles),
            "sessions": int(self._earlier.get("sessions") or 0) + 1,
            "wall_time_s": round(
                float(self._earlier.get("wall_time_s") or 0) + time.monotonic() - self._started_s, 3
            ),
        }


def _exit_code(summary: Mapping[str, Any]) -> int:
    return 3 if summary["failed_by_stage"] else 0


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
