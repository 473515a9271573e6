"""A run on a terminal: its view, its signals, what it prints."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterator
from contextlib import contextmanager
from dataclasses import replace
from enum import StrEnum
from pathlib import Path
from typing import Any, TypeVar

from codeclm.collector import calm_collector
from codeclm.errors import RunStopped, UsageError
from codeclm.last_words import last_words
from codeclm.open_files import fitted, raise_limit
from codeclm.pilot import Pilot
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
    "carry_out",
    "complain",
    "conduct",
    "execute",
    "interruptible",
    "on_signals",
    "print_line",
    "run_loop",
    "view_for",
]

T = TypeVar("T")

DRAIN_S = 28.0  # with what follows the run ends within 30 s


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
        for line in last_words(finished, advice):
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
