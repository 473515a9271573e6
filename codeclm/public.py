"""The names that the package offers; `codeclm` itself loads them when the first is asked for."""

from codeclm.engine.events import Observer
from codeclm.engine.pipeline import Pipeline
from codeclm.engine.stage import Failed, Stage
from codeclm.errors import CodecLMError, ItemError, RunStopped, UsageError
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message, Usage
from codeclm.llm.scripted import ScriptedModel
from codeclm.methods.job import Job, Parties, Party
from codeclm.records import (
    Comparison,
    Draft,
    Entry,
    Example,
    Metadata,
    Rejection,
    Seed,
    Unit,
    Verdict,
)
from codeclm.settings import Settings
from codeclm.settings_file import load_settings
from codeclm.synthesis import synthesize
from codeclm.version import __version__

__all__ = [
    "ChatModel",
    "ChatRequest",
    "CodecLMError",
    "Comparison",
    "Completion",
    "Draft",
    "Entry",
    "Example",
    "Failed",
    "ItemError",
    "Job",
    "Message",
    "Metadata",
    "Observer",
    "Parties",
    "Party",
    "Pipeline",
    "Rejection",
    "RunStopped",
    "ScriptedModel",
    "Seed",
    "Settings",
    "Stage",
    "Unit",
    "Usage",
    "UsageError",
    "Verdict",
    "__version__",
    "load_settings",
    "synthesize",
]
