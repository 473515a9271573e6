"""What it costs to start: CPU time of a cold process, before anything is done."""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial

from benchmarks.child import run_child
from benchmarks.endpoint import endpoint
from benchmarks.measured import pipeline
from benchmarks.repeats import Sample, interleaved
from benchmarks.result import Result, made, rows_of

__all__ = ["start"]

COMMANDS = {
    "python alone": ["-c", "pass"],
    "import codeclm": ["-c", "import codeclm"],
    "codeclm --version": ["-m", "codeclm", "--version"],
}
RUN = "run until its first call"
METRICS = {"cpu_s": "s", "wall_s": "s"}
TARGET_S = 0.4
FEW_CALLS = 200


def start(repeats: int, say: Callable[[str], None]) -> Result:
    """Interpreter, import, version, and a run until it makes its first call."""
    with endpoint() as served:
        runs: dict[str, Callable[[], Sample]] = {
            name: partial(_command, words) for name, words in COMMANDS.items()
        }
        runs[RUN] = partial(_run, served.base_url)
        for run in runs.values():  # the first one compiles modules, and reads them from the disk
            run()
        found = interleaved(runs, repeats, say)
    rows = [row for name in found for row in rows_of(name, {}, found[name], METRICS)]
    aimed = [one.with_target(TARGET_S) if one.metric == "cpu_s" else one for one in rows]
    return made("start", aimed, {"repeats": repeats})


def _command(words: list[str]) -> Sample:
    ran = run_child([sys.executable, *words], timeout_s=60)
    if ran.exit_code:
        raise RuntimeError(f"{' '.join(words)}: exit code {ran.exit_code}\n{ran.stderr}")
    return {"cpu_s": ran.cpu_s, "wall_s": ran.wall_s}


def _run(base_url: str) -> Sample:
    figures = pipeline(base_url, FEW_CALLS, 16, look_every_s=0.005)
    return {"cpu_s": figures["start_cpu_s"], "wall_s": figures["first_call_s"]}
