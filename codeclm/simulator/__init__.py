"""A simulated world of language models behind a real HTTP server, OpenAI-compatible and Anthropic-native.

It stands on the other side of the wire: it reads the prompts that arrive, like any model, and imports
nothing of the pipeline that sends them.
"""

from __future__ import annotations

from codeclm.simulator.duration import parse_duration
from codeclm.simulator.fault_table import fault_list
from codeclm.simulator.faults import Faults, PlannedFault
from codeclm.simulator.options import ServerOptions
from codeclm.simulator.schedule import Schedule
from codeclm.simulator.server import SimulatorServer
from codeclm.simulator.timeline import Second, Span, Timeline
from codeclm.simulator.world import Answer, UnknownModel, World

__all__ = [
    "Answer",
    "Faults",
    "PlannedFault",
    "Schedule",
    "Second",
    "ServerOptions",
    "SimulatorServer",
    "Span",
    "Timeline",
    "UnknownModel",
    "World",
    "fault_list",
    "parse_duration",
]
