"""One sitting of a run: takes outcomes down, shows them, keeps the summary true."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from codeclm.engine.run import Run
from codeclm.errors import RunStopped
from codeclm.ledger import Ledger
from codeclm.methods.job import Job
from codeclm.plan import Plan
from codeclm.progress import Snapshot, View
from codeclm.rundir import RunDirectory
from codeclm.sink import Sink
from codeclm.version import __version__

__all__ = ["Session"]

SYNC_INTERVAL_S = 1.0


class Session:
    """Goes on from ``earlier``, the summary of the sittings before."""

    def __init__(
        self,
        plan: Plan,
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
        self._wanted = plan.wanted
        self._saving = threading.Lock()
        self._over = False

    async def consume(self, running: Run, view: View) -> RunStopped | None:
        """Take every outcome down; the reason where the run was stopped."""
        try:
            async with asyncio.TaskGroup() as group:
                keeping = group.create_task(self._keep_safe())
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
                self._sink.write(outcome)
        except RunStopped as reason:
            return reason
        return None

    def end(self, *, complete: bool) -> tuple[Mapping[str, Any], Path | None]:
        """Close the books: the summary, and the dataset if the run is complete."""
        self._sink.sync()
        dataset = self._sink.write_dataset() if complete else None
        summary = self._summary("complete" if complete else "stopped")
        self._directory.write_summary(summary)
        return summary, dataset

    async def _keep_safe(self) -> None:
        """Have the disk hold what was written, once a second."""
        while True:
            await asyncio.sleep(SYNC_INTERVAL_S)
            await asyncio.to_thread(self._save, self._summary("running"))

    def _save(self, summary: Mapping[str, Any]) -> None:
        with self._saving:
            if not self._over:
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
            "settings_sha256": self._plan.hash(),
            "wanted": self._wanted,
            "counts": {
                **made,
                "bad_lines": self._plan.bad_lines,
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
