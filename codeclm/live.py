"""What a person sees on a terminal, or in a notebook, while a run goes on: a live picture."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from types import TracebackType

from rich.cells import cell_len, set_cell_size
from rich.console import Console, ConsoleRenderable, Group
from rich.live import Live
from rich.progress_bar import ProgressBar
from rich.text import Text

from codeclm.printable import printable
from codeclm.progress import EndpointRow, NoView, PlainView, Recent, Snapshot, View
from codeclm.progress.words import accepted_words, brief, clock_time, cost_words, seconds_words

__all__ = ["LiveLines", "LiveView", "choose_view", "picture"]

FASTEST_S, SLOWEST_S = 0.4, 5.0
COST_SHARE = 0.002
"""Of the time of one core: what the picture may take. Where it takes longer to draw, it is drawn less often; so it is
where the run would use the core and gets a part of it only."""

LEAST_SHARE = 0.1

STAGE_COLUMNS = ("waiting", "working", "done", "failed", "items/s")
ENDPOINT_COLUMNS = (
    ("in flight", 11),
    ("waiting", 8),
    ("calls/s", 8),
    ("tokens/s", 9),
    ("429s", 6),
    ("retries", 8),
    ("p50", 8),
    ("p95", 8),
)
NARROWEST_NAME, WIDEST_NAME = 8, 40


class LiveView(NoView):
    """A picture that stays in place."""

    def __init__(
        self,
        console: Console,
        now: Callable[[], datetime] = datetime.now,
        cpu_clock: Callable[[], float] = time.thread_time,
    ) -> None:
        self._console, self._now, self._cpu_clock = console, now, cpu_clock
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._recent: Recent | None = None
        self._ended_s: float | None = None  # the CPU time when the last picture was drawn
        self.interval_s = FASTEST_S

    def __enter__(self) -> LiveView:
        self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._live.__exit__(kind, error, trace)

    def show(self, snapshot: Snapshot) -> None:
        if self._recent is None:
            self._recent = Recent(snapshot)
            self._draw(self._recent)  # the first time it loads what it needs: that says nothing
            return
        before, began_s = self._recent.latest, self._cpu_clock()
        self._recent.add(snapshot)
        self._draw(self._recent)
        ended_s = self._cpu_clock()
        fair_s = (ended_s - began_s) / COST_SHARE
        wanted_s = snapshot.cpu_s - before.cpu_s
        if self._ended_s is not None and wanted_s > 0:
            got = (began_s - self._ended_s) / wanted_s
            fair_s /= max(LEAST_SHARE, min(1.0, got))
        self._ended_s = ended_s
        self.interval_s = min(SLOWEST_S, max(FASTEST_S, fair_s))

    def _draw(self, recent: Recent) -> None:
        self._live.update(picture(recent, self._console.width, self._now()), refresh=True)

    def say(self, line: str) -> None:
        self._console.print(printable(line), markup=False, highlight=False)


def picture(recent: Recent, width: int, now: datetime) -> Group:
    """The run as it is now, for a place that is so many columns wide."""
    parts: list[ConsoleRenderable] = [_heading(recent)]
    if wanted := recent.latest.wanted:
        parts.append(ProgressBar(wanted, min(recent.latest.finished, wanted)))
    parts += [Text(), *_stage_lines(recent), Text(), *_endpoint_lines(recent, width, now), Text()]
    return Group(*parts, *_footer(recent))


def _line(*parts: str | tuple[str, str]) -> Text:
    return Text.assemble(*parts, no_wrap=True, overflow="ellipsis")


def _heading(recent: Recent) -> Text:
    now = recent.latest
    of_wanted = f" of {now.wanted:,}" if now.wanted else ""
    left_s = recent.left_s()
    left = "" if left_s is None else f"   about {clock_time(left_s)} left"
    share = f"   {now.finished / now.wanted:.0%}" if now.wanted else ""
    done = f"{now.finished:,}{of_wanted} {'selected' if now.counts_selected else now.things}"
    return _line(f"{clock_time(now.elapsed_s)}   ", (done, "bold"), share, left)


def _stage_lines(recent: Recent) -> Iterator[Text]:
    yield _line((f"{'stage':10}" + "".join(f"{name:>10}" for name in STAGE_COLUMNS), "dim"))
    for stage in recent.latest.pipeline.stages:
        counts = f"{stage.waiting:10,}{stage.working:10,}{stage.done:10,}"
        failed = (f"{stage.failed:10,}", "red" if stage.failed else "")
        yield _line(
            f"{stage.name:10.10}{counts}", failed, f"{brief(recent.stage_per_s(stage)):>10}"
        )


def _endpoint_lines(recent: Recent, width: int, now: datetime) -> Iterator[Text]:
    rows = recent.latest.endpoints
    room = width - sum(size for _, size in ENDPOINT_COLUMNS)
    longest = max((cell_len(printable(row.name)) for row in rows), default=0)
    wide = max(NARROWEST_NAME, min(room, WIDEST_NAME, max(longest, NARROWEST_NAME)))
    heads = "".join(f"{name:>{size}}" for name, size in ENDPOINT_COLUMNS)
    yield _line((f"{'endpoint':{wide}}{heads}", "dim"))
    for row in rows:
        yield _line(_fitted(printable(row.name), wide), *_endpoint_cells(recent, row))
        if trouble := _trouble(row, now):
            yield _line((f"  {trouble}", "yellow"))


def _fitted(name: str, width: int) -> str:
    if cell_len(name) <= width:
        return set_cell_size(name, width)
    return set_cell_size(name, width - 1) + "…"


def _endpoint_cells(recent: Recent, row: EndpointRow) -> Iterator[tuple[str, str]]:
    one, limits = row.statistics, row.statistics.limits
    speed = recent.endpoint_speed(row)
    cells = (
        (f"{limits.in_flight:,}/{limits.allowed:,}", ""),
        (f"{limits.waiting:,}", ""),
        (brief(speed.calls_per_s), ""),
        (brief(speed.tokens_per_s), ""),
        (brief(one.rate_limited), "yellow" if one.rate_limited else ""),
        (brief(row.retries), "yellow" if row.retries else ""),
        (seconds_words(speed.latencies.percentile(0.5)), ""),
        (seconds_words(speed.latencies.percentile(0.95)), ""),
    )
    for (text, style), (_, size) in zip(cells, ENDPOINT_COLUMNS, strict=True):
        yield f"{text:>{size}}", style


def _trouble(row: EndpointRow, now: datetime) -> str:
    one = row.statistics
    if one.is_down:
        return f"out of service for {one.down_for_s:,.0f} s; tried every few seconds"
    if one.paused_left_s > 0:
        until = now + timedelta(seconds=one.paused_left_s)
        return f"paused until {until:%H:%M:%S}, as it asked to slow down"
    return ""


def _footer(recent: Recent) -> Iterator[Text]:
    now = recent.latest
    calls = now.calls
    yield _line(*_fates(now))
    if accepted := accepted_words(now):
        yield _line(f"accepted at iteration {accepted}")
    tokens = f"{brief(calls.get('input_tokens', 0))} in, {brief(calls.get('output_tokens', 0))} out"
    made = f"calls {calls.get('calls', 0):,}   cache hits {calls.get('cache_hits', 0):,}   tokens {tokens}"
    yield _line(made)
    if cost := cost_words(recent):
        yield _line(f"cost {cost}")
    yield Text(printable(recent.held_up_by().line), style="bold cyan")


def _fates(now: Snapshot) -> Iterator[tuple[str, str]]:
    for fate in now.fates:
        number = now.outcomes[fate]
        yield f"{fate} {number:,}   ", "red" if fate == "failed" and number else ""


class LiveLines:
    """Lines that stay in place on a terminal; elsewhere the first two, each time the second has changed."""

    def __init__(self, console: Console | None = None) -> None:
        self._console = console or Console()
        self._live = Live(console=self._console, auto_refresh=False, transient=True)
        self._is_screen = _is_screen(self._console)
        self._latest: list[str] = []

    def __enter__(self) -> LiveLines:
        if self._is_screen:
            self._live.__enter__()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._is_screen:
            self._live.__exit__(kind, error, trace)

    def show(self, lines: list[str]) -> None:
        """Show these in the place of the last ones."""
        if self._is_screen:
            self._live.update(Group(*(Text(line) for line in lines)), refresh=True)
        elif lines[1:2] != self._latest[1:2]:
            told = "; ".join(lines[:2])
            self._console.print(told, markup=False, highlight=False, soft_wrap=True)
        self._latest = lines


def choose_view(console: Console) -> View:
    """The live picture where it can be shown, on a terminal or in a notebook; else plain lines."""
    if _is_screen(console) or console.is_jupyter:
        return LiveView(console)
    return PlainView(
        lambda line: console.print(printable(line), markup=False, highlight=False, soft_wrap=True)
    )


def _is_screen(console: Console) -> bool:
    return console.is_terminal and not console.is_dumb_terminal
