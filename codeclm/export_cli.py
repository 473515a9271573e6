"""``codeclm export``: a run's data in the form in which trainers take it."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line
from codeclm.errors import UsageError
from codeclm.flags import flag

__all__ = ["EPILOG", "export"]

EPILOG = """Formats: alpaca, sharegpt, messages, prompt-completion (supervised); dpo, kto (preferences: every comparison
that was judged, also of what was discarded); parquet, hf (whole rows with messages).

Examples:

\b
codeclm export runs/first -o data/sft --split 0.1
codeclm export runs/first -o data/dpo --format dpo --min-gap 2
codeclm export runs/first -o data/lf --format sharegpt --system "You are helpful."
codeclm export runs/first -o data/hub --format hf --push me/my-data
"""


class Form(StrEnum):
    """The formats by name."""

    alpaca = "alpaca"
    sharegpt = "sharegpt"
    messages = "messages"
    prompt_completion = "prompt-completion"
    dpo = "dpo"
    kto = "kto"
    parquet = "parquet"
    hf = "hf"


class Only(StrEnum):
    """Whose wins are exported."""

    strong = "strong"
    target = "target"


def export(
    run: Annotated[
        Path,
        typer.Argument(
            metavar="RUN", help="A run's directory, or what rethreshold made; only read."
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="A new directory: data files and a card.")
    ],
    form: Annotated[
        Form, typer.Option("--format", "-f", help="What a record looks like.")
    ] = Form.messages,
    split: Annotated[
        float, typer.Option(help="The share of a test split, drawn by id: 0.1 is a tenth.")
    ] = 0.0,
    only: Annotated[Only | None, flag("Only what this model won [both].")] = None,
    min_gap: Annotated[
        float | None, flag("Only gaps above this [dpo and kto: 1; others: 0].", min=0)
    ] = None,
    shuffle: Annotated[int | None, flag("A seed to shuffle by [sorted by id].")] = None,
    system: Annotated[str | None, flag("A system prompt before each instruction.")] = None,
    plain: Annotated[
        bool,
        typer.Option("--plain", help="Texts, not messages: prompt-completion, dpo and kto."),
    ] = False,
    licence: Annotated[
        str | None, flag("Of the data, for its card, like cc-by-4.0.", "--license")
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an earlier export; push over what is there.")
    ] = False,
    push: Annotated[
        str | None, flag("Upload it as this dataset, private.", metavar="OWNER/NAME")
    ] = None,
    public: Annotated[bool, typer.Option("--public", help="Push it for all to see.")] = False,
) -> int:
    """Write a run's dataset in the form in which a trainer takes it, with a card. Nothing is ever overwritten."""
    # It loads what no run needs.
    from codeclm.export.command import ExportOrder, export_run  # noqa: PLC0415
    from codeclm.export.formats import Wording  # noqa: PLC0415

    if public and push is None:
        raise UsageError("--public is about --push; give --push OWNER/NAME too")
    order = ExportOrder(
        run,
        form.value,
        output,
        split,
        only.value if only else None,
        min_gap,
        shuffle,
        Wording(system, plain),
        licence,
        force,
        push,
        public,
    )
    export_run(order, print_line)
    return 0
