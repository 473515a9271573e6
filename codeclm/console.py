"""A run on a terminal: its view, its signals, its last words."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from codeclm.collector import calm_collector
from codeclm.errors import RunStopped, UsageError
from codeclm.llm.money import PICODOLLARS, dollars
from codeclm.open_files import fitted, raise_limit
from codeclm.pilot import Pilot
from codeclm.prices import how_to_give
from codeclm.printable import printable
from codeclm.progress import JsonView, NoView, PlainView, View, Views
from codeclm.run import Finished, Order, Stopper, run

try:
    from uvloop import new_event_loop
except ImportError:  # not made for every system
    from asyncio import new_event_loop  # type: ignore[assignment]

__all__ = [
    "DRAIN_S",
    "Progress",
    "call_words",
    "carry_out",
    "complain",
    "conduct",
    "execute",
    "interruptible",
    "next_words",
    "on_signals",
    "print_line",
    "run_loop",
    "view_for",
]

T = TypeVar("T")

DRAIN_S = 28.0  # with what follows the run ends within 30 s
MEND = UsageError.exit_code


class Progress(StrEnum):
    """How a run shows itself: ``auto`` is the live picture on a terminal, else plain lines; ``rich`` is that picture
    anywhere, ``json`` is JSON lines on standard output and nothing else there."""

    auto = "auto"
    rich = "rich"
    plain = "plain"
    json = "json"
    none = "none"


def view_for(
    progress: Progress, log_file: Path | None = None, metrics_port: int | None = None
) -> View:
    """The view that ``progress`` names, and who else looks on. Raises UsageError where a library is missing."""
    views = [_shown(progress)]
    # What nobody asks for need not be loaded.
    if log_file is not None:
        from codeclm.progress.log_file import LogFile  # noqa: PLC0415

        views.append(LogFile(log_file))
    if metrics_port is not None:
        views.append(_metrics(metrics_port))
    return Views(views) if len(views) > 1 else views[0]


def _metrics(port: int) -> View:
    try:
        from codeclm.progress.metrics import Metrics  # noqa: PLC0415
    except ImportError:
        raise UsageError(
            "--metrics-port needs prometheus-client; pip install 'codeclm[metrics]'"
        ) from None
    return Metrics(port)


def _shown(progress: Progress) -> View:
    if progress is Progress.none:
        return NoView()
    if progress is Progress.json:
        return JsonView(print_line)
    if progress is Progress.plain or (progress is Progress.auto and not _is_shown()):
        return PlainView(print_line)
    # A run that nobody looks at need not load what draws the picture.
    from rich.console import Console  # noqa: PLC0415

    from codeclm.live import LiveView, choose_view  # noqa: PLC0415

    if progress is Progress.rich:
        return LiveView(Console(force_terminal=True))
    return choose_view(Console())


def _is_shown() -> bool:
    """Whether there may be a person at a terminal or a notebook, or somebody says so (as rich is told it)."""
    told = ("FORCE_COLOR", "TTY_COMPATIBLE", "TTY_INTERACTIVE")
    is_notebook = "ipykernel" in sys.modules
    return is_notebook or sys.stdout.isatty() or any(os.environ.get(name) for name in told)


async def execute(
    order: Order, view: View, *, advice: str = "run the same command to go on"
) -> int:
    """Run ``order`` to its end; its exit code. Ctrl-C drains the run for 30 s, a second one cancels it."""
    return (await carry_out(order, view, advice=advice)).exit_code


async def carry_out(
    order: Order,
    view: View,
    *,
    advice: str = "run the same command to go on",
    pilot: Pilot | None = None,
    tell: Callable[[str], None] | None = None,
) -> Finished:
    """As ``execute``; how it ended. ``tell`` is told its last words, by default on standard output."""
    settings, told = fitted(order.settings, raise_limit())
    order = replace(order, settings=settings)
    finished = await conduct(lambda stopper: run(order, view, stopper, pilot), view, advice, told)
    if not view.is_for_machines:
        for line in _last_words(finished, advice):
            (tell or print_line)(line)
    return finished


async def conduct(
    work: Callable[[Stopper], Awaitable[T]], view: View, advice: str, told: str = ""
) -> T:
    """Do ``work`` under ``view``, after having it say ``told``. Ctrl-C drains it for 30 s, a second one cancels it."""
    stopper = Stopper()
    loop = asyncio.get_running_loop()
    task = asyncio.current_task()
    assert task is not None

    alarm: asyncio.TimerHandle | None = None

    def on_signal() -> None:
        nonlocal alarm
        if stopper.asked:
            task.cancel()
            return
        view.say(
            "stopping: calls under way finish and are kept, within 30 s; once more to stop at once"
        )
        stopper.stop("interrupted")
        alarm = loop.call_later(DRAIN_S, task.cancel)

    with view, on_signals(on_signal):
        if told:
            view.say(told)
        try:
            return await work(stopper)
        except asyncio.CancelledError:
            raise RunStopped(f"stopped with calls under way; {advice}") from None
        finally:
            if alarm is not None:
                alarm.cancel()


def run_loop(work: Coroutine[Any, Any, T]) -> T:
    """Run ``work`` on uvloop where there is one, in a process that is there for nothing else."""
    raise_limit()
    calm_collector()
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        return runner.run(work)


@contextmanager
def interruptible() -> Iterator[None]:
    """Ctrl-C raises KeyboardInterrupt while the block lasts, and does nothing after it."""
    ignored = signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    if not ignored:
        signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, signal.SIG_IGN)


class on_signals:  # noqa: N801 - reads as what it does
    """Calls ``act`` on Ctrl-C and on SIGTERM while the block lasts."""

    NUMBERS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self, act: Callable[[], None]) -> None:
        self._act = act

    def __enter__(self) -> None:
        self._loop = asyncio.get_running_loop()
        for number in self.NUMBERS:
            self._loop.add_signal_handler(number, self._act)

    def __exit__(self, *_: object) -> None:
        for number in self.NUMBERS:
            self._loop.remove_signal_handler(number)


def print_line(line: str) -> None:
    """One line to standard output, at once. Nobody reading it any more is no reason to stop a run."""
    try:
        print(printable(line), flush=True)
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def complain(message: str) -> None:
    """One line to standard error."""
    print("codeclm:", printable(" ".join(message.split())), file=sys.stderr, flush=True)


def _last_words(finished: Finished, advice: str) -> list[str]:
    summary = finished.summary
    counts = summary["counts"]
    surplus = counts.get("surplus", 0)
    done = counts["selected"] + surplus + counts["discarded"] + counts["failed"]
    state = f"stopped ({finished.reason})" if finished.reason else "complete"
    missing = f", {counts['missing']:,} missing" if counts["missing"] else ""
    lines = [
        f"{state}: {done:,} of {summary['wanted']:,} instructions: {counts['selected']:,} selected, "
        f"{f'{surplus:,} surplus, ' if surplus else ''}"
        f"{counts['discarded']:,} discarded, {counts['failed']:,} failed, {counts['pending']:,} pending{missing}",
        call_words(summary),
    ]
    lines += _about_selection(summary, complete=not finished.reason)
    lines += _cost_words(summary)
    lines += [f"warning: {reason}" for reason in summary["cache_troubles"]]
    if failed := summary["failed_by_stage"]:
        stages = ", ".join(f"{number:,} in {stage}" for stage, number in failed.items())
        lines.append(
            f"failed items: {stages}; reasons in failed.jsonl, --retry-failed tries them again"
        )
    if finished.dataset:
        lines.append(f"dataset: {finished.dataset} ({counts['selected']:,} examples)")
    return lines + next_words(finished, advice)


def call_words(summary: Mapping[str, Any]) -> str:
    """What was called in all sessions, and how long they took."""
    calls = sum(row["calls"] for row in summary["calls"])
    hits = sum(row["cache_hits"] for row in summary["calls"])
    return (
        f"{calls:,} calls, {hits:,} cache hits in {summary['sessions']} session(s), "
        f"{summary['wall_time_s']:,.1f} s"
    )


def next_words(finished: Finished, advice: str) -> list[str]:
    """What is to be done where it was stopped, unless the reason says so itself."""
    if not finished.reason or finished.says_how:
        return []
    return [advice if finished.exit_code != MEND else f"mend that, then {advice}"]


def _cost_words(summary: Mapping[str, Any]) -> list[str]:
    """What was paid; or of what model nobody knows the price."""
    cost = summary.get("cost") or {}
    if not cost:  # of a version that knew no prices
        return []
    unpriced, uncounted = cost["unpriced"], cost["uncounted_calls"]
    if cost["paid"] is None:
        others = f" (and {len(unpriced) - 1} more)" if len(unpriced) > 1 else ""
        return [
            f"cost: unknown, as no price is known of {unpriced[0]}{others}; {how_to_give(unpriced[0])}"
        ]
    each = cost["per_selected"]
    parts = [f"cost: {dollars(cost['paid'] * PICODOLLARS)}"]
    parts += [] if each is None else [f"{dollars(each * PICODOLLARS)} for each selected example"]
    if saved := cost["saved"]["by_prompt_cache"]:
        parts.append(f"{dollars(saved * PICODOLLARS)} less by the provider's prompt cache")
    if retried := cost["by_fate"]["retried"]:
        parts.append(f"failed attempts may add up to {dollars(retried * PICODOLLARS)}")
    if uncounted:
        parts.append(f"without {uncounted:,} answers whose tokens were not counted")
    return [", ".join(parts)]


def _about_selection(summary: Mapping[str, Any], *, complete: bool) -> list[str]:
    """Where examples are counted: what became of the number that was wanted."""
    selection = summary.get("selection")
    if not selection:
        return []
    selected, wanted = selection["selected"], selection["wanted"]
    if complete and selected < wanted:
        return [
            f"only {selected:,} of {wanted:,} wanted examples: no more instructions may be made for them; "
            "a larger --total goes on, and discarded.jsonl tells why so few are selected"
        ]
    if not complete:
        return [f"{selected:,} of {wanted:,} wanted examples so far"]
    number = selection["beyond"]
    were = "instruction was" if number == 1 else "instructions were"
    beyond = f"{number:,} {were} begun beyond those that make them"
    return [f"{selected:,} of {wanted:,} wanted examples; {beyond}"]
