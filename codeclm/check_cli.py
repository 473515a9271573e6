"""``codeclm check``: everything that is wrong with a configuration, at once and before anything is paid."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line, run_loop
from codeclm.errors import UsageError
from codeclm.flags import InstructionField, flag
from codeclm.seeds import MetadataFile, SeedFile

__all__ = ["EPILOG", "check"]

EPILOG = (
    "Examples: codeclm check codeclm.yaml | codeclm check codeclm.yaml seeds.jsonl -o runs/first --preflight. "
    "Exit codes: 0 no problem, 2 something is to be mended."
)


def check(
    config: Annotated[Path, typer.Argument(help="Settings in YAML.")],
    seeds: Annotated[
        Path | None, typer.Argument(help="Seed instructions.", show_default=False)
    ] = None,
    metadata: Annotated[Path | None, flag("Metadata (use_case, skills) instead of SEEDS.")] = None,
    output: Annotated[
        Path | None, flag("The run's directory: can it begin there, or go on?", "--output", "-o")
    ] = None,
    field: InstructionField = "instruction",
    skip_bad_lines: Annotated[
        bool, typer.Option("--skip-bad-lines", help="Bad lines are no problem.")
    ] = False,
    preflight: Annotated[
        bool, typer.Option("--preflight", help="Make one tiny call to each model, as a run does.")
    ] = False,
) -> int:
    """Check settings, prompts, seeds, keys, limits and prices. Makes no call but for --preflight."""
    # What a run needs only in part.
    from codeclm.checkup import Checkup, check_calls, findings  # noqa: PLC0415

    if seeds is not None and metadata is not None:
        raise UsageError("give either SEEDS or --metadata FILE")
    source = MetadataFile(metadata, skip_bad_lines) if metadata else None
    checkup = Checkup(
        config,
        SeedFile(seeds, field, skip_bad_lines) if seeds else source,
        output,
        os.environ,
    )
    problems = 0

    def tell(kind: str, text: str) -> None:
        nonlocal problems
        problems += kind == "problem"
        print_line(f"{kind + ':':<9}{text}")

    async def call() -> None:
        async for finding in check_calls(checkup):
            tell(finding.kind, finding.text)

    for finding in findings(checkup):
        tell(finding.kind, finding.text)
    if preflight and problems:
        print_line("no call is made while there are problems")
    elif preflight:
        run_loop(call())
    if problems:
        raise UsageError(f"{config}: {problems} problem{'s' * (problems > 1)} to mend")
    given = ["--metadata", str(metadata)] if metadata else [str(seeds or "SEEDS")]
    words = ["codeclm", "run", *given, "-o", str(output or "DIR"), "--config", str(config)]
    print_line(f"no problem found; next: {shlex.join(words)}")
    return 0
