"""A run directory as a reader sees it: nothing is locked, mended or written, and the run may be going on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.lines import READ_BYTES, Row, each_once, row_of
from codeclm.rundir import DECODED, OUTCOMES, RUN, read_json, read_settings

__all__ = ["RunArchive"]


class RunArchive:
    """What a run has left in ``path`` so far. Raises UsageError where no run has worked there.

    ``settings`` is what the run stored before its first call (see ``Plan.record``), ``summary`` what it stored last,
    empty before the first time.
    """

    def __init__(self, path: Path) -> None:
        settings = read_settings(path) if path.is_dir() else None
        if settings is None:
            raise UsageError(f"{path}: no run's directory; give the -o of a codeclm run")
        RUN.check(path, settings)
        self.path = path
        self.settings: dict[str, Any] = settings
        self.summary: dict[str, Any] = read_json(path / "summary.json") or {}

    @property
    def is_complete(self) -> bool:
        """Whether the run came to its end."""
        return bool(self.summary.get("state") == "complete")

    def selected(self) -> Iterator[Row]:
        """The selected rows: those of ``dataset.jsonl``, sorted by id, once the run is complete."""
        return self._rows(self.selected_path)

    @property
    def selected_path(self) -> Path:
        """The file that they are read from."""
        dataset = self.path / "dataset.jsonl"
        return dataset if self.is_complete and dataset.exists() else self._file("selected")

    def discarded(self) -> Iterator[Row]:
        """The discarded rows, in the order in which they came about."""
        return self._rows(self._file("discarded"))

    def failed(self) -> Iterator[Row]:
        """The rows of what failed: seeds, pairs, units of work and instructions."""
        return self._rows(self._file("failed"))

    def units(self) -> Iterator[Row]:
        """A row for each unit of work that was decoded; the latest of one unit is the one that counts."""
        return _lines(self._file(DECODED))

    def log(self, name: str) -> Iterator[Row]:
        """The rows of another file of the run."""
        return self._rows(self.path / name)

    def find(self, identity: str) -> tuple[str, Row] | None:
        """The outcome of the seed, unit or instruction of this id, and the name of the file that holds it."""
        return next((found for found in self.outcomes() if found[1]["id"] == identity), None)

    def outcomes(self) -> Iterator[tuple[str, Row]]:
        """All rows of outcomes, each with the name of the file that holds it."""
        for name, rows in zip(
            OUTCOMES, (self.selected(), self.discarded(), self.failed()), strict=True
        ):
            for row in rows:
                yield name, row

    def _file(self, name: str) -> Path:
        return self.path / f"{name}.jsonl"

    def _rows(self, file: Path) -> Iterator[Row]:
        return each_once(_lines(file))


def _lines(file: Path) -> Iterator[Row]:
    """The rows in ``file``. A last line without an end is being written at this moment, or was when a kill came."""
    try:
        with file.open("rb", buffering=READ_BYTES) as lines:
            for line in lines:
                row = row_of(line)
                if row is not None:
                    yield row
    except FileNotFoundError:
        return
    except OSError as error:
        raise UsageError(f"{file}: cannot be read ({error.strerror or error})") from None
