"""Golden transcripts: what real servers answer, and what that amounts to.

One JSON file for each server. An entry has ``name``, ``row`` (of the decision table), ``server``,
``status``, ``headers``, ``body`` (a JSON value, or text where it is no JSON) and ``expect``: either
``error``, the name of a class, or ``finish_reason``, and what else must hold. The texts are written
after the servers' documentation and bug reports; keys, ids and names in them are made up.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from codeclm.llm.chat import Completion
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.wire import read_completion

__all__ = ["ENDPOINT", "TRANSCRIPTS", "Transcript", "read"]

ENDPOINT = Endpoint("https://api.example.com/v1", "m-1", "EXAMPLE_API_KEY")


@dataclass(frozen=True, slots=True)
class Transcript:
    """One answer of one server, and what it must be taken for."""

    name: str
    row: str
    server: str
    status: int
    headers: dict[str, str]
    body: Any
    expect: dict[str, Any]

    @property
    def raw(self) -> bytes:
        """The body as it comes over the wire."""
        return self.body.encode() if isinstance(self.body, str) else orjson.dumps(self.body)

    def __str__(self) -> str:
        return f"{self.server}: {self.name}"


def read(transcript: Transcript) -> Completion:
    """What the package makes of it; raises what it raises."""
    return read_completion(transcript.status, transcript.headers, transcript.raw, endpoint=ENDPOINT)


TRANSCRIPTS = [
    Transcript(**entry)
    for path in sorted(Path(__file__).parent.glob("*.json"))
    for entry in orjson.loads(path.read_bytes())
]
