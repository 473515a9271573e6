"""One session of a simulated run: the real parts, wired as ``codeclm.run`` wires them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.assembly import make_job, open_parties, prices_of
from codeclm.endpoints import endpoint_rows
from codeclm.engine.events import Observer, RunDrained, StepFailed, StepPostponed
from codeclm.engine.run import Run
from codeclm.errors import RunStopped
from codeclm.ledger import Ledger
from codeclm.llm.events import Listener
from codeclm.plan import Plan
from codeclm.progress import NoView, Snapshot
from codeclm.receipts import Receipts
from codeclm.rundir import RunDirectory
from codeclm.session import Session
from codeclm.sink import Sink
from codeclm.watch import FailureWatch
from tests.simulation.disk import SeededDisk
from tests.simulation.models import SeededModels
from tests.simulation.store import SeededStore
from tests.simulation.universe import Universe

__all__ = ["Ended", "hold_session"]

ENTRY_STAGES = ("encode", "pairs")
BEFORE_INSTRUCTIONS = (*ENTRY_STAGES, "decode")
PERSON = "stopped by a person"


@dataclass(frozen=True, slots=True)
class Ended:
    """How a session ended that was not killed; ``reason`` is None where the run is complete."""

    reason: RunStopped | None
    summary: Mapping[str, Any]
    ledger: Ledger
    models: SeededModels


class _View(NoView):
    """Looks on, and sees to it that there is something to see."""

    interval_s = 60.0

    def __init__(self, universe: Universe) -> None:
        self._universe = universe

    def show(self, snapshot: Snapshot) -> None:
        self._universe.check_alive()
        stages = snapshot.pipeline.stages
        assert all(min(one.waiting, one.working, one.done, one.failed) >= 0 for one in stages)
        assert snapshot.pipeline.inside >= 0


async def hold_session(
    universe: Universe,
    plan: Plan,
    path: Path,
    disk: SeededDisk,
    make_models: Callable[[Listener], SeededModels],
) -> Ended:
    """Work on the run in ``path`` until it is complete or stopped. Raises what ``codeclm.run.run`` would."""
    directory = RunDirectory(path, disk)
    earlier = directory.summary() or {}
    ledger, receipts = Ledger(earlier.get("calls", ()), prices_of(plan.settings)), Receipts()

    def tell(event: object) -> None:
        ledger(event)
        receipts(event)

    models = make_models(tell)
    directory.write_settings(plan.record())
    with closing(Sink(path, disk, receipts.columns)) as sink:
        parties = open_parties(models, SeededStore(universe), plan.models)
        known = sink.__contains__, sink.units, None, sink.is_selected
        job = make_job(plan.source, plan.tally, plan.to_run, parties, plan.templates, *known)
        session = Session(
            plan, directory, sink, ledger, job, earlier, lambda: endpoint_rows(models)
        )

        def observe(event: object) -> None:
            match event:
                case RunDrained(reason):
                    models.drain(reason)
                case StepFailed(stage) | StepPostponed(stage) if stage in BEFORE_INSTRUCTIONS:
                    universe.unit_failed = True
                    universe.entry_failed |= stage in ENTRY_STAGES

        def stop(reason: RunStopped) -> None:
            running.drain(reason)

        running: Run
        observers: list[Observer] = [observe, FailureWatch(stop), receipts, *job.watch(stop)]
        async with job.pipeline.open(job.source, observers) as running:
            universe.on_stop = lambda: running.drain(RunStopped(PERSON))
            reason = await session.consume(running, _View(universe))
        summary, _ = await session.end(complete=reason is None)
    return Ended(reason, summary, ledger, models)
