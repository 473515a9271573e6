"""``codeclm bench``: how much an endpoint takes, measured with the pipeline's own client and prompts."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Literal

import typer

from codeclm.flags import MODEL, flag

__all__ = ["EPILOG", "bench"]

EPILOG = (
    "Examples: codeclm bench --model vllm:my-model --sweep; "
    "codeclm bench --model openai:gpt-4.1-mini --stage judge --in-flight 1,8,64 --requests 200"
)


def bench(
    model: Annotated[str | None, flag("What to measure.", metavar=MODEL)] = None,
    in_flight: Annotated[
        str | None, flag("Calls in flight, level after level [1,8,64,256].", metavar="N,N,...")
    ] = None,
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="Double from 1 until more brings no more; find the knee."),
    ] = False,
    requests: Annotated[
        int | None, flag("Calls to measure, each level [200, or 4 x N, at most 60 s].", min=1)
    ] = None,
    seconds: Annotated[float | None, flag("Seconds to measure, each level.", min=0.1)] = None,
    prompts: Annotated[
        Path | None,
        flag("Prompts of your own: lines of .txt; prompt, instruction or messages in .jsonl."),
    ] = None,
    stage: Annotated[
        list[str] | None,
        flag(
            "Only encode, decode, rubrics, improve, respond or judge; again for more [a run's mix]."
        ),
    ] = None,
    config: Annotated[Path | None, flag("Settings of a run in YAML; flags go over them.")] = None,
    party: Annotated[
        Literal["strong", "target", "judge"], typer.Option(help="Whose model --config names.")
    ] = "strong",
    max_in_flight: Annotated[int | None, flag("Never more calls at once [sweep: 512].")] = None,
    requests_per_minute: Annotated[float | None, flag("A limit to keep to.")] = None,
    tokens_per_minute: Annotated[int | None, flag("A limit to keep to.")] = None,
    input_tokens_per_minute: Annotated[int | None, flag("A limit to keep to.")] = None,
    output_tokens_per_minute: Annotated[int | None, flag("A limit to keep to.")] = None,
    api_key_env: Annotated[str | None, flag("The variable that holds the key.")] = None,
    temperature: Annotated[float | None, flag("Of all but judgements [0.7].")] = None,
    max_tokens: Annotated[int | None, flag("The most tokens of an answer [2048].")] = None,
    timeout_s: Annotated[float | None, flag("For one attempt [600].")] = None,
    attempts: Annotated[int | None, flag("Of a call that fails [5].")] = None,
    seed: Annotated[int | None, flag("Draws the prompts and their order [random].")] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output", "-o", help="A new directory [bench-MODEL-TIME].", show_default=False
        ),
    ] = None,
    ask_above: Annotated[
        int, typer.Option(min=0, help="Ask before more calls than this, but not on loopback.")
    ] = 1000,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> int:
    """Measure how many calls a second an endpoint answers, and how fast, by calls in flight."""
    # What follows loads much that no other command needs.
    from codeclm.bench.command import BenchOrder, bench_command  # noqa: PLC0415

    given = {
        "model": model,
        "max_in_flight": max_in_flight,
        "requests_per_minute": requests_per_minute,
        "tokens_per_minute": tokens_per_minute,
        "input_tokens_per_minute": input_tokens_per_minute,
        "output_tokens_per_minute": output_tokens_per_minute,
        "api_key_env": api_key_env,
        "temperature": temperature,
        "max_tokens": max_tokens,
        "timeout_s": timeout_s,
        "attempts": attempts,
    }
    order = BenchOrder(
        model=given,
        config=config,
        party=party,
        in_flight=in_flight,
        sweep=sweep,
        requests=requests,
        seconds=seconds,
        prompts=prompts,
        stages=tuple(stage or ()),
        seed=seed,
        output=output,
        ask_above=ask_above,
        yes=yes,
        confirm=_confirm(),
    )
    return bench_command(order)


def _confirm() -> Callable[[str], bool] | None:
    """How to ask the user, where there is a terminal to ask at."""
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return None
    return lambda question: typer.confirm(question)
