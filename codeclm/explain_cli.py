"""``codeclm explain``: one example's whole lineage in the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line

__all__ = ["EPILOG", "explain"]

EPILOG = (
    "Examples: codeclm explain runs/first 96fef6; codeclm explain runs/first 96fef6 --full | less; "
    "codeclm explain runs/first 96fef6 --json | jq .rounds"
)


def explain(
    run: Annotated[Path, typer.Argument(metavar="RUN", help="The run's directory.")],
    identity: Annotated[
        str, typer.Argument(metavar="ID", help="An id, or enough of its beginning.")
    ],
    full: Annotated[bool, typer.Option("--full", help="Texts to their end.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="As JSON, for programs.")] = False,
) -> int:
    """Tell why an instruction was selected, discarded or failed: seed, metadata, iterations, scores, calls, cost."""
    # What follows loads much that no other command needs.
    from codeclm.report.explanation import explanation  # noqa: PLC0415
    from codeclm.report.tree import print_tree  # noqa: PLC0415

    found = explanation(run, identity)
    if as_json:
        print_line(found.as_json())
    else:
        print_tree(found, full=full)
    return 0
