"""The command that serves simulated models; its flags are the options of the simulated server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from codeclm.console import on_signals, print_line, run_loop
from codeclm.errors import UsageError
from codeclm.pairs import read_pairs

if TYPE_CHECKING:
    from codeclm.simulator import Schedule, SimulatorServer

__all__ = ["EPILOG", "simulate"]

EPILOG = (
    "Examples: codeclm simulate --port 8400 --latency 50ms; "
    "codeclm simulate --faults 429=0.05,reset=0.01 --max-in-flight 40@0,20@120 --quiet-limits"
)

_NO_TIME = "0"


def _flag(text: str, metavar: str | None = None) -> Any:
    """An option that has no default to show."""
    return typer.Option(help=text, metavar=metavar, show_default=False)


def _steps(text: str) -> Any:
    return _flag(text, metavar="STEPS")


def simulate(
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 for any free one.")] = 8400,
    latency: Annotated[
        str, typer.Option(help="Mean time to an answer, like 50ms or 0.2s.")
    ] = _NO_TIME,
    per_token: Annotated[
        str, typer.Option("--token-latency", help="Added for each token of the answer, like 2ms.")
    ] = _NO_TIME,
    jitter: Annotated[
        float, typer.Option(min=0, max=1, help="Latencies spread by this share around their mean.")
    ] = 0,
    faults: Annotated[
        str,
        typer.Option(
            help="Like 429=0.05,reset=0.01,quota@1000,outage:html502@30s-90s; 'list' lists all."
        ),
    ] = "",
    requests_per_minute: Annotated[int | None, _flag("More are answered 429.")] = None,
    rate_limit: Annotated[
        str | None,
        _steps("As a token bucket, perhaps in steps: 50/s@0,100/s@60 (@ seconds)."),
    ] = None,
    rate_burst: Annotated[
        float | None, _flag("Requests at once within --rate-limit [of one second].")
    ] = None,
    input_tokens: Annotated[str | None, _steps("A limit like 100000/m, perhaps in steps.")] = None,
    output_tokens: Annotated[str | None, _steps("A limit like 100000/m, perhaps in steps.")] = None,
    max_in_flight: Annotated[
        str | None,
        _steps("More at once are answered 429; perhaps in steps: 40@0,80@60."),
    ] = None,
    queue: Annotated[
        bool, typer.Option("--queue", help="More than --max-in-flight wait instead.")
    ] = False,
    capacity: Annotated[
        str | None,
        _steps("With more calls running than this, each gets slower."),
    ] = None,
    per_model: Annotated[
        bool, typer.Option("--limits-per-model", help="Each model has limits of its own.")
    ] = False,
    quiet_limits: Annotated[
        bool, typer.Option("--quiet-limits", help="Nothing tells which limit there is.")
    ] = False,
    retry_after: Annotated[
        str, typer.Option(help="What a 429 asks for where no limit tells; none: no hint at all.")
    ] = "1s",
    hint_share: Annotated[
        float, typer.Option(min=0, max=1, help="So many of the 429s say how long to wait.")
    ] = 1,
    response_format: Annotated[
        str, typer.Option(help="JSON schemas: follow, ignore or refuse.")
    ] = "follow",
    prompt_cache: Annotated[
        bool, typer.Option("--prompt-cache", help="Report input read from a prompt cache.")
    ] = False,
    seed: Annotated[int, typer.Option(help="The seed of the simulated world.")] = 0,
    tuned: Annotated[
        list[str] | None,
        typer.Option(
            metavar="NAME=DATASET",
            help="A model more: sim-target trained on a dataset.jsonl, by a simple law. Repeatable.",
            show_default=False,
        ),
    ] = None,
) -> int:
    """Serve simulated models (sim-strong, sim-target, sim-judge) on loopback: OpenAI-compatible, and /v1/messages."""
    # No other command but the demonstration needs it.
    from codeclm.simulator import (  # noqa: PLC0415
        Faults,
        Schedule,
        ServerOptions,
        SimulatorServer,
        World,
        fault_list,
        parse_duration,
    )

    if faults == "list":
        for line in fault_list():
            print_line(line)
        return 0
    options = ServerOptions(
        latency_s=parse_duration(latency),
        token_latency_s=parse_duration(per_token),
        latency_jitter=jitter,
        requests_per_minute=requests_per_minute,
        rate_limit=_if_given(Schedule.parse_rate, rate_limit),
        rate_burst=rate_burst,
        input_tokens=_if_given(Schedule.parse_rate, input_tokens),
        output_tokens=_if_given(Schedule.parse_rate, output_tokens),
        max_in_flight=_if_given(Schedule.parse, max_in_flight),
        queue=queue,
        capacity=_if_given(Schedule.parse, capacity),
        limits_per_model=per_model,
        quiet_limits=quiet_limits,
        retry_after_s=None if retry_after == "none" else parse_duration(retry_after),
        hint_share=hint_share,
        response_format=response_format,
        prompt_cache=prompt_cache,
        faults=Faults.parse(faults),
    )
    world = World(seed)
    for word in tuned or ():
        name, _, dataset = word.partition("=")
        if not name or not dataset:
            raise UsageError(
                f"--tuned {word}: give NAME=DATASET, as in tuned=runs/first/dataset.jsonl"
            )
        world.tune("sim-target", name, read_pairs(Path(dataset)))
    return run_loop(_serve(SimulatorServer(world, options, port=port), world.models))


def _if_given(read: Callable[[str], Schedule], text: str | None) -> Schedule | None:
    return None if text is None else read(text)


async def _serve(simulator: SimulatorServer, models: tuple[str, ...]) -> int:
    async with simulator as server:
        *others, last = models
        print_line(f"{', '.join(others)} and {last} are at {server.base_url}; Ctrl-C stops")
        stopped = asyncio.Event()
        with on_signals(stopped.set):
            await stopped.wait()
    return 0
