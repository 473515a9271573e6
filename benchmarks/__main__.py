"""``python -m benchmarks NAME``: one command a benchmark; each ends in a table, a JSON file and a plot."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.compare import compared, differences
from benchmarks.limit import IN_FLIGHT, LATENCIES_MS
from benchmarks.limit import limit as measure_limit
from benchmarks.markdown import markdown as as_markdown
from benchmarks.peers.catalogue import PEERS, chosen
from benchmarks.peers.job import Size
from benchmarks.peers.measure import measure as measure_peers
from benchmarks.peers.table import markdown as peers_markdown
from benchmarks.peers.table import table as peers_table
from benchmarks.peers.trial import Terms
from benchmarks.plot import plot
from benchmarks.profile import CALLS as PROFILED_CALLS
from benchmarks.profile import IN_FLIGHT as PROFILED_IN_FLIGHT
from benchmarks.profile import profile as measure_profile
from benchmarks.replay import SIZES, WHOLE_SIZES
from benchmarks.replay import replay as measure_replay
from benchmarks.result import RESULTS, Result, read, show, shown, write
from benchmarks.scale import CALLS, WHOLE_CALLS
from benchmarks.scale import scale as measure_scale
from benchmarks.start import start as measure_start
from benchmarks.utilisation import SECONDS
from benchmarks.utilisation import utilisation as measure_utilisation
from benchmarks.watching import CALLS as WATCHED_CALLS
from benchmarks.watching import watching as measure_watching

__all__ = ["app", "publish"]

REPEATS = 5
WIDTH = 170  # of what goes to a file

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help=__doc__,
)
console = Console()
if not console.is_terminal:
    console.width = WIDTH


Repeats = Annotated[int, typer.Option(min=1, help="Interleaved repeats.")]
Whole = Annotated[bool, typer.Option("--whole", help="Up to a million calls: two hours.")]
Output = Annotated[Path, typer.Option(help="Where JSON and plots go.")]


def publish(result: Result, output: Path) -> None:
    """Show ``result``, and keep it with its plot."""
    show(result, console)
    path = write(result, output)
    console.print(f"kept: {path}")
    drawn = plot(result, path.with_suffix(""))
    told = drawn if isinstance(drawn, str) else f"drawn: {', '.join(map(str, drawn))}"
    console.print(told, markup=False, highlight=False)


def say(line: str) -> None:
    """One line while it goes on."""
    console.print(line, style="dim", highlight=False)


@app.command()
def limit(
    repeats: Repeats = REPEATS,
    in_flight: Annotated[list[int] | None, typer.Option(help="[64, 256 and 1,024]")] = None,
    latency_ms: Annotated[list[int] | None, typer.Option(help="[0 and 200]")] = None,
    calls: Annotated[int | None, typer.Option(min=100, help="Of each client [some s]")] = None,
    output: Output = RESULTS,
) -> None:
    """A bare loop, the client and the whole pipeline in turn, as ratios to the bare loop."""
    result = measure_limit(
        repeats, say, in_flight or IN_FLIGHT, latency_ms or LATENCIES_MS, calls=calls
    )
    publish(result, output)


@app.command()
def start(repeats: Repeats = REPEATS, output: Output = RESULTS) -> None:
    """What a cold start costs, and how long a run takes to its first call."""
    publish(measure_start(repeats, say), output)


@app.command()
def replay(
    repeats: Repeats = REPEATS,
    calls: Annotated[list[int] | None, typer.Option(help="[10,000 and 100,000]")] = None,
    whole: Whole = False,
    output: Output = RESULTS,
) -> None:
    """A run whose answers are all kept: begun anew, resumed half-finished, run again when finished."""
    sizes = calls or (WHOLE_SIZES if whole else SIZES)
    publish(measure_replay(repeats, say, sizes), output)


@app.command()
def scale(
    repeats: Repeats = REPEATS,
    calls: Annotated[int, typer.Option(min=2_000)] = CALLS,
    whole: Whole = False,
    output: Output = RESULTS,
) -> None:
    """Cost of a call, loop lag and memory as a run grows."""
    publish(measure_scale(repeats, say, WHOLE_CALLS if whole else calls), output)


@app.command()
def utilisation(
    repeats: Repeats = REPEATS,
    seconds: Annotated[float, typer.Option(min=1, help="Of each run, about.")] = SECONDS,
    output: Output = RESULTS,
) -> None:
    """How much of a known limit is used, and how soon the first example is there."""
    publish(measure_utilisation(repeats, say, seconds), output)


@app.command()
def watching(
    repeats: Repeats = REPEATS,
    calls: Annotated[int, typer.Option(min=450)] = WATCHED_CALLS,
    output: Output = RESULTS,
) -> None:
    """What each view costs, as a share of the run's CPU."""
    publish(measure_watching(repeats, say, calls), output)


@app.command()
def peers(
    only: Annotated[str, typer.Option(help=f"Of {', '.join(PEERS)}; with commas. [all]")] = "",
    calls: Annotated[int, typer.Option(min=10)] = 2_000,
    in_flight: Annotated[int, typer.Option(min=1)] = 256,
    repeats: Repeats = REPEATS,
    latency_ms: Annotated[float, typer.Option(min=0)] = 0,
    patience_s: Annotated[float, typer.Option(min=1, help="A job is ended then.")] = 120,
    install: Annotated[bool, typer.Option(help="Make environments that are missing.")] = True,
    markdown: Annotated[bool, typer.Option("--markdown", help="Print the README's table.")] = False,
    kept: Annotated[Path | None, typer.Option(help="Show this result, measure nothing.")] = None,
    output: Output = RESULTS,
) -> None:
    """Frameworks people use, with the same prompts at the same endpoint; also run again, and killed and resumed."""
    try:
        names = chosen(only)
        old = read(kept) if kept else None
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    terms = Terms(Size(calls, in_flight, patience_s), latency_ms / 1_000)
    result = old or measure_peers(names, terms, repeats, say, install=install)
    if old is None:
        publish(result, output)
    console.print(peers_table(result))
    if markdown:
        typer.echo(peers_markdown(result))


@app.command()
def profile(
    repeats: Repeats = REPEATS,
    calls: Annotated[int, typer.Option(min=500)] = PROFILED_CALLS,
    in_flight: Annotated[int, typer.Option(min=1)] = PROFILED_IN_FLIGHT,
    replayed: Annotated[bool, typer.Option("--replayed", help="From a full cache.")] = False,
    output: Output = RESULTS,
) -> None:
    """Where the CPU time of a call goes, part by part and function by function."""
    publish(measure_profile(repeats, say, calls, in_flight, replayed=replayed), output)


@app.command("all")
def every(
    repeats: Repeats = REPEATS,
    whole: Whole = False,
    output: Output = RESULTS,
) -> None:
    """All of them, one after the other, but what takes hours (that with --whole)."""
    measures: list[Callable[[], Result]] = [
        lambda: measure_start(repeats, say),
        lambda: measure_limit(repeats, say),
        lambda: measure_profile(repeats, say),
        lambda: measure_profile(repeats, say, replayed=True),
        lambda: measure_utilisation(repeats, say),
        lambda: measure_watching(repeats, say),
        lambda: measure_replay(repeats, say, WHOLE_SIZES if whole else SIZES),
        lambda: measure_scale(repeats, say, WHOLE_CALLS if whole else CALLS),
    ]
    for measure in measures:
        try:
            publish(measure(), output)
        except RuntimeError as error:
            console.print(str(error), style="red", markup=False)
    if not whole:
        console.print(
            "left out: replay and scale with a million calls (--whole); peers, which installs them"
        )


@app.command()
def markdown(kept: list[Path]) -> None:
    """Print the targets and ratios of kept results as a table for the README."""
    try:
        typer.echo(as_markdown([read(path) for path in kept]))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None


@app.command()
def compare(before: Path, after: Path) -> None:
    """Tell a real difference between two results of one benchmark from noise."""
    try:
        old, new = read(before), read(after)
        changes = compared(old, new)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    for line in differences(old, new):
        console.print(f"[yellow]mind:[/] {line}")
    table = Table("what", "settings", "figure", old.commit, new.commit, "ratio", "95 %", "p", "")
    for one in changes:
        row = one.row
        settings = ", ".join(f"{name} {value}" for name, value in row.settings.items())
        table.add_row(
            row.name,
            settings,
            f"{row.metric.replace('_', ' ')} ({row.unit})",
            shown(one.before),
            shown(one.after),
            f"{one.ratio:.3f}",
            f"{one.low:.3f} - {one.high:.3f}",
            f"{one.p:.3f}",
            one.verdict,
        )
    console.print(table)


def main() -> None:
    """Run the command line; what cannot be measured here is told in one line."""
    try:
        app()
    except RuntimeError as error:
        console.print(str(error), style="red", markup=False)
        raise SystemExit(1) from None


if __name__ == "__main__":
    main()
