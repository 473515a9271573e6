"""The whole benchmark: environments, interleaved trials, and the figures as a result."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.peers.catalogue import FRAMEWORKS, OURS, PEERS, Peer
from benchmarks.peers.environments import PLACE, Unavailable, prepared, version_of
from benchmarks.peers.trial import KILL_IN_FLIGHT, KILL_LATENCY_S, LARGER, METRICS, Terms, trial
from benchmarks.repeats import Sample, interleaved
from benchmarks.result import Result, Row, Value, made, rows_of

__all__ = ["ABSENT", "Measuring", "measure", "to_result"]

ABSENT = "not measured: "
# Times less CPU than the best framework: what this project is meant to reach.
TARGETS = {"cpu_ms_a_call_marginal": 6.0, "cpu_ms_a_call_job": 10.0}

Try = Callable[[Peer, Path, Terms], Sample]


@dataclass(slots=True)
class Measuring:
    """``absent`` tells by the client's name why it has no figures, or no more."""

    terms: Terms
    attempt: Try = trial
    absent: dict[str, str] = field(default_factory=dict)

    def runs(self, pythons: Mapping[str, Path]) -> dict[str, Callable[[], Sample]]:
        """A trial of each; one that broke is not tried again and yields nothing."""
        return {name: self._run(name, python) for name, python in pythons.items()}

    def _run(self, name: str, python: Path) -> Callable[[], Sample]:
        def run() -> Sample:
            if name in self.absent:
                return {}
            try:
                return self.attempt(PEERS[name], python, self.terms)
            except Unavailable as error:
                self.absent[name] = str(error)
                return {}

        return run


def measure(
    names: Sequence[str],
    terms: Terms,
    repeats: int,
    say: Callable[[str], None],
    *,
    place: Path = PLACE,
    install: bool = True,
) -> Result:
    """Measure the clients called ``names``; one that cannot be installed or breaks is told in the settings."""
    measuring = Measuring(terms)
    pythons: dict[str, Path] = {}
    for name in names:
        try:
            pythons[name] = prepared(PEERS[name], place, install=install, say=say)
        except Unavailable as error:
            measuring.absent[name] = str(error)
    found = interleaved(measuring.runs(pythons), repeats, say) if pythons else {}
    return to_result(found, measuring.absent, terms, repeats)


def to_result(
    found: Mapping[str, Sequence[Sample]], absent: Mapping[str, str], terms: Terms, repeats: int
) -> Result:
    """A row for each figure of each client that went through all repeats."""
    whole = {name: samples for name, samples in found.items() if name not in absent}
    rows = [row for name, samples in whole.items() for row in rows_of(name, {}, samples, METRICS)]
    settings: dict[str, Value] = {
        "calls": terms.size.calls,
        "in_flight": terms.size.in_flight,
        "latency_ms": 1_000 * terms.latency_s,
        "larger_job": LARGER * terms.size.calls,
        "kill_in_flight": min(terms.size.in_flight, KILL_IN_FLIGHT),
        "kill_latency_ms": 1_000 * max(terms.latency_s, KILL_LATENCY_S),
        "patience_s": terms.size.patience_s,
        "repeats": repeats,
        **{ABSENT + name: reason for name, reason in absent.items()},
    }
    versions = {PEERS[name].package: version_of(PEERS[name]) for name in whole}
    return made("peers", [*_ahead(whole), *rows], settings, more_versions=versions)


def _ahead(found: Mapping[str, Sequence[Sample]]) -> list[Row]:
    """How many times less CPU this project takes than the best framework of the same repeat."""
    ours = found.get(OURS)
    others = [found[name] for name in FRAMEWORKS if name in found]
    if not ours or not others:
        return []
    rows = []
    for metric, target in TARGETS.items():
        best = [min(sample[metric] for sample in samples) for samples in zip(*others, strict=True)]
        ratios = tuple(one / sample[metric] for one, sample in zip(best, ours, strict=True))
        rows.append(Row("best framework / codeclm", {}, metric, "times", ratios, True, target))
    return rows
