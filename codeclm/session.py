"""One sitting of a run: takes outcomes down, shows them, keeps the summary true."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

from codeclm.engine.run import Run
from codeclm.errors import Enough, RunStopped, UsageError
from codeclm.ledger import Ledger
from codeclm.methods.job import Job
from codeclm.plan import Plan
from codeclm.progress import Snapshot, View
from codeclm.rundir import OUTCOMES, RunDirectory
from codeclm.sink import Sink
from codeclm.version import __version__

__all__ = ["Session"]

SYNC_INTERVAL_S = 1.0

P = ParamSpec("P")
T = TypeVar("T")


class Session:
    """Goes on from ``earlier``, the summary of the sittings before. ``endpoints`` tells the state of each."""

    def __init__(
        self,
        plan: Plan,
        directory: RunDirectory,
        sink: Sink,
        ledger: Ledger,
        job: Job,
        earlier: Mapping[str, Any],
        endpoints: Callable[[], Sequence[Mapping[str, Any]]],
    ) -> None:
        self._plan = plan
        self._directory = directory
        self._sink = sink
        self._ledger = ledger
        self._job = job
        self._earlier = earlier
        self._endpoints = endpoints
        self._started_s = time.monotonic()
        self._wanted = plan.wanted
        self._goal = plan.settings.method.selected
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

    def end(self, *, complete: bool) -> tuple[Mapping[str, Any], Path | None]:
        """Close the books: the summary, and the dataset if the run is complete."""
        if not complete:
            summary = self._summary("stopped")
            with suppress(RunStopped):  # why the run stopped matters more
                self._sink.sync()
                _written(self._directory.write_summary, summary)
            return summary, None
        self._sink.sync()
        _written(self._sink.settle)
        summary = self._summary("complete")
        self._sink.sync()
        dataset = _written(self._sink.write_dataset, self._job.chosen)
        _written(self._directory.write_summary, summary)
        return summary, dataset

    async def _keep_safe(self, running: Run) -> None:
        """Have the disk hold what was written, at once and then every second."""
        try:
            while True:
                await asyncio.to_thread(self._save, self._summary("running"))
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
            view.show(
                Snapshot(
                    wanted=self._goal or self._wanted,
                    counts_selected=self._goal is not None,
                    elapsed_s=time.monotonic() - self._started_s,
                    outcomes=self._sink.counts(),
                    calls=self._ledger.session,
                    pipeline=running.statistics(),
                )
            )
            await asyncio.sleep(view.interval_s)

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
        fates = {name: outcomes.pop(name) for name in OUTCOMES}
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
            "selection": self._selection(fates["selected"], wanted),
            "counts": {
                **made,
                "bad_lines": self._plan.bad_lines,
                **fates,
                "missing": missing,
                "pending": wanted - missing - done,
            },
            **outcomes,
            "calls": self._ledger.rows(),
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
