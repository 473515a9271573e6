"""``codeclm run`` and ``codeclm demo``: flags in, an order out."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer

from codeclm.console import Progress, execute, print_line, run_loop, view_for
from codeclm.errors import UsageError
from codeclm.flags import MODEL, InstructionField, flag
from codeclm.progress import View
from codeclm.run import Order
from codeclm.seeds import MetadataFile, SeedFile
from codeclm.settings_file import load_settings, with_max_in_flight
from codeclm.sources import Source
from codeclm.stdin import SeedStream, spooled_stdin

__all__ = ["RUN_EPILOG", "demo", "run", "with_order"]

RUN_EPILOG = (
    "Examples: codeclm run seeds.jsonl -o runs/first --strong openai:gpt-4.1 --target vllm:my-model --total 2000; "
    "codeclm run seeds.jsonl -o runs/first --config codeclm.yaml --rehearse. Exit codes: 0 complete, 2 usage or "
    "configuration, 3 complete with failed items, 4 stopped and resumable, 5 no credit, quota or budget."
)

METHOD_FLAGS = (
    *("total", "selected", "per_entry", "iterations", "theta", "augment_to", "language"),
    *("near_duplicates", "decontaminate"),
    *("self_rubrics", "contrastive_filtering"),
)
"""Options of a run that are settings of the method, under the same name."""

BUDGET_FLAGS = ("max_cost", "max_calls", "max_tokens", "max_hours")


ProgressFlag = Annotated[
    Progress,
    typer.Option(
        help="auto: a live picture on a terminal, else plain lines; json: JSON lines on stdout."
    ),
]
LogFileFlag = Annotated[
    Path | None,
    typer.Option(
        "--log-file",
        metavar="FILE",
        help="Append what happens: retries, pauses, outages, failures; no prompts, no answers.",
        show_default=False,
    ),
]
MetricsFlag = Annotated[
    int | None,
    typer.Option(
        "--metrics-port",
        min=1,
        max=65535,
        help="Serve metrics to Prometheus at 127.0.0.1 (codeclm[metrics]).",
        show_default=False,
    ),
]


def run(
    output: Annotated[Path, typer.Option("--output", "-o", help="The run's directory.")],
    seeds: Annotated[
        str | None,
        typer.Argument(
            metavar="SEEDS",
            help="Seed instructions: .jsonl, .json, .csv, .txt, or - for JSON lines on stdin.",
        ),
    ] = None,
    metadata: Annotated[Path | None, flag("Metadata (use_case, skills) instead of SEEDS.")] = None,
    config: Annotated[Path | None, flag("Settings in YAML; flags go over them.")] = None,
    strong: Annotated[str | None, flag("The model that writes the data.", metavar=MODEL)] = None,
    target: Annotated[str | None, flag("The model the data is for.", metavar=MODEL)] = None,
    judge: Annotated[str | None, flag("Rates responses [strong].", metavar=MODEL)] = None,
    method_name: Annotated[
        str | None,
        flag(
            "codeclm, self-instruct, alpagasus, tree-instruct, wizardlm or wizardlm+ [codeclm].",
            "--method",
            metavar="NAME",
        ),
    ] = None,
    total: Annotated[int | None, flag("Instructions to make [2000].")] = None,
    selected: Annotated[
        int | None,
        flag("Selected examples to make; --total is then the most instructions to make [20 each]."),
    ] = None,
    per_entry: Annotated[
        int | None, flag("Instructions for each metadata entry, instead of --total.")
    ] = None,
    iterations: Annotated[int | None, flag("Most comparisons of an instruction [4].")] = None,
    theta: Annotated[float | None, flag("Select pairs with a larger gap than this [3].")] = None,
    augment_to: Annotated[
        int | None, flag("Metadata entries to reach by mix and match [200].")
    ] = None,
    near_duplicates: Annotated[
        float | None,
        flag("Drop instructions as similar as this to one of a lower number; 0: none [0.8]."),
    ] = None,
    decontaminate: Annotated[
        list[Path] | None,
        flag(
            "Evaluation texts (in the forms of SEEDS) that no instruction may overlap; repeatable."
        ),
    ] = None,
    language: Annotated[str | None, flag("Of the data [each seed's own].")] = None,
    self_rubrics: Annotated[bool | None, flag("Improve what is not selected [on].")] = None,
    contrastive_filtering: Annotated[bool | None, flag("Select by the gap [on].")] = None,
    seed: Annotated[int | None, flag("Another seed draws another dataset [0].")] = None,
    max_in_flight: Annotated[int | None, flag("Calls at once to each model [64].")] = None,
    max_cost: Annotated[
        float | None, flag("Stop before more US dollars are spent, all sessions together.")
    ] = None,
    max_calls: Annotated[int | None, flag("Stop before more calls are made.")] = None,
    max_tokens: Annotated[
        int | None, flag("Stop before more tokens are used, of input and output together.")
    ] = None,
    max_hours: Annotated[float | None, flag("Stop after so many hours.")] = None,
    prompts: Annotated[Path | None, flag("Directory of prompts of your own.")] = None,
    cache: Annotated[Path | None, flag("Cache shared by runs [OUTPUT/cache].")] = None,
    field: InstructionField = "instruction",
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Count what cannot be read and go on.")
    ] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed items again, with new draws.")
    ] = False,
    rehearse: Annotated[
        bool,
        typer.Option("--rehearse", help="For free, on simulated models, in OUTPUT-rehearsal."),
    ] = False,
    faults: Annotated[
        str, typer.Option(help="Of the simulated models; codeclm simulate --faults list.")
    ] = "",
    latency: Annotated[str, typer.Option(help="Of the simulated models, like 50ms.")] = "0",
    progress: ProgressFlag = Progress.auto,
    log_file: LogFileFlag = None,
    metrics_port: MetricsFlag = None,
) -> int:
    """Make a dataset from SEEDS. The same command resumes an interrupted run."""
    given = dict(locals())

    def act(order: Order) -> int:
        view = view_for(progress, log_file, metrics_port)
        if rehearse:
            return _rehearse(order, faults, latency, view)
        if faults or latency != "0":
            raise UsageError("--faults and --latency are for --rehearse; a run has real models")
        return run_loop(execute(order, view))

    return with_order(given, act)


def with_order(given: Mapping[str, Any], act: Callable[[Order], int]) -> int:
    """What ``act`` returns for the order that the options ``given`` to a run, by their names, come to."""
    parties = ("strong", "target", "judge")
    models = {name: {"model": given[name]} for name in parties}
    method = {name: given.get(name) for name in METHOD_FLAGS}  # a plan has a --selected of its own
    method["name"] = given["method_name"]
    budget = {name: given[name] for name in BUDGET_FLAGS}
    flags = {"models": models, "method": method, "budget": budget}
    flags |= {name: given[name] for name in ("seed", "prompts", "cache")}
    settings = load_settings(given["config"], flags)
    if given["max_in_flight"] is not None:
        settings = with_max_in_flight(settings, given["max_in_flight"])
    counted = settings.method.total is not None
    places = (given[name] for name in ("seeds", "metadata", "field", "skip_bad_lines"))
    with _source(*places, counted=counted) as source:
        return act(Order(source, settings, given["output"], given.get("retry_failed", False)))


def _rehearse(order: Order, faults: str, latency: str, view: View) -> int:
    # It loads the simulator, which no run needs.
    from codeclm.rehearsal import Rehearsal, rehearse  # noqa: PLC0415

    rehearsal = Rehearsal(faults, latency)
    return run_loop(rehearse(order, rehearsal, view, print_line))


def demo(
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="The run's directory [a new one].")
    ] = None,
    total: Annotated[int, typer.Option(help="Instructions to make.")] = 300,
    latency: Annotated[str, typer.Option(help="Of the simulated models, like 50ms.")] = "20ms",
    progress: ProgressFlag = Progress.auto,
    log_file: LogFileFlag = None,
    metrics_port: MetricsFlag = None,
) -> int:
    """Run the whole method on simulated models: no key, no cost, over real HTTP on loopback."""
    # It loads the simulator, which no run needs.
    from codeclm.demo import demo_order, demo_server, describe  # noqa: PLC0415

    async def demonstrate() -> int:
        async with demo_server(latency) as server:
            order = demo_order(server.base_url, output, total)
            view = view_for(progress, log_file, metrics_port)
            code = await execute(order, view, advice="run codeclm demo again")
            if code in {0, 3} and not view.is_for_machines:
                describe(order, print_line)
            return code

    return run_loop(demonstrate())


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
