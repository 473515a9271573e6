"""What is written of a benchmark: bench.json, bench.csv, report.html, in a directory that holds nothing else."""

from __future__ import annotations

import csv
import io
import json
import os
import re
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

from codeclm.bench.benchmark import Measured
from codeclm.bench.machine import surroundings
from codeclm.bench.page import page
from codeclm.bench.plan import Plan
from codeclm.bench.prompts import proportions
from codeclm.bench.statistics import Figures
from codeclm.bench.sweep import knee
from codeclm.bench.verdict import disturbance, knee_sentence, limit_sentence, point_of
from codeclm.disk import REAL, Disk, write_all
from codeclm.errors import UsageError
from codeclm.llm.names import parse_model

__all__ = ["ReportDirectory", "default_directory", "report_of", "sentences"]

SCHEMA = 1


def sentences(measured: Measured, plan: Plan) -> list[str]:
    """Where the knee is, which side limits, and whether the figures can be trusted."""
    if not measured.levels:
        return ["nothing was measured"]
    levels = measured.levels
    said = [knee_sentence(levels), limit_sentence(levels, plan.spec), disturbance(levels)]
    return [sentence for sentence in said if sentence]


def report_of(measured: Measured, plan: Plan, began_s: float) -> Mapping[str, Any]:
    """All of it as plain data; ``began_s`` is Unix time."""
    found = knee([point_of(level) for level in measured.levels])
    shares = proportions(plan.requests_to_make)
    return {
        "schema": SCHEMA,
        "model": str(parse_model(plan.spec.model)),
        "began": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(began_s)),
        "sentences": sentences(measured, plan),
        "knee_in_flight": found.in_flight if found else None,
        "stopped": str(measured.stopped) if measured.stopped else None,
        "levels": [_row(level) for level in measured.levels],
        "error_messages": measured.messages,
        "learnt": list(measured.learnt),
        "settings": plan.described(),
        "prompts": {
            "prompts": len(plan.requests_to_make),
            "shares": ", ".join(f"{stage} {part:.1%}" for stage, part in shares.items()),
        },
        "machine": surroundings(),
    }


def _row(level: Figures) -> dict[str, Any]:
    row = asdict(level)
    latency = row.pop("latency") or {}
    return {**row, **{f"latency_{name}": latency.get(name) for name in LATENCIES}}


LATENCIES = ("mean_s", "p50_s", "p95_s", "p99_s")


class ReportDirectory:
    """A new directory, or an empty one; nothing that is there is ever overwritten.

    Raises UsageError where ``path`` is anything else, or cannot be written.
    """

    def __init__(self, path: Path, disk: Disk = REAL) -> None:
        self.path = path
        self._disk = disk
        self._made = False
        if path.exists() and (not path.is_dir() or any(path.iterdir())):
            raise UsageError(f"{path}: not an empty directory; give a new one with -o")

    def make(self) -> None:
        """See that it can be written, before anything is measured."""
        try:
            self._made = not self.path.exists()
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not os.access(self.path, os.W_OK):
                raise UsageError(f"{self.path}: cannot be written")
        except OSError as error:
            raise self._unwritable(error) from None

    def leave(self) -> None:
        """Leave no trace, where nothing was written."""
        if self._made:
            with suppress(OSError):
                self.path.rmdir()

    def write(self, report: Mapping[str, Any], measured: Measured) -> None:
        """Write the three files."""
        self._write("bench.json", json.dumps(report, indent=2, ensure_ascii=False) + "\n")
        self._write("bench.csv", _csv(report["levels"]))
        self._write("report.html", page(report, measured.levels))

    def _write(self, name: str, text: str) -> None:
        path = self.path / name
        try:
            fd = self._disk.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
            try:
                write_all(self._disk, fd, text.encode("utf-8", "replace"))
                self._disk.sync(fd)
            finally:
                self._disk.close(fd)
        except OSError as error:
            raise self._unwritable(error) from None

    def _unwritable(self, error: OSError) -> UsageError:
        return UsageError(f"{self.path}: cannot be written ({error.strerror or error})")


def default_directory(model: str, now_s: float) -> Path:
    """``bench-MODEL-TIME``, with what a file name can hold of the model."""
    name = re.sub(r"[^A-Za-z0-9._-]+", "-", parse_model(model).model).strip("-.")[:60]
    return Path(f"bench-{name or 'model'}-{time.strftime('%Y%m%d-%H%M%S', time.localtime(now_s))}")


def _csv(rows: list[dict[str, Any]]) -> str:
    """A line a level; errors by kind are JSON."""
    out = io.StringIO()
    if rows:
        writer = csv.DictWriter(out, list(rows[0]), lineterminator="\n")
        writer.writeheader()
        for row in rows:
            writer.writerow({**row, "errors": json.dumps(row["errors"])})
    return out.getvalue()
