"""Where a comparison keeps what: one directory, with a run's directory for each variant."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["Place"]


@dataclass(frozen=True, slots=True)
class Place:
    """The files of a comparison in ``path``."""

    path: Path

    @property
    def cache(self) -> Path:
        """The answers of all runs: work that they share is paid once."""
        return self.path / "cache"

    @property
    def test_set(self) -> Path:
        """What the trained models are judged on."""
        return self.path / "test.jsonl"

    @property
    def evaluation(self) -> Path:
        """The directory of the evaluation."""
        return self.path / "evaluation"

    @property
    def results(self) -> Path:
        """All figures."""
        return self.path / "results.json"

    @property
    def tables(self) -> Path:
        """The figures as tables."""
        return self.path / "results.md"

    def seeds(self, percent: int) -> Path:
        """So much of the seeds."""
        return self.path / "seeds" / f"{percent}.jsonl"

    def run(self, variant: str) -> Path:
        """The directory of the run that makes the data of ``variant``."""
        return self.path / "runs" / variant

    def training(self, variant: str) -> Path:
        """The directory with the training set of ``variant`` and the trainers' configurations."""
        return self.path / "train" / variant
