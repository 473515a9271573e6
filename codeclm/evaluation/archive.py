"""An evaluation's directory as a reader sees it: nothing is locked, mended or written."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from codeclm.errors import UsageError
from codeclm.evaluation.agreement import Flips, Key, flips
from codeclm.evaluation.crr import Outcome, outcome_of
from codeclm.evaluation.plan import EVALUATION
from codeclm.evaluation.results import scores_in
from codeclm.lines import Row, each_once, row_of
from codeclm.rundir import read_json, read_settings

__all__ = ["EvaluationArchive"]


class EvaluationArchive:
    """What an evaluation has left in ``path``. Raises UsageError where none has worked there.

    ``settings`` is what it stored before its first call (see ``EvaluationPlan.record``).
    """

    def __init__(self, path: Path) -> None:
        settings = read_settings(path) if path.is_dir() else None
        if settings is None:
            raise UsageError(
                f"{path}: no evaluation's directory; give the -o of a codeclm evaluate"
            )
        EVALUATION.check(path, settings)
        self.path = path
        self.settings: dict[str, Any] = settings

    @property
    def results(self) -> dict[str, Any]:
        """All figures (see ``results_of``). Raises UsageError where the evaluation is not complete."""
        summary = read_json(self.path / "summary.json") or {}
        results = read_json(self.path / "results.json")
        if results is None or summary.get("state") != "complete":
            raise UsageError(
                f"{self.path}: the evaluation is not complete; the same command goes on with it"
            )
        return results

    def judged(self) -> Iterator[Row]:
        """The judged rows, in the order in which they came about; of equal ids the first counts."""
        try:
            with (self.path / "judged.jsonl").open("rb") as lines:
                rows = map(row_of, lines)
                yield from each_once(row for row in rows if row is not None)
        except OSError as error:
            raise UsageError(f"{self.path}: cannot be read ({error.strerror or error})") from None

    def outcomes(self) -> Mapping[Key, Outcome]:
        """The outcome of each item and candidate."""
        return {
            (row["item"], row["candidate"]): outcome_of(*scores_in(row)) for row in self.judged()
        }

    def flips(self) -> Flips:
        """How much the order of the responses mattered to the judge."""
        return flips(map(scores_in, self.judged()))
