"""``codeclm compare``: ways to make training data beside each other, from seeds to the paper's tables."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import Progress, run_loop
from codeclm.flags import InstructionField, flag

__all__ = ["EPILOG", "compare"]

EPILOG = (
    "Examples: codeclm compare seeds.jsonl -o runs/compare --config compare.yaml; "
    "codeclm compare -o runs/planted --simulated --size 300 --group ablation. Exit codes: 0 complete, "
    "2 usage or configuration, 3 complete with failed items, 4 stopped and resumable, 5 no credit or quota."
)


class Group(StrEnum):
    """What belongs together in one table."""

    methods = "methods"
    ablation = "ablation"
    matching = "matching"


def compare(
    output: Annotated[Path, typer.Option("--output", "-o", help="The comparison's directory.")],
    seeds: Annotated[
        Path | None,
        typer.Argument(
            metavar="SEEDS", help="Instructions, to be split into seeds and a test set."
        ),
    ] = None,
    config: Annotated[
        Path | None, flag("A run's settings in YAML, with a section compare.")
    ] = None,
    size: Annotated[int | None, flag("Examples in each training set [2000].")] = None,
    group: Annotated[
        list[Group] | None,
        flag("What to compare; again for more [methods]."),
    ] = None,
    test_set: Annotated[
        Path | None, flag("What models are judged on [four fifths of SEEDS].")
    ] = None,
    simulated: Annotated[
        bool, typer.Option("--simulated", help="In the simulated world, fine-tuning included.")
    ] = False,
    worlds: Annotated[
        int, typer.Option(min=1, help="So many simulated worlds, for intervals.")
    ] = 1,
    world_seed: Annotated[int, typer.Option(help="The seed of the first simulated world.")] = 0,
    evenly_weak: Annotated[
        bool,
        typer.Option("--evenly-weak", help="A simulated target as weak in everything: a control."),
    ] = False,
    field: InstructionField = "instruction",
    progress: Progress = Progress.auto,
) -> int:
    """Compare ways to make training data: equal sizes, one cache, the paper's tables. The same command resumes."""
    # What follows loads much that no other command needs.
    from codeclm.comparison.command import Asked, compare_command  # noqa: PLC0415

    flags = {
        "size": size,
        "groups": [one.value for one in group] if group else None,
        "test_set": test_set,
    }
    asked = Asked(
        seeds,
        output,
        config,
        flags,
        worlds if simulated else 0,
        world_seed,
        evenly_weak,
        field,
        progress,
    )
    return run_loop(compare_command(asked))
