"""One sitting of a run: takes outcomes down, shows them, keeps the summary true."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Container, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, Protocol, TypeVar

from codeclm.costs import cost_of, paid_of
from codeclm.engine.run import Run
from codeclm.errors import Enough, RunStopped, UsageError
from codeclm.ledger import Ledger
from codeclm.methods.job import Job
from codeclm.off_loop import off_loop
from codeclm.progress import EndpointRow, Recent, Rounds, Snapshot, View
from codeclm.progress.machine import busy_s
from codeclm.progress.record import progress_record
from codeclm.rundir import RunDirectory
from codeclm.version import __version__

__all__ = ["Books", "Session", "Task"]

SYNC_INTERVAL_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class Task(Protocol):
    """What is to be done, as ``Plan`` says it of a run.

    ``wanted`` is 0 where it is not known; ``goal`` is how many are to be selected, None where that is not what ends it.
    """

    @property
    def wanted(self) -> int: ...

    @property
    def goal(self) -> int | None: ...

    @property
    def bad_lines(self) -> int: ...

    @property
    def model_names(self) -> Sequence[str]: ...

    def hash(self) -> str: ...


class Books(Protocol):
    """Where outcomes go, as ``Sink`` takes down those of a run.

    ``things`` are what is counted, ``fates`` what may become of one. ``tally`` counts by (fate, kind, iteration), and
    ``spent`` holds tokens by (fate, model), where there is something to tell.
    """

    @property
    def things(self) -> str: ...

    @property
    def fates(self) -> Sequence[str]: ...

    @property
    def tally(self) -> Mapping[tuple[str, str, int], int]: ...

    @property
    def spent(self) -> Mapping[tuple[str, str], Sequence[int]]: ...

    @property
    def quarantined(self) -> int: ...

    def write(self, outcome: object) -> None: ...

    def sync(self) -> None: ...

    def settle(self) -> None: ...

    def write_dataset(self, chosen: Container[str] | None = None) -> Path: ...

    def counts(self) -> dict[str, Any]: ...


class Session:
    """Goes on from ``earlier``, the summary of the sittings before.

    ``endpoints`` tells the state of each for the summary, ``endpoints_now`` for who looks on. ``rounds`` is to observe
    the pipeline.
    """

    def __init__(
        self,
        plan: Task,
        directory: RunDirectory,
        sink: Books,
        ledger: Ledger,
        job: Job,
        earlier: Mapping[str, Any],
        endpoints: Callable[[], Sequence[Mapping[str, Any]]],
        endpoints_now: Callable[[], tuple[EndpointRow, ...]] = tuple,
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._sink = sink
        self._ledger = ledger
        self._job = job
        self._earlier = earlier
        self._endpoints = endpoints
        self._endpoints_now = endpoints_now
        self.rounds = Rounds(sink.tally)
        self._looking_cpu_s = 0.0
        self._started_s = time.monotonic()
        self._wanted = plan.wanted
        self._goal = plan.goal
        earlier_lines = int(earlier.get("quarantined_lines") or 0)
        self._quarantined = earlier_lines + sink.quarantined
        self._saving = threading.Lock()
        self._over = False

    async def consume(self, running: Run, view: View) -> RunStopped | None:
        """Take every outcome down; the reason where the run was stopped."""
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._keep_safe(running))
                showing = group.create_task(self._keep_shown(running, view))
                try:
                    return await self._take_down(running)
                finally:
                    keeping.cancel()
                    showing.cancel()
        finally:
            with self._saving:  # the thread may be at it still
                self._over = True

    async def _take_down(self, running: Run) -> RunStopped | None:
        try:
            async for outcome in running:
                try:
                    self._sink.write(outcome)
                except RunStopped as reason:
                    running.drain(
                        reason
                    )  # the answers are in the cache: only the row is made again
        except Enough:
            return None
        except RunStopped as reason:
            return reason
        return None

    async def end(
        self, *, complete: bool, reason: RunStopped | None = None
    ) -> tuple[Mapping[str, Any], Path | None]:
        """Close the books: the summary, with the ``reason`` of an early end, and the dataset if the run is complete.

        A large one takes seconds to write: the loop turns meanwhile.
        """
        if complete:
            await off_loop(self._settle)
        summary = self._summary("complete" if complete else "stopped")
        if reason is not None:
            summary |= {"reason": str(reason), "exit_code": reason.exit_code}
        return summary, await off_loop(self._write_end, summary, complete=complete)

    def _settle(self) -> None:
        self._sink.sync()
        _written(self._sink.settle)

    def _write_end(self, summary: Mapping[str, Any], *, complete: bool) -> Path | None:
        if not complete:
            with suppress(RunStopped):  # why the run stopped matters more
                self._sink.sync()
                _written(self._directory.write_summary, summary)
            return None
        self._sink.sync()
        dataset = _written(self._sink.write_dataset, self._job.chosen)
        _written(self._directory.write_summary, summary)
        return dataset

    async def _keep_safe(self, running: Run) -> None:
        """Have the disk hold what was written, at once and then every second."""
        recent = Recent(self._snapshot(running))
        try:
            while True:
                began_s = time.thread_time()
                recent.add(self._snapshot(running))
                progress = progress_record(recent)
                self._looking_cpu_s += time.thread_time() - began_s
                summary = self._summary("running") | {"progress": progress}
                await asyncio.to_thread(self._save, summary)
                await asyncio.sleep(SYNC_INTERVAL_S)
        except RunStopped as reason:
            running.drain(reason)

    def _save(self, summary: Mapping[str, Any]) -> None:
        with self._saving:
            if not self._over:
                self._sink.sync()
                _written(self._directory.write_summary, summary)

    async def _keep_shown(self, running: Run, view: View) -> None:
        while True:
            began_s = time.thread_time()
            view.show(self._snapshot(running))
            self._looking_cpu_s += time.thread_time() - began_s
            await asyncio.sleep(view.interval_s)

    def _snapshot(self, running: Run) -> Snapshot:
        return Snapshot(
            wanted=self._goal or self._wanted,
            counts_selected=self._goal is not None,
            elapsed_s=time.monotonic() - self._started_s,
            outcomes=self._sink.counts(),
            things=self._sink.things,
            fates=self._sink.fates,
            calls=dict(self._ledger.session),
            pipeline=running.statistics(),
            endpoints=self._endpoints_now(),
            accepted=self.rounds.accepted(self._sink.tally),
            usage=self._ledger.rows(),
            cpu_s=busy_s(),
            looking_cpu_s=self._looking_cpu_s,
            cost=paid_of(self._ledger),
        )

    def _cost(self, selected: int) -> dict[str, Any]:
        return cost_of(self._ledger, self._sink.spent, selected, self._plan.model_names)

    def _selection(self, selected: int, asked: int) -> dict[str, int] | None:
        """Where examples are counted: how many are wanted, and how much was begun beyond the units that make them."""
        if self._goal is None or self._job.quota is None:
            return None
        needed = self._job.quota.instructions
        return {
            "wanted": self._goal,
            "selected": selected,
            "instructions": needed,
            "beyond": asked - needed,
        }

    def _summary(self, state: str) -> dict[str, Any]:
        made, outcomes = dict(self._job.counts()), self._sink.counts()
        fates = {name: outcomes.pop(name) for name in self._sink.fates}
        wanted = self._wanted or made["asked"]
        missing = made.pop("missing") + made.pop("lost")
        del made["asked"]
        done = sum(fates.values())
        if self._goal is not None:
            fates |= {
                "selected": min(self._goal, fates["selected"]),
                "surplus": max(0, fates["selected"] - self._goal),
            }
            wanted = max(wanted, missing + done)  # decoded.jsonl may have been deleted
        return {
            "state": state,
            "codeclm": __version__,
            "versions": _versions(self._earlier),
            "settings_sha256": self._plan.hash(),
            "wanted": wanted,
            "selection": self._selection(fates.get("selected", 0), wanted),
            "counts": {
                **made,
                "bad_lines": self._plan.bad_lines,
                **fates,
                "missing": missing,
                "pending": wanted - missing - done,
            },
            **outcomes,
            "calls": self._ledger.rows(),
            "cost": self._cost(fates.get("selected", 0)),
            "failed_attempts": {model: dict(kinds) for model, kinds in self._ledger.errors.items()},
            "answer_flags": dict(self._ledger.flags),
            "endpoints": self._endpoints(),
            "rate_limit_pauses": dict(self._ledger.pauses),
            "quarantined_lines": self._quarantined,
            "cache_troubles": dict(self._ledger.cache_troubles),
            "sessions": int(self._earlier.get("sessions") or 0) + 1,
            "wall_time_s": round(
                float(self._earlier.get("wall_time_s") or 0) + time.monotonic() - self._started_s, 3
            ),
        }


def _versions(earlier: Mapping[str, Any]) -> list[str]:
    """Every version that made a part of the run, in their order."""
    before = earlier.get("versions") or [earlier.get("codeclm")]
    return list(dict.fromkeys([*filter(None, before), __version__]))


def _written(write: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``write`` returns; in the middle of a run a file that cannot be written stops it, resumably."""
    try:
        return write(*args, **kwargs)
    except UsageError as error:
        raise RunStopped(str(error)) from None
