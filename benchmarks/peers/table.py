"""The figures as one line a client, for the screen and for the README."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median

from rich.markup import escape
from rich.table import Table

from benchmarks.peers.catalogue import PEERS
from benchmarks.peers.measure import ABSENT
from benchmarks.result import Result

__all__ = ["HEAD", "lines", "markdown", "table"]

HEAD = (
    "client",
    "wall s",
    "calls/s",
    "CPU ms a call: marginal / job",
    "start-up CPU s",
    "peak MB",
    "again unchanged: s / calls",
    "killed half-way, resumed: paid twice / rows lost",
)

Figures = Mapping[str, Sequence[float]]


def lines(result: Result) -> list[list[str]]:
    """The cells of each client's line, medians of the repeats; what is missing says why."""
    by_client: dict[str, dict[str, Sequence[float]]] = {}
    for row in result.rows:
        by_client.setdefault(row.name, {})[row.metric] = row.values
    found = [_line(name, by_client[name], result) for name in PEERS if name in by_client]
    missing = [
        [PEERS[name].title, str(reason), *[""] * (len(HEAD) - 2)]
        for name in PEERS
        if (reason := result.settings.get(ABSENT + name)) is not None
    ]
    return [*found, *missing]


def table(result: Result) -> Table:
    """For the screen."""
    found = Table(*HEAD)
    for cells in lines(result):
        found.add_row(*map(escape, cells))
    return found


def markdown(result: Result) -> str:
    """For the README."""
    rule = ["---", *["---:"] * (len(HEAD) - 1)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in [[*HEAD], rule, *lines(result)])


def _line(name: str, figures: Figures, result: Result) -> list[str]:
    version = result.versions.get(PEERS[name].package, "")
    return [
        f"{PEERS[name].title} {version}".strip(),
        _brief(median(figures["wall_s"])),
        _brief(median(figures["calls_per_s"])),
        _pair(figures, "cpu_ms_a_call_marginal", "cpu_ms_a_call_job"),
        _brief(median(figures["start_cpu_s"])),
        _brief(median(figures["peak_mb"])),
        _pair(figures, "again_s", "again_calls"),
        f"{_pair(figures, 'paid_twice', 'rows_lost')}{_failure(figures, result)}",
    ]


def _pair(figures: Figures, one: str, other: str) -> str:
    return f"{_brief(median(figures[one]))} / {_brief(median(figures[other]))}"


def _brief(value: float) -> str:
    """Three digits, and no more decimals than a reader takes in."""
    if value >= 100 or value == int(value):
        return f"{value:,.0f}"
    return f"{value:.3g}"


def _failure(figures: Figures, result: Result) -> str:
    """How often the resumed run came to nothing."""
    words = {
        "resume_hung": f"hung: ended after {result.settings['patience_s']:g} s",
        "resume_broke": "broke",
    }
    return "".join(
        f" ({what}, {sum(figures[metric]):.0f} of {len(figures[metric])} times)"
        for metric, what in words.items()
        if sum(figures[metric])
    )
