"""The command line: flags in, one clear line and an exit code out."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from codeclm import explain_cli, report_cli, run_cli, view_cli
from codeclm.bench_cli import EPILOG as BENCH_EPILOG
from codeclm.bench_cli import bench
from codeclm.cache_cli import cache as cache_commands
from codeclm.check_cli import EPILOG as CHECK_EPILOG
from codeclm.check_cli import check
from codeclm.compare_cli import EPILOG as COMPARE_EPILOG
from codeclm.compare_cli import compare
from codeclm.console import (
    complain,
    interruptible,
    print_line,
)
from codeclm.errors import CodecLMError
from codeclm.evaluate_cli import evaluate as evaluate_commands
from codeclm.export_cli import EPILOG as EXPORT_EXAMPLES
from codeclm.export_cli import export
from codeclm.init_cli import EPILOG as INIT_EPILOG
from codeclm.init_cli import init
from codeclm.plan_cli import EPILOG as PLAN_EPILOG
from codeclm.plan_cli import plan_command
from codeclm.rethreshold_cli import EPILOG as RETHRESHOLD_EXAMPLES
from codeclm.rethreshold_cli import rethreshold
from codeclm.simulate import EPILOG as SIMULATE_EPILOG
from codeclm.simulate import simulate
from codeclm.status_cli import EPILOG as STATUS_EPILOG
from codeclm.status_cli import status
from codeclm.version import __version__

__all__ = ["main"]

app = typer.Typer(
    no_args_is_help=True,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Turns seed instructions into a large, tailored instruction-tuning set (CodecLM).",
    epilog="Exit codes: 0 complete, 2 usage or configuration, 3 complete with failed items, 4 stopped and resumable, "
    "5 no budget or quota left, resumable.",
)


# In the order in which they are of use: before a run, the run, after it, and all else.
app.command(epilog=INIT_EPILOG)(init)
app.command(epilog=CHECK_EPILOG)(check)
app.command("plan", epilog=PLAN_EPILOG)(plan_command(run_cli.run, run_cli.with_order))
app.command(epilog=run_cli.RUN_EPILOG)(run_cli.run)
app.command(epilog=STATUS_EPILOG)(status)
app.command(epilog=view_cli.EPILOG)(view_cli.view)
app.command(epilog=report_cli.EPILOG)(report_cli.report)
app.command(epilog=explain_cli.EPILOG)(explain_cli.explain)
app.command(epilog=RETHRESHOLD_EXAMPLES)(rethreshold)
app.command(epilog=EXPORT_EXAMPLES)(export)
app.command(epilog=COMPARE_EPILOG)(compare)
app.command(epilog=BENCH_EPILOG)(bench)
app.command(epilog="Example: codeclm demo --total 100 -o runs/demo")(run_cli.demo)
app.command(epilog=SIMULATE_EPILOG)(simulate)
app.add_typer(evaluate_commands, name="evaluate")
app.add_typer(cache_commands, name="cache")


def main() -> None:
    """Run the command line; leaves by SystemExit. Ctrl-C that comes after the work is too late to matter."""
    try:
        with interruptible():
            code = app(standalone_mode=False, prog_name="codeclm")
    except typer.TyperException as error:
        complain(error.format_message().replace("Value error, ", ""))
        code = error.exit_code
    except CodecLMError as error:
        complain(str(error))
        code = error.exit_code
    except (KeyboardInterrupt, typer.Abort):
        code = 130
    except BrokenPipeError:
        code = 141
    sys.exit(code or 0)


def _print_version(asked: bool) -> None:
    if asked:
        print_line(f"codeclm {__version__}")
        raise typer.Exit


@app.callback()
def _common(
    version: Annotated[
        bool,
        typer.Option(
            "--version", callback=_print_version, is_eager=True, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    """Options of no command in particular."""
