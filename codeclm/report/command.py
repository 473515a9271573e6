"""Writes the page of a run to a file."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from codeclm.disk import replace_file
from codeclm.errors import UsageError
from codeclm.report.page import GENERATOR, report_page
from codeclm.report.reading import Reading
from codeclm.report.state import state_of

__all__ = ["write_report"]

HEAD_BYTES = 4_096


def write_report(run: Path, path: Path, say: Callable[[str], None]) -> Path:
    """Write the page of ``run`` to ``path``, in the place of an earlier page only.

    Raises UsageError where there is no run, and where ``path`` is something else.
    """
    reading = Reading(run)
    _check(path)
    reading.update()
    html = report_page(reading)
    replace_file(path, [html.encode("utf-8", "replace")])
    how = state_of(reading.archive)
    say(f"{path}: {len(reading):,} rows, {len(html) / 1e6:.1f} MB. {how.words}")
    return path


def _check(path: Path) -> None:
    try:
        with path.open("rb") as file:
            head = file.read(HEAD_BYTES)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{path}: cannot be written ({error.strerror or error})") from None
    if f'name="generator" content="{GENERATOR}"'.encode() not in head:
        raise UsageError(f"{path}: something else is there; give another -o")
