"""``codeclm rethreshold``: another theta for a run that was made, without a call."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line

__all__ = ["EPILOG", "rethreshold"]

EPILOG = """Examples:

\b
codeclm rethreshold runs/first                           the yield of each theta
codeclm rethreshold runs/first --theta 2 -o runs/theta2  a dataset at theta 2
codeclm rethreshold runs/first --winner strong --json
"""


class Winner(StrEnum):
    """Whose wins are selected."""

    strong = "strong"
    target = "target"
    both = "both"


def rethreshold(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's directory; only read.")],
    theta: Annotated[
        float | None,
        typer.Option(help="Select what differs by more than this [the run's].", show_default=False),
    ] = None,
    winner: Annotated[Winner, typer.Option(help="Whose wins are wanted.")] = Winner.both,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            help="A new directory for the selection, which export and others take like a run's.",
            show_default=False,
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, not a table.")] = False,
) -> int:
    """Select anew from the scores on record, without a single call, and show the yield of each theta.

    An instruction is taken at its first comparison whose gap exceeds theta. Where a larger theta would have sent it on
    to iterations that were never made, it is counted as undetermined.
    """
    # It loads what draws, which no run needs.
    from codeclm.records import Responder  # noqa: PLC0415
    from codeclm.rethreshold.command import rethreshold_run  # noqa: PLC0415

    every: tuple[Responder, ...] = ("strong", "target")
    winners = [one for one in every if winner.value in {one, "both"}]
    rethreshold_run(
        run, theta=theta, winners=winners, output=output, as_json=as_json, tell=print_line
    )
    return 0
