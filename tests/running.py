"""What tests of whole runs share: an order against the simulator, and a look at what came of it."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from codeclm.progress import NoView
from codeclm.run import Finished, Order, Stopper, run
from codeclm.seeds import SeedList
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.sources import Source
from tests.accounts import SIM_PRICES, check_money

TOPICS = (
    "Write a poem about the sea",
    "Fix this Python loop that never ends",
    "Explain compound interest",
    "Plan a three-day trip to Lisbon",
    "Summarise the plot of Hamlet",
    "Draft a contract clause on liability",
    "Compare two phone tariffs",
    "Prove that there are infinitely many primes",
)


def seeds(number: int) -> SeedList:
    return SeedList(tuple(f"{TOPICS[n % len(TOPICS)]}, version {n}." for n in range(number)))


def settings_for(
    base_url: str, *, max_in_flight: int = 32, attempts: int = 8, **given: Any
) -> Settings:
    """Simulated models, with draws sent as seeds so that answers depend on nothing else."""
    spec = {"max_in_flight": max_in_flight, "send_seed": True, "attempts": attempts}
    models = {
        "strong": {"model": f"openai:sim-strong@{base_url}", **spec},
        "target": {"model": f"openai:sim-target@{base_url}", **spec},
    }
    return load_settings(None, {"models": models, "prices": SIM_PRICES, **given})


async def complete(
    directory: Path, settings: Settings, source: Source | None = None, **more: Any
) -> Finished:
    return await run(Order(source or seeds(8), settings, directory, **more), NoView(), Stopper())


@contextmanager
def nobody_listening() -> Iterator[str]:
    """A base URL that refuses connections: its port is held, so that no other server can get it."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{silent.getsockname()[1]}/v1"


def rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_bytes().splitlines()]


def write_rows(path: Path, written: Iterable[object]) -> Path:
    """A file with a line of JSON for each, and its path."""
    path.write_text("".join(json.dumps(row) + "\n" for row in written))
    return path


def contents(directory: Path) -> dict[str, bytes]:
    """Every file of a run but its cache."""
    return {path.name: path.read_bytes() for path in directory.iterdir() if path.is_file()}


def outcome_lines(directory: Path) -> dict[str, list[bytes]]:
    """The rows of each outcome, in an order that does not tell when they came about."""
    names = ("selected", "discarded", "failed")
    return {name: sorted((directory / f"{name}.jsonl").read_bytes().splitlines()) for name in names}


def check_books(directory: Path, *, some_in_vain: bool = False) -> dict[str, Any]:
    """The summary, after seeing that its counts, tokens and money add up and agree with the files."""
    summary: dict[str, Any] = json.loads((directory / "summary.json").read_bytes())
    counts = summary["counts"]
    fates = {name: len(rows(directory / f"{name}.jsonl")) for name in ("selected", "discarded")}
    failed = rows(directory / "failed.jsonl")
    late = [row for row in failed if "instruction" in row]
    selection, surplus = summary["selection"], counts.get("surplus", 0)
    assert fates["selected"] == sum(summary["selected_by_iteration"].values())
    assert fates["selected"] == sum(summary["selected_by_responder"].values())
    assert fates["selected"] == counts["selected"] + surplus
    assert counts["discarded"] == fates["discarded"]
    assert counts["failed"] == len(late)
    assert sum(summary["failed_by_stage"].values()) == len(failed)
    fate = fates["selected"] + counts["discarded"] + counts["failed"]
    assert summary["wanted"] == fate + counts["missing"] + counts["pending"]
    assert counts["pending"] >= 0
    is_over = summary["state"] == "complete"
    if selection:
        check_selection(summary)
    elif is_over:
        assert counts["pending"] == 0
        entered = counts["input"] + counts["augmented"]
        gone = counts["entries_failed"] + counts["pairs_dropped"]
        assert entered == counts["entries"] + gone
        assert counts["instructions"] == fate
    if is_over:
        dataset = rows(directory / "dataset.jsonl")
        assert [row["id"] for row in dataset] == sorted(row["id"] for row in dataset)
        assert len(dataset) == counts["selected"]
    check_money(directory, summary, some_in_vain=some_in_vain)
    return summary


def check_selection(summary: dict[str, Any]) -> None:
    """Where examples are counted, a run ends with what is under way beyond them pending, or with too few."""
    selection, counts = summary["selection"], summary["counts"]
    surplus = counts["surplus"]
    assert selection["selected"] == counts["selected"] <= selection["wanted"]
    assert 0 <= selection["beyond"] <= summary["wanted"]
    assert selection["instructions"] + selection["beyond"] == summary["wanted"]
    if selection["selected"] < selection["wanted"]:
        assert surplus == 0
    made = counts["selected"] + surplus + counts["discarded"] + counts["failed"]
    # Units beyond that were being decoded again give no number, though some of theirs may be on record.
    assert made <= counts["instructions"] + selection["beyond"]
    assert counts["instructions"] <= made + counts["pending"]
    if summary["state"] == "complete":
        is_short = selection["selected"] < selection["wanted"]
        assert not (is_short and counts["pending"]), "it ended with work left, and too few"
        assert surplus + counts["pending"] <= selection["beyond"] + made
