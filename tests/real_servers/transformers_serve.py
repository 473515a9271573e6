"""``transformers serve`` on the CPU, with a tiny random model."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_servers.child import ENVIRONMENTS, environ, serving, version
from tests.real_servers.server import Probe, Server

__all__ = ["NAME", "SERVED", "transformers_serve"]

NAME = "transformers"
MODEL = "tiny"
CONTEXT_TOKENS = 512

SERVED = (
    Probe("an answer cut at 5 tokens", "16", None, "length", fields={"max_tokens": 5}),
    Probe(
        "a prompt too long",
        "12",
        None,
        "length",
        prompt="word " * 200,
        fields={"max_tokens": 5},
        note="no limit is kept: more tokens than the model has positions are answered with rubbish",
    ),
    Probe(
        "an unknown model",
        "11",
        "EndpointRefused",
        model="nonexistent",
        note="only words say that it is the model",
    ),
    Probe("a field it does not know", "20", "RequestRefused", fields={"foo": 1}),
    Probe("a body that is no request", "7", "ServerError", fields={"messages": None}),
    Probe(
        "a temperature that is no number",
        "7",
        "ServerError",
        fields={"temperature": "hot"},
        note="every fault in a request is a 500 of plain text",
    ),
    Probe("a negative max_tokens", "7", "ServerError", fields={"max_tokens": -5}),
    Probe(
        "a JSON object",
        "20",
        None,
        "length",
        fields={"response_format": {"type": "json_object"}, "max_tokens": 5},
        note="response_format is ignored",
    ),
)


@contextmanager
def transformers_serve(place: Path) -> Iterator[Server]:
    """It has no keys; its only model is a folder beside it."""
    binaries = ENVIRONMENTS / NAME / "bin"
    surroundings = environ(place, HF_HUB_OFFLINE="1", HF_HUB_DISABLE_TELEMETRY="1")
    script = Path(__file__).with_name("tiny_transformer.py")
    made = [str(binaries / "python"), str(script), MODEL, str(CONTEXT_TOKENS)]
    subprocess.run(made, cwd=place, env=surroundings, check=True, capture_output=True)
    command = [str(binaries / "transformers"), "serve", MODEL]
    command += ["--host", "127.0.0.1", "--device", "cpu"]
    with serving(
        lambda port: [*command, "--port", str(port)], "/health", place, surroundings
    ) as address:
        label = f"transformers serve {version(NAME, NAME)}"
        yield Server(NAME, label, f"{address}/v1", MODEL, "", {"max_tokens": 400})
