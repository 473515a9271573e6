"""The command: ``codeclm``, or ``python -m codeclm``."""

from __future__ import annotations

import signal

from codeclm.collector import calm_collector

__all__ = ["main"]


def main() -> None:
    """Run the command line; leaves by SystemExit. Until it is loaded Ctrl-C just ends the process, without a word."""
    if (
        signal.getsignal(signal.SIGINT) is signal.default_int_handler
    ):  # else somebody had it ignored
        signal.signal(signal.SIGINT, signal.SIG_DFL)
    calm_collector()  # what is loaded now stays
    from codeclm.cli import main as command  # noqa: PLC0415 - the one import that has to come late

    command()


if __name__ == "__main__":
    main()
