"""What tests of evaluations share: a test set, settings against the simulator, answers of a planted quality."""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

from codeclm.evaluation.archive import EvaluationArchive
from codeclm.evaluation.plan import EvaluationOrder
from codeclm.evaluation.run import evaluate
from codeclm.evaluation.settings import EvaluationSettings, load_settings
from codeclm.evaluation.test_sets import read_test_set
from codeclm.progress import NoView
from codeclm.run import Finished, Stopper
from codeclm.simulator import World
from codeclm.simulator.responder import respond
from tests.running import write_rows

CATEGORIES = ("writing", "planning")


def write_test_set(path: Path, number: int) -> Path:
    """Instructions of the simulated world, each with one of two categories."""
    rows = [
        {"id": f"item-{n}", "instruction": text, "category": CATEGORIES[n % 2]}
        for n, text in enumerate(World().seeds(number))
    ]
    return write_rows(path, rows)


def write_answers(path: Path, test_set: Path, quality: float) -> Path:
    """Answers to all of ``test_set`` that are worth ``quality`` points of 10."""
    random = Random(quality)
    rows = [
        {"id": item.id, "response": respond(item.instruction, quality, False, random)}
        for item in read_test_set(test_set).items
    ]
    return write_rows(path, rows)


def sim(name: str, base_url: str, **more: Any) -> dict[str, Any]:
    return {"model": f"openai:sim-{name}@{base_url}", "max_in_flight": 32, "attempts": 8, **more}


def settings_for(base_url: str, candidates: Any = None, **given: Any) -> EvaluationSettings:
    """The target against the strong model, judged by a third one, unless told otherwise."""
    tree = {
        "candidates": candidates or {"target": sim("target", base_url)},
        "reference": sim("strong", base_url),
        "judge": sim("judge", base_url),
    }
    return load_settings(None, {**tree, **given})


async def complete(
    directory: Path, settings: EvaluationSettings, test_set: Path, **more: Any
) -> Finished:
    order = EvaluationOrder(read_test_set(test_set), settings, directory, **more)
    return await evaluate(order, NoView(), Stopper())


def figures(directory: Path) -> dict[str, dict[str, Any]]:
    """The results of each candidate."""
    return {one["name"]: one for one in EvaluationArchive(directory).results["candidates"]}
