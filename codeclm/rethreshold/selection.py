"""A run's instructions, decided anew: counted, and written as a run would have left them."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.archive import RunArchive
from codeclm.disk import replace_file, replace_json
from codeclm.errors import UsageError
from codeclm.lines import Row, line_of
from codeclm.ordered_rows import OrderedRows
from codeclm.records import Responder
from codeclm.rethreshold.curve import Counts, Curve, thetas_for
from codeclm.rethreshold.decision import FATES, Decision, Fate, Rule, Subject, subject_of
from codeclm.rethreshold.rows import decided_row
from codeclm.rundir import OUTCOMES
from codeclm.settings import fingerprint

__all__ = ["Selection", "selection_of"]


@dataclass(frozen=True, slots=True)
class Selection:
    """Another theta for the run in ``archive``; its rows are read whenever they are needed."""

    archive: RunArchive
    rule: Rule
    scale: int

    def curve(self) -> Curve:
        """What each theta yields. Raises UsageError where nothing in the run was judged."""
        thetas = thetas_for(self.scale, self.rule.theta)
        curve = Curve(thetas, self.rule.iterations, self.rule.winners)
        judged = False
        for subject in self._subjects():
            if isinstance(subject, Subject):
                judged = judged or bool(subject.comparisons)
                curve.add(subject)
        if not judged:
            raise UsageError(f"{self.archive.path}: no comparison is on record yet")
        return curve

    def write(self, place: Path, counts: Counts) -> None:
        """Write rows, settings and summary into the empty directory ``place``."""
        with ExitStack() as stack:
            files = {name: stack.enter_context(OrderedRows(place)) for name in OUTCOMES}
            for subject in self._subjects():
                if not isinstance(subject, Subject):
                    files["failed"].add(subject["id"], subject)
                    continue
                decision = self.rule.decide(subject)
                row = decided_row(subject, _spoken(decision))
                is_open = decision.fate == "undetermined"
                files["discarded" if is_open else decision.fate].add(row["id"], row)
            for name, ordered in files.items():
                replace_file(place / f"{name}.jsonl", map(line_of, ordered))
        if self.archive.is_complete:
            _linked(place / "selected.jsonl", place / "dataset.jsonl")
        settings = self._settings()
        replace_json(place / "settings.json", settings)
        replace_json(place / "summary.json", self._summary(counts, settings["sha256"]))

    def about(self) -> dict[str, Any]:
        """What was done to which run."""
        return {
            "run": str(self.archive.path),
            "run_settings_sha256": self.archive.settings.get("sha256"),
            "run_is_complete": self.archive.is_complete,
            "run_theta": self.archive.settings["decisive"].get("method.theta"),
            "theta": self.rule.theta,
            "winners": sorted(self.rule.winners),
            "iterations": self.rule.iterations,
        }

    def _subjects(self) -> Iterator[Subject | dict[str, Any]]:
        """Instructions, and the rows of what failed before it was one."""
        archive = self.archive
        sources: tuple[tuple[Fate, Callable[[], Iterator[Row]]], ...] = (
            ("selected", archive.selected),
            ("discarded", archive.discarded),
            ("failed", archive.failed),
        )
        for fate, read in sources:
            for row in read():
                yield subject_of(fate, row) or row

    def _settings(self) -> dict[str, Any]:
        """Those of the run with another theta; marked, so that no run takes the directory for its own."""
        stored = json.loads(json.dumps(self.archive.settings))
        stored["settings"].setdefault("method", {})["theta"] = self.rule.theta
        decisive = stored["decisive"]
        decisive["method.theta"] = self.rule.theta
        decisive["rethreshold"] = sorted(self.rule.winners)
        stored["sha256"] = fingerprint(decisive)
        return {**stored, "rethreshold": self.about()}

    def _summary(self, counts: Counts, settings_sha256: str) -> dict[str, Any]:
        summary, found = self.archive.summary, counts.as_json()
        fates = {fate: found.pop(fate) for fate in FATES}
        del found["undetermined_because"]
        return {
            **summary,
            "settings_sha256": settings_sha256,
            "counts": {**summary.get("counts", {}), **fates},
            **found,
            "rethreshold": self.about(),
        }


def selection_of(
    archive: RunArchive, theta: float | None, winners: Collection[Responder]
) -> Selection:
    """The selection that is asked for; ``theta`` None is the run's. Raises UsageError for what cannot be."""
    decisive: Mapping[str, Any] = archive.settings["decisive"]
    filtered = decisive.get("method.contrastive_filtering", True)
    if not filtered or "method.name" in decisive:  # only CodecLM's method has no name there
        raise UsageError(f"{archive.path}: nothing was judged in this run, so there is no theta")
    if "rethreshold" in decisive:
        source = archive.settings["rethreshold"]["run"]
        raise UsageError(f"{archive.path}: itself made by rethreshold; give its run, {source}")
    scale = int(decisive.get("method.scale", 10))
    theta = float(decisive["method.theta"]) if theta is None else theta
    if not 0 <= theta < scale - 1:
        raise UsageError(
            f"--theta is {theta:g}; with scores from 1 to {scale} it must be from 0 to below {scale - 1}"
        )
    improved = decisive.get("method.self_rubrics", True)
    iterations = int(decisive.get("method.iterations", 4)) if improved else 1
    return Selection(archive, Rule(theta, iterations, winners), scale)


def _spoken(decision: Decision) -> Decision:
    """In the file of the discarded the undetermined ones say that they are."""
    if decision.fate != "undetermined":
        return decision
    return Decision(decision.fate, reason=f"undetermined: {decision.reason}")


def _linked(source: Path, link: Path) -> None:
    try:
        os.link(source, link)
    except OSError:
        shutil.copyfile(source, link)
