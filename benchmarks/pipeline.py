"""The whole pipeline, run as the command runs it, and looked at as its progress view is.

Strong and target are one model with two temperatures: so there is one limit, of exactly so many calls in flight.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, TypeVar

import codeclm.cli  # noqa: F401 - the command loads it: its start is measured too
from benchmarks.gauge import Gauge, Pulse
from codeclm.console import execute, run_loop
from codeclm.progress import JsonView, NoView, PlainView, Snapshot, View
from codeclm.run import Order
from codeclm.rundir import read_json
from codeclm.seeds import SeedFile
from codeclm.settings import Settings
from codeclm.settings_file import load_settings

__all__ = ["CALLS_A_SEED", "CALLS_UNFILTERED", "PER_CALL", "Task", "measure", "write_seeds"]

T = TypeVar("T")

CALLS_A_SEED = 45
"""One to encode it, one to decode five instructions, one for rubrics; each of them goes round 1.9 times on average."""

CALLS_UNFILTERED = 7
"""One to encode it, one to decode five instructions, and one for the response to each."""

PER_CALL = 5
MOST_MOMENTS = 1_000
PREFLIGHT = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be run, and what is to be looked at.

    ``counted``: which calls; "calls" are those made, "kept" those whose answers were there. The figures are for
    the time between the shares ``first`` and ``last`` of them. With ``stop_at`` the run is interrupted after so many,
    with ``stop_at_outcome`` at its first new outcome. Without ``filtering`` there is one call for each outcome.
    ``began_s``: when the process was started, in seconds since 1970. ``cores`` are those it pins itself to, where it
    is not started on them. ``view`` is shown, to nobody, as often as it asks for it, or more often: "none",
    "plain", "json" or "rich". With ``yardstick`` each look also tells how fast the machine is at that moment.
    """

    base_url: str
    seeds: str
    output: str
    cache: str | None = None
    total: int
    in_flight: int
    adaptive: bool = False
    requests_per_minute: float | None = None
    model: str = "m"
    counted: str = "calls"
    first: float = 0.2
    last: float = 0.8
    look_every_s: float = 0.05
    stop_at: int | None = None
    stop_at_outcome: bool = False
    filtering: bool = True
    view: str | None = None
    began_s: float | None = None
    cores: tuple[int, ...] = ()
    yardstick: bool = False

    def settings(self) -> Settings:
        """As the settings of a run."""
        model = {
            "model": f"openai:{self.model}@{self.base_url}",
            "max_in_flight": self.in_flight,
            "adaptive": self.adaptive,
            "requests_per_minute": self.requests_per_minute,
        }
        models = {"strong": model, "target": {**model, "temperature": 0.5}}
        method: dict[str, object] = {"total": self.total, "per_call": PER_CALL, "augment_to": 0}
        if not self.filtering:
            method |= {"contrastive_filtering": False, "self_rubrics": False}
        return load_settings(None, {"models": models, "method": method, "cache": self.cache})


class Watcher(NoView):
    """A view that takes figures down."""

    def __init__(self, task: Task) -> None:
        self.interval_s = task.look_every_s
        self._view = seen_by_nobody(task.view or "none")
        self._looking_cpu_s: list[float] = []
        self.gauge = Gauge(yardstick=task.yardstick)
        self.first_call: dict[str, float] = {}
        self.first_outcome_s: float | None = None
        self.first_outcome_cpu_s = 0.0
        self.first_selected_s: float | None = None
        self._open_s = 0.0
        self._is_stopped = False
        self._found = 0  # outcomes of earlier sessions
        self._task = task
        self._began_s = time.time() if task.began_s is None else task.began_s

    def __enter__(self) -> Watcher:
        self._open_s = time.time() - self._began_s
        self._view.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._view.__exit__(kind, error, trace)

    def show(self, snapshot: Snapshot) -> None:
        self._view.show(snapshot)
        self._looking_cpu_s.append(snapshot.looking_cpu_s)
        if self._task.view is not None:
            self.interval_s = min(self._view.interval_s, self._task.look_every_s)
        calls = self._counted(snapshot.calls)
        if not self.gauge.moments:
            self._found = snapshot.finished
        self.gauge.take(calls)
        if calls and not self.first_call:
            self.first_call = {
                "first_call_s": time.time() - self._began_s,
                "start_cpu_s": self.gauge.moments[0].cpu_s,
            }
        if self.first_outcome_s is None and snapshot.finished > self._found:
            self.first_outcome_s = time.time() - self._began_s
            self.first_outcome_cpu_s = time.process_time()
        if self.first_selected_s is None and snapshot.outcomes["selected"]:
            self.first_selected_s = time.time() - self._began_s
        if self._is_enough(calls):
            self._stop()

    def end(self) -> None:
        """The run is over: what was not seen in time is there now."""
        if self.first_outcome_s is None:
            self.first_outcome_s = time.time() - self._began_s
            self.first_outcome_cpu_s = time.process_time()

    def figures(self) -> dict[str, Any]:
        """What was seen; nothing where there was nothing to do."""
        task, moments = self._task, self.gauge.moments
        if not moments:
            return {}
        found = self.gauge.marginal(task.first, task.last)
        return {
            **found,
            **self.first_call,
            "open_s": self._open_s,
            **self._looking(),
            "first_outcome_s": self.first_outcome_s,
            "first_outcome_cpu_s": self.first_outcome_cpu_s,
            "first_selected_s": self.first_selected_s,
            "moments": [asdict(one) for one in thinned(moments)],
        }

    def _looking(self) -> dict[str, float]:
        """What looks have cost from the second to the last: the first one loads what it needs."""
        first = min(1, len(self._looking_cpu_s) - 1)
        one, other = self.gauge.moments[first], self.gauge.moments[-1]
        looks = max(1, len(self._looking_cpu_s) - 1 - first)
        looking_s = self._looking_cpu_s[-1] - self._looking_cpu_s[first]
        return {
            "looks_per_s": looks / max(1e-9, other.at_s - one.at_s),
            "look_ms": 1000 * looking_s / looks,
            "looking_share": 100 * looking_s / max(1e-9, other.cpu_s - one.cpu_s),
        }

    def _counted(self, calls: Mapping[str, int]) -> int:
        if self._task.counted == "kept":
            return calls.get("cache_hits", 0) + calls.get("shared", 0)
        return max(0, calls.get("calls", 0) - PREFLIGHT)

    def _is_enough(self, calls: int) -> bool:
        task = self._task
        if task.stop_at_outcome and self.first_outcome_s is not None:
            return True
        return task.stop_at is not None and calls >= task.stop_at

    def _stop(self) -> None:
        """As a person does; a second time would mean at once."""
        if not self._is_stopped:
            self._is_stopped = True
            os.kill(os.getpid(), signal.SIGINT)


def seen_by_nobody(name: str) -> View:
    """The view of that name, on a terminal that is not there."""
    nowhere = Path(os.devnull).open("w", encoding="utf-8")  # noqa: SIM115 - for the life of the process

    def drop(line: str) -> None:
        nowhere.write(line)

    if name == "rich":
        from rich.console import Console  # noqa: PLC0415 - a run that nobody looks at does not load it

        from codeclm.live import LiveView  # noqa: PLC0415

        return LiveView(Console(file=nowhere, force_terminal=True, width=80))
    return {"plain": PlainView(drop), "json": JsonView(drop), "none": NoView()}[name]


def thinned(moments: Sequence[T]) -> Sequence[T]:
    """Not too many of them, evenly chosen, the last one too."""
    step = len(moments) // MOST_MOMENTS + 1
    return [*moments[:-1:step], *moments[-1:]]


def write_seeds(path: Path, number: int) -> None:
    """So many seed instructions of 200 characters."""
    filler = (
        "Say for whom it is, what to begin with, what to leave out, and how long it should be. " * 3
    )
    with path.open("w") as file:
        for one in range(number):
            file.write(json.dumps({"instruction": f"Explain topic {one}. {filler}"[:200]}) + "\n")


async def main(task: Task, watcher: Watcher) -> dict[str, Any]:
    """Run ``task``; what was seen, with the exit code."""
    pulse = Pulse()
    order = Order(SeedFile(Path(task.seeds)), task.settings(), Path(task.output), environ={})
    code = await execute(order, watcher)
    watcher.end()
    summary = read_json(Path(task.output) / "summary.json") or {}
    endpoints, asked_for = summary.get("endpoints", ()), summary.get("calls", ())
    return {
        **pulse.stop(),
        **watcher.figures(),
        "exit_code": code,
        "peak_in_flight": max((one["peak_in_flight"] for one in endpoints), default=0),
        "made": sum(row["calls"] for row in asked_for) - PREFLIGHT,
        "kept": sum(row["cache_hits"] + row["shared"] for row in asked_for),
        "refused": sum(one["rate_limited"] for one in endpoints),
    }


def measure(words: str) -> None:
    """Run the Task that ``words`` are (JSON), in this process; print what was seen as JSON."""
    task = Task(**json.loads(words))
    if task.cores and sys.platform == "linux":
        os.sched_setaffinity(0, task.cores)
    print(json.dumps(run_loop(main(task, Watcher(task)))))
