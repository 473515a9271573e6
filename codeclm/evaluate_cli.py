"""``codeclm evaluate``: candidates against a reference on a test set, by a pairwise judge."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Literal

import typer
from typer.core import TyperGroup

from codeclm.console import Progress, print_line, run_loop
from codeclm.flags import MODEL, InstructionField, flag

__all__ = ["evaluate"]


class _RunByDefault(TyperGroup):
    """``codeclm evaluate TEST_SET ...`` is ``codeclm evaluate run TEST_SET ...``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        if args and args[0] not in self.commands and args[0] != "--help":
            args = ["run", *args]
        return super().parse_args(ctx, args)


evaluate = typer.Typer(
    cls=_RunByDefault,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Evaluate candidates against a reference on a test set, by a pairwise judge: wins, ties, losses, CRR.",
    epilog="Example: codeclm evaluate vicuna.jsonl -o runs/eval --candidate openai:mine@http://127.0.0.1:8000/v1 "
    "--reference openai:gpt-4.1. The word run may be left out; codeclm evaluate run --help lists its options.",
)

PARTY = "[NAME=]MODEL|FILE"
Runs = Annotated[
    list[Path], typer.Argument(metavar="RUN...", help="Directories of evaluations, one a test set.")
]


@evaluate.command(
    "run",
    epilog="Examples: codeclm evaluate vicuna.jsonl -o runs/eval --candidate ours=openai:mine@http://127.0.0.1:8000/v1 "
    "--candidate theirs=answers.jsonl --reference openai:gpt-4.1. Exit codes: 0 complete, 2 usage or configuration, "
    "3 complete with failed comparisons, 4 stopped and resumable.",
)
def run(
    test_set: Annotated[
        Path,
        typer.Argument(metavar="TEST_SET", help="Instructions: .jsonl, .json, .csv or .txt."),
    ],
    output: Annotated[Path, typer.Option("--output", "-o", help="The evaluation's directory.")],
    candidate: Annotated[
        list[str] | None, flag("A model, or a file of its answers; again for more.", metavar=PARTY)
    ] = None,
    reference: Annotated[
        str | None, flag("What they are compared with.", metavar="MODEL|FILE")
    ] = None,
    judge: Annotated[str | None, flag("Rates the responses [reference].", metavar=MODEL)] = None,
    config: Annotated[Path | None, flag("Settings in YAML; flags go over them.")] = None,
    temperature: Annotated[float | None, flag("Of the responses [0].")] = None,
    max_tokens: Annotated[int | None, flag("The most tokens of an answer [2048].")] = None,
    scale: Annotated[int | None, flag("The best score [10].")] = None,
    prompts: Annotated[Path | None, flag("Directory with an evaluate.jinja of your own.")] = None,
    cache: Annotated[Path | None, flag("Cache shared by runs [OUTPUT/cache].")] = None,
    max_in_flight: Annotated[
        int | None, flag("Calls at once to each model [64].", min=1, max=20_000)
    ] = None,
    field: InstructionField = "instruction",
    category: Annotated[
        str | None, flag("The field to break results down by [category or skill; else length].")
    ] = None,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help="Try failed comparisons again, with new draws.")
    ] = False,
    progress: Progress = Progress.auto,
) -> int:
    """Evaluate candidates on TEST_SET. The same command resumes; more candidates extend what is there."""
    # What follows loads much that no other command needs.
    from codeclm.evaluation.command import Asked, evaluate_command  # noqa: PLC0415

    given = {
        "temperature": temperature,
        "max_tokens": max_tokens,
        "scale": scale,
        "prompts": prompts,
        "cache": cache,
    }
    asked = Asked(
        test_set,
        output,
        config,
        candidate or (),
        reference,
        judge,
        given,
        max_in_flight,
        field,
        category,
        retry_failed,
        progress,
    )
    return run_loop(evaluate_command(asked))


@evaluate.command(
    epilog="Example: codeclm evaluate table runs/eval-vicuna runs/eval-koala --format markdown > table.md"
)
def table(
    runs: Runs,
    form: Annotated[
        Literal["screen", "markdown", "csv", "json", "html"],
        typer.Option("--format", help="csv: a row for each set and candidate."),
    ] = "screen",
) -> int:
    """Show results again, those of several test sets side by side as in the paper."""
    from codeclm.evaluation.command import tables  # noqa: PLC0415

    text = tables(runs, form)
    if text is not None:
        sys.stdout.write(text)
    return 0


@evaluate.command(
    epilog="Example: codeclm evaluate agreement runs/eval labels.csv. The CSV has the columns id and label "
    "(win, tie, loss), and candidate where several were judged."
)
def agreement(
    one: Annotated[Path, typer.Argument(metavar="RUN", help="An evaluation's directory.")],
    other: Annotated[
        Path, typer.Argument(metavar="RUN|CSV", help="Another judge's, or labels of people.")
    ],
    candidate: Annotated[str | None, flag("Only comparisons of this candidate.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> int:
    """Tell how far two judges, or a judge and people, agree: agreement, Cohen's kappa, position flips."""
    from codeclm.evaluation.judges import agree, agreement_tables  # noqa: PLC0415
    from codeclm.evaluation.screen import print_tables  # noqa: PLC0415

    made = agree(one, other, candidate)
    if as_json:
        print_line(json.dumps(made))
    else:
        print_tables(agreement_tables(made, one, other))
    return 0


@evaluate.command(
    epilog="Example: codeclm evaluate split vicuna.jsonl -o sets (vicuna.seeds.jsonl and vicuna.test.jsonl)"
)
def split(
    file: Annotated[Path, typer.Argument(metavar="TEST_SET", help="Instructions.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="The directory for both files.")],
    seeds: Annotated[float, typer.Option(help="The share that becomes seeds.")] = 0.2,
    seed: Annotated[int, typer.Option(help="Another seed splits otherwise.")] = 0,
    field: InstructionField = "instruction",
) -> int:
    """Split a test set into seeds for codeclm run and items to evaluate on; by content, the same each time."""
    from codeclm.evaluation.command import split_file  # noqa: PLC0415

    for line in split_file(file, output, seeds, seed, field):
        print_line(line)
    return 0


@evaluate.command(
    epilog="Example: codeclm evaluate fetch vicuna --from question.jsonl (as its authors publish it; or its URL)"
)
def fetch(
    name: Annotated[
        str, typer.Argument(metavar="SET", help="evol-instruct, vicuna, koala or self-instruct.")
    ],
    place: Annotated[str, typer.Option("--from", metavar="FILE|URL", help="Where it is.")],
    output: Annotated[Path | None, flag("The file to write [SET.jsonl].", "--output", "-o")] = None,
) -> int:
    """Get a test set of the paper, see by its checksum that it is that one, and write it as a file of instructions."""
    from codeclm.evaluation.command import fetch_set  # noqa: PLC0415

    for line in fetch_set(name, place, output):
        print_line(line)
    return 0
