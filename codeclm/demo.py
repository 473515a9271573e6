"""The demonstration: the whole method on simulated models, over real HTTP on loopback."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any

from codeclm.run import Order
from codeclm.seeds import SeedList
from codeclm.settings_file import load_settings
from codeclm.simulator import ServerOptions, SimulatorServer, World, parse_duration

__all__ = ["demo_order", "demo_server", "describe"]

SEEDS = (
    "Explain to a ten-year-old why the sky is blue.",
    "Write a short story about a clockmaker who can hear the future.",
    "My Python script is slow when it joins two large CSV files. How can I speed it up?",
    "A train leaves at 9:40 and arrives at 13:05. How long is the journey?",
    "Draft a polite email to a supplier whose delivery is two weeks late.",
    "Summarise the causes of the French Revolution in five sentences.",
    "What should I consider before I sign a rental contract for a flat?",
    "Plan a vegetarian dinner for six with a budget of 40 euros.",
    "Translate this into formal French: We regret that we cannot attend.",
    "Compare electric and diesel cars for someone who drives 30,000 km a year.",
    "Write a SQL query that lists the three best-selling products of each month.",
    "Prove that the sum of two odd numbers is even.",
    "Role-play a patient customer-service agent who handles an angry caller.",
    "Suggest a weekly training plan for a first half marathon.",
    "Explain the difference between correlation and causation with an example.",
    "Write a product description for a waterproof hiking backpack.",
    "How does a vaccine train the immune system?",
    "Turn these notes into minutes: budget agreed, launch moved to May, Ana writes the brief.",
    "What are the tax consequences of working from another country for three months?",
    "Write a haiku about a late train.",
    "Design a small database for a public library.",
    "Estimate how many piano tuners work in a city of two million people.",
    "Give feedback on this opening line: It was a dark and stormy night.",
    "List the steps to debug a web page that loads slowly.",
)


def demo_server(latency: str) -> SimulatorServer:
    """The simulated models behind an HTTP server on a free loopback port."""
    return SimulatorServer(World(), ServerOptions(latency_s=parse_duration(latency)))


def demo_order(base_url: str, output: Path | None, total: int) -> Order:
    """What the demonstration runs, in a new directory unless ``output`` names one."""
    models = {
        "strong": {"model": f"openai:sim-strong@{base_url}", "send_seed": True},
        "target": {"model": f"openai:sim-target@{base_url}", "send_seed": True},
    }
    settings = load_settings(None, {"models": models, "method": {"total": total}})
    directory = output or Path(time.strftime("demo-run-%Y%m%d-%H%M%S"))
    return Order(SeedList(SEEDS), settings, directory)


def describe(order: Order, say: Callable[[str], None]) -> None:
    """Tell what is in the dataset: selections by iteration, and two examples."""
    summary = json.loads((order.directory / "summary.json").read_bytes())
    by_iteration = summary["selected_by_iteration"].items()
    say("selected by iteration: " + ", ".join(f"{key}: {count}" for key, count in by_iteration))
    for row in islice(_rows(order.directory / "dataset.jsonl"), 2):
        say(
            f"  use case: {row['use_case']}; skills: {', '.join(row['skills'])}; gap {row['gap']:g}"
        )
        say(f"    instruction: {_short(row['instruction'])}")
        say(f"    {row['responder']} response: {_short(row['response'])}")
    say(
        "The models were simulated. Next: codeclm run SEEDS -o DIR --strong ... --target ...; see README.md"
    )


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open("rb") as file:
        yield from map(json.loads, file)


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= 100 else line[:99] + "…"
