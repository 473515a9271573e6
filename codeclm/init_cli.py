"""``codeclm init``: a commented configuration to start from."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from codeclm.console import print_line
from codeclm.errors import UsageError
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.names import parse_model

__all__ = ["EPILOG", "init"]

EPILOG = "Examples: codeclm init | codeclm init mine.yaml --provider vllm"


def init(
    file: Annotated[Path, typer.Argument(help="Where to write it.")] = Path("codeclm.yaml"),
    provider: Annotated[
        str, typer.Option(help=f"Whose models to start with: {', '.join(sorted(PROVIDERS))}.")
    ] = "openai",
) -> int:
    """Write a commented configuration: every setting, its meaning, its default. Nothing is overwritten."""
    # What no other command needs.
    from codeclm.starter import EXAMPLES, starter  # noqa: PLC0415

    if provider not in EXAMPLES:
        raise UsageError(f"unknown provider {provider!r} (known: {', '.join(sorted(EXAMPLES))})")
    _write(file, starter(provider))
    print_line(f"{file}: written. Name your models in it; then:")
    for line in _next_steps(file, provider, EXAMPLES[provider].strong):
        print_line(f"  {line}")
    return 0


def _write(file: Path, text: str) -> None:
    try:
        with file.open("x", encoding="utf-8") as opened:
            opened.write(text)
    except FileExistsError:
        raise UsageError(f"{file}: exists, and is not overwritten; give another name") from None
    except OSError as error:
        raise UsageError(f"{file}: cannot be written ({error.strerror or error})") from None


def _next_steps(file: Path, provider: str, model: str) -> list[str]:
    known = PROVIDERS[provider]
    variable = known.api_key_env
    is_home = known.is_home(parse_model(model).base_url)
    needs_key = variable and is_home and not os.environ.get(variable, "").strip()
    place = shlex.quote(str(file))
    return [
        *(
            [f"export {variable}=...   # the key is read from there, and is never written"]
            * bool(needs_key)
        ),
        f"codeclm check {place} seeds.jsonl --preflight",
        f"codeclm run seeds.jsonl -o runs/first --config {place}",
    ]
