"""A comparison in the simulated world: its models make the data, and its law of fine-tuning stands in for training."""

from __future__ import annotations

import json
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeclm.comparison.place import Place
from codeclm.disk import replace_file
from codeclm.errors import UsageError
from codeclm.pairs import read_pairs
from codeclm.rundir import read_json
from codeclm.simulator import SimulatorServer, World

__all__ = ["SEEDS", "SimulatedModels", "simulated_models", "write_seeds"]

SEEDS = 500
"""Instructions of a simulated downstream task, to be split into seeds and a test set."""


@dataclass(frozen=True, slots=True)
class SimulatedModels:
    """The models of ``world`` while they are served at ``base_url``."""

    world: World
    base_url: str

    @property
    def models(self) -> dict[str, Any]:
        """Strong and target as a run's configuration names them."""
        return {"strong": self._spec("sim-strong"), "target": self._spec("sim-target")}

    @property
    def judge(self) -> dict[str, Any]:
        """Who judges in the evaluation."""
        return self._spec("sim-judge")

    def train(self, variant: str, place: Place) -> dict[str, Any]:
        """The target trained on the training set of ``variant``, by the law of simulator/tuning.py."""
        name = f"sim-target-{variant}"
        if name not in self.world.models:
            pairs = read_pairs(place.training(variant) / "dataset.jsonl")
            self.world.tune("sim-target", name, pairs)
        return self._spec(name)

    def _spec(self, model: str) -> dict[str, Any]:
        # With the draw as seed an answer depends on the request alone, and so does the whole comparison.
        return {"model": f"openai:{model}@{self.base_url}", "send_seed": True}


@asynccontextmanager
async def simulated_models(
    place: Place, world_seed: int, *, evenly_weak: bool
) -> AsyncIterator[SimulatedModels]:
    """Serve the world of this comparison, at the port that it had from the start: answers are known by it."""
    port = _port(place, {"world_seed": world_seed, "evenly_weak": evenly_weak})
    world = World(world_seed, evenly_weak=evenly_weak)
    async with SimulatorServer(world, port=port) as server:
        yield SimulatedModels(world, server.base_url)


def write_seeds(world_seed: int, place: Place) -> Path:
    """What users of the simulated downstream task have asked."""
    path = place.path / "downstream.jsonl"
    lines = (json.dumps({"instruction": text}) for text in World(world_seed).seeds(SEEDS))
    replace_file(path, (line.encode() + b"\n" for line in lines))
    return path


def _port(place: Place, world: Mapping[str, Any]) -> int:
    path = place.path / "simulated.json"
    stored = read_json(path)
    if stored is not None:
        if {name: stored.get(name) for name in world} != world:
            raise UsageError(
                f"{place.path}: it holds a comparison in another simulated world; give another -o"
            )
        return int(stored["port"])
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    replace_file(path, [json.dumps({**world, "port": port}).encode() + b"\n"])
    return port
