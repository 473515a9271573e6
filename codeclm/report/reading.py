"""What was read of a run so far: its books, figures over all rows, and where each row stands."""

from __future__ import annotations

from array import array
from pathlib import Path

from codeclm.archive import RunArchive
from codeclm.lines import Row
from codeclm.report.figures import Figures
from codeclm.report.lineage import Lineage, lineage_of
from codeclm.report.outcome_file import OutcomeFile, Replaced
from codeclm.report.seed_texts import SeedTexts
from codeclm.rundir import OUTCOMES

__all__ = ["Reading", "theta_and_scale"]

THETA, SCALE = 3.0, 10


class Reading:
    """Of the run in ``path``. Raises UsageError where there is none. Eight bytes a row are kept, and counts."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._begin()

    def update(self) -> bool:
        """Read what is new; whether anything is. Begins again where the run's files were replaced."""
        before = self.archive.summary, len(self)
        try:
            self._read()
        except Replaced:
            self._begin()
            self._read()
        if self._files["selected"].path != self.archive.selected_path:
            self._begin()  # it is complete now: what was selected beyond the number that was asked for is no part of it
            self._read()
        return before != (self.archive.summary, len(self))

    def __len__(self) -> int:
        return len(self._places)

    def lineage(self, number: int) -> Lineage | None:
        """The row that was found as this one, from 0; None where it is gone."""
        fate, place = self._place(number)
        row = self._files[fate].row_at(place)
        return lineage_of(fate, row) if row is not None else None

    def fate(self, number: int) -> str:
        """The file that this row stands in."""
        return self._place(number)[0]

    def numbers_of(self, fate: str) -> array[int]:
        """The numbers of all rows of this fate, rising."""
        code = OUTCOMES.index(fate)
        return array("Q", (n for n, at in enumerate(self._places) if at % len(OUTCOMES) == code))

    def _begin(self) -> None:
        self.archive = RunArchive(self.path)
        self.seeds = SeedTexts(self.archive.settings)
        self.figures = Figures(*theta_and_scale(self.archive))
        self._files = {name: OutcomeFile(self.path / f"{name}.jsonl") for name in OUTCOMES}
        self._files["selected"] = OutcomeFile(self.archive.selected_path)
        self._places = array("Q")

    def _read(self) -> None:
        for code, name in enumerate(OUTCOMES):
            for place, row in self._files[name].new_rows():
                self._add(code, place, row)
        settings, self.archive = self.archive.settings, RunArchive(self.path)
        if self.archive.settings != settings:
            self.seeds = SeedTexts(self.archive.settings)

    def _add(self, code: int, place: int, row: Row) -> None:
        self._places.append(place * len(OUTCOMES) + code)
        self.figures.add(lineage_of(OUTCOMES[code], row))

    def _place(self, number: int) -> tuple[str, int]:
        place, code = divmod(self._places[number], len(OUTCOMES))
        return OUTCOMES[code], place


def theta_and_scale(archive: RunArchive) -> tuple[float, int]:
    """Those of the run; where its method has none, or they make no sense, the usual ones."""
    decisive = archive.settings["decisive"]
    theta, scale = (decisive.get(f"method.{name}") for name in ("theta", "scale"))
    return _number(theta, 0, THETA), int(_number(scale, 2, SCALE))


def _number(value: object, least: float, otherwise: float) -> float:
    return float(value) if isinstance(value, int | float) and value >= least else otherwise
