"""The command line: flags in, one clear line and an exit code out."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from codeclm.bench_cli import bench
from codeclm.cache_cli import cache as cache_commands
from codeclm.console import (
    Progress,
    complain,
    execute,
    interruptible,
    print_line,
    run_loop,
    view_for,
)
from codeclm.errors import CodecLMError, UsageError
from codeclm.run import Order
from codeclm.seeds import MetadataFile, SeedFile
from codeclm.settings import load_settings
from codeclm.simulate import simulate
from codeclm.sources import Source
from codeclm.stdin import SeedStream, spooled_stdin
from codeclm.version import __version__

__all__ = ["main"]

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Turns seed instructions into a large, tailored instruction-tuning set (CodecLM).",
    epilog="Exit codes: 0 complete, 2 usage or configuration, 3 complete with failed items, 4 stopped and resumable.",
)


app.add_typer(cache_commands, name="cache")

MODEL = "PROVIDER:MODEL[@BASE_URL]"


def _flag(text: str, *names: str, metavar: str | None = None) -> Any:
    """An option that is left to the settings where it is not given."""
    return typer.Option(*names, help=text, metavar=metavar, show_default=False)


@app.command()
def run(
    output: Annotated[Path, typer.Option("--output", "-o", help="The run's directory.")],
    seeds: Annotated[
        str | None,
        typer.Argument(
            metavar="SEEDS",
            help="Seed instructions: .jsonl, .json, .csv, .txt, or - for JSON lines on stdin.",
        ),
    ] = None,
    metadata: Annotated[Path | None, _flag("Metadata (use_case, skills) instead of SEEDS.")] = None,
    config: Annotated[Path | None, _flag("Settings in YAML; flags go over them.")] = None,
    strong: Annotated[str | None, _flag("The model that writes the data.", metavar=MODEL)] = None,
    target: Annotated[str | None, _flag("The model the data is for.", metavar=MODEL)] = None,
    judge: Annotated[str | None, _flag("Rates responses [strong].", metavar=MODEL)] = None,
    total: Annotated[int | None, _flag("Instructions to make [2000].")] = None,
    selected: Annotated[
        int | None,
        _flag(
            "Selected examples to make; --total is then the most instructions to make [20 each]."
        ),
    ] = None,
    per_entry: Annotated[
        int | None, _flag("Instructions for each metadata entry, instead of --total.")
    ] = None,
    iterations: Annotated[int | None, _flag("Most comparisons of an instruction [4].")] = None,
    theta: Annotated[float | None, _flag("Select pairs with a larger gap than this [3].")] = None,
    augment_to: Annotated[
        int | None, _flag("Metadata entries to reach by mix and match [200].")
    ] = None,
    near_duplicates: Annotated[
        float | None,
        _flag("Drop instructions as similar as this to one of a lower number; 0: none [0.8]."),
    ] = None,
    decontaminate: Annotated[
        list[Path] | None,
        _flag(
            "Evaluation texts (in the forms of SEEDS) that no instruction may overlap; repeatable."
        ),
    ] = None,
    language: Annotated[str | None, _flag("Of the data [each seed's own].")] = None,
    self_rubrics: Annotated[bool | None, _flag("Improve what is not selected [on].")] = None,
    contrastive_filtering: Annotated[bool | None, _flag("Select by the gap [on].")] = None,
    seed: Annotated[int | None, _flag("Another seed draws another dataset [0].")] = None,
    max_in_flight: Annotated[int | None, _flag("Calls at once to each model [64].")] = None,
    prompts: Annotated[Path | None, _flag("Directory of prompts of your own.")] = None,
    cache: Annotated[Path | None, _flag("Cache shared by runs [OUTPUT/cache].")] = None,
    field: Annotated[
        str, typer.Option(help="The field that holds the instruction.")
    ] = "instruction",
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Count what cannot be read and go on.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed items again, with new draws.")
    ] = False,
    progress: Progress = Progress.auto,
) -> int:
    """Make a dataset from SEEDS. The same command resumes an interrupted run."""

    models = {
        name: {"model": model}
        for name, model in (("strong", strong), ("target", target), ("judge", judge))
    }
    method = {
        "total": total,
        "selected": selected,
        "near_duplicates": near_duplicates,
        "decontaminate": decontaminate or None,
        "per_entry": per_entry,
        "iterations": iterations,
        "theta": theta,
        "augment_to": augment_to,
        "language": language,
        "self_rubrics": self_rubrics,
        "contrastive_filtering": contrastive_filtering,
    }
    flags = {"models": models, "method": method, "seed": seed, "prompts": prompts, "cache": cache}
    settings = load_settings(config, flags)
    if max_in_flight is not None:
        settings = settings.with_max_in_flight(max_in_flight)
    counted = settings.method.total is not None
    with _source(seeds, metadata, field, skip_bad_lines, counted=counted) as source:
        order = Order(source, settings, output, retry_failed)
        return run_loop(execute(order, view_for(progress)))


@app.command()
def demo(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run's directory [a new one].")
    ] = None,
    total: Annotated[int, typer.Option(help="Instructions to make.")] = 300,
    latency: Annotated[str, typer.Option(help="Of the simulated models, like 50ms.")] = "20ms",
    progress: Progress = Progress.auto,
) -> int:
    """Run the whole method on simulated models: no key, no cost, over real HTTP on loopback."""
    # It loads the simulator, which no run needs.
    from codeclm.demo import demo_order, demo_server, describe  # noqa: PLC0415

    async def demonstrate() -> int:
        async with demo_server(latency) as server:
            order = demo_order(server.base_url, output, total)
            code = await execute(order, view_for(progress), advice="run codeclm demo again")
            if code in {0, 3}:
                describe(order, print_line)
            return code

    return run_loop(demonstrate())


app.command()(bench)
app.command()(simulate)


def main() -> None:
    """Run the command line; leaves by SystemExit. Ctrl-C that comes after the work is too late to matter."""
    try:
        with interruptible():
            code = app(standalone_mode=False)
    except typer.TyperException as error:
        complain(error.format_message())
        code = error.exit_code
    except CodecLMError as error:
        complain(str(error))
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        code = 141
    sys.exit(code or 0)


@contextmanager
def _source(
    seeds: str | None, metadata: Path | None, field: str, skip: bool, *, counted: bool
) -> Iterator[Source]:
    if (seeds is None) == (metadata is None):
        raise UsageError("give either SEEDS (a file, or -) or --metadata FILE")
    if metadata is not None:
        yield MetadataFile(metadata, skip)
    elif seeds != "-":
        yield SeedFile(Path(str(seeds)), field, skip)
    elif not counted:
        yield SeedStream(field, skip)
    else:
        with spooled_stdin(field, skip) as source:
            yield source


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"codeclm {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Options of no command in particular."""
