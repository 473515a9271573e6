"""The two servers of llama.cpp, its own and that of its Python bindings, with a tiny random model."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_servers.child import ENVIRONMENTS, environ, serving, version
from tests.real_servers.server import Probe, Server

__all__ = ["BINDINGS", "NAME", "OWN", "OWN_NAME", "llama_cpp_bindings", "llama_server"]

NAME = "llama_cpp"
OWN_NAME = "llama_server"
KEY = "local-key-0123456789"
MODEL = "tiny"
CONTEXT_TOKENS = 512  # too small for every prompt of the engine but the shortest
LONG_PROMPT = "word " * 400
SCHEMA = {"name": "answer", "schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}

BINDINGS = (
    Probe("an answer cut at 5 tokens", "16", None, "length", fields={"max_tokens": 5}),
    Probe("a prompt too long", "12", "ContextTooLong", prompt=LONG_PROMPT),
    Probe("a wrong key", "9", "KeyRefused", key="wrong-key-0123456789"),
    Probe("no key", "9", "KeyRefused", key=""),
    Probe(
        "an unknown model",
        "",
        None,
        "length",
        model="nonexistent",
        fields={"max_tokens": 5},
        note="one model serves every name",
    ),
    Probe(
        "a temperature that is no number",
        "29",
        "ServerError",
        fields={"temperature": "hot"},
        note="a validation error is a 500: nothing but words tells it from a fault",
    ),
    Probe("messages that are no list", "29", "ServerError", fields={"messages": "x"}),
    Probe(
        "a JSON schema",
        "20",
        "ServerError",
        fields={"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        note="only json_object is known; the refusal is a 500",
    ),
    Probe(
        "a JSON object",
        "16",
        None,
        "length",
        fields={"response_format": {"type": "json_object"}, "max_tokens": 20, "temperature": 0},
    ),
)

OWN: tuple[Probe, ...] = (
    Probe("an answer cut at 5 tokens", "16", None, "length", fields={"max_tokens": 5}),
    Probe("a prompt too long", "12", "ContextTooLong", prompt=LONG_PROMPT),
    Probe("a wrong key", "9", "KeyRefused", key="wrong-key-0123456789"),
    Probe("no key", "9", "KeyRefused", key=""),
)


@contextmanager
def llama_cpp_bindings(place: Path) -> Iterator[Server]:
    """``python -m llama_cpp.server`` with the tiny model and a key."""
    python = str(ENVIRONMENTS / NAME / "bin" / "python")
    options = ["--model", _tiny_model(place), "--n_ctx", str(CONTEXT_TOKENS)]
    options += ["--model_alias", MODEL, "--api_key", KEY, "--host", "127.0.0.1"]
    command = [python, "-m", "llama_cpp.server", *options]
    with serving(
        lambda port: [*command, "--port", str(port)], "/docs", place, environ(place)
    ) as address:
        label = f"llama-cpp-python {version(NAME, 'llama_cpp_python')}"
        yield Server(NAME, label, f"{address}/v1", MODEL, KEY, {"max_tokens": 450})


@contextmanager
def llama_server(place: Path) -> Iterator[Server]:
    """llama.cpp's own ``llama-server``, built from the sources that come with the bindings."""
    program = str(ENVIRONMENTS / OWN_NAME / "bin" / "llama-server")
    options = ["--model", _tiny_model(place), "--ctx-size", str(CONTEXT_TOKENS), "--parallel", "1"]
    options += ["--alias", MODEL, "--api-key", KEY, "--host", "127.0.0.1", "--offline"]
    with serving(
        lambda port: [program, *options, "--port", str(port)], "/health", place, environ(place)
    ) as address:
        label = f"llama-server of llama-cpp-python {version(NAME, 'llama_cpp_python')}"
        yield Server(OWN_NAME, label, f"{address}/v1", MODEL, KEY, {"max_tokens": 450})


def _tiny_model(place: Path) -> str:
    """Make the model with the gguf package of the server's environment."""
    python = ENVIRONMENTS / NAME / "bin" / "python"
    script = Path(__file__).with_name("tiny_gguf.py")
    subprocess.check_call([python, script, place / "tiny.gguf", str(CONTEXT_TOKENS)])
    return str(place / "tiny.gguf")
