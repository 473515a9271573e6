"""A simulated world of language models behind a real OpenAI-compatible HTTP server.

It stands on the other side of the wire: it reads the prompts that arrive, like any model, and imports
nothing of the pipeline that sends them.
"""

from __future__ import annotations

from codeclm.simulator.duration import parse_duration
from codeclm.simulator.faults import Faults
from codeclm.simulator.options import ServerOptions
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.world import Answer, UnknownModel, World

__all__ = [
    "Answer",
    "Faults",
    "ServerOptions",
    "SimulatorServer",
    "UnknownModel",
    "World",
    "parse_duration",
]
