"""The command: ``codeclm``, or ``python -m codeclm``."""

from __future__ import annotations

import os
import signal
import sys

from codeclm.collector import calm_collector
from codeclm.version import __version__

__all__ = ["main"]


def main() -> None:
    """Run the command line; leaves by SystemExit. Until it is loaded Ctrl-C just ends the process, without a word."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # else somebody had it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    if sys.argv[1:] == [
        "--version"
    ]:  # scripts ask for it again and again; all else takes 0.3 s to load
        sys.exit(_print_version())
    calm_collector()  # what is loaded now stays
    from codeclm.cli import main as command  # noqa: PLC0415 - the one import that has to come late

    command()


def _print_version() -> int:
    """As every command prints; the exit code."""
    try:
        print(f"codeclm {__version__}", flush=True)
    except OSError:  # nobody reads it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return 0


if __name__ == "__main__":
    main()
