"""Options that several commands have."""

from __future__ import annotations

from typing import Annotated, Any

import typer

__all__ = ["MODEL", "InstructionField", "flag"]

MODEL = "PROVIDER:MODEL[@BASE_URL]"


def flag(text: str, *names: str, **more: Any) -> Any:
    """An option that has no default to show: it is left to the settings, or its help says what holds without it."""
    return typer.Option(*names, help=text, show_default=False, **more)


InstructionField = Annotated[str, typer.Option(help="The field that holds the instruction.")]
