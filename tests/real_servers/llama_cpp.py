"""The two servers of llama.cpp, its own and that of its Python bindings, with a tiny random model."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_servers.child import ENVIRONMENTS, environ, serving, version
from tests.real_servers.server import Probe, Server

__all__ = [
    "BINDINGS",
    "KEY",
    "MODEL",
    "NAME",
    "OWN",
    "OWN_NAME",
    "llama_cpp_bindings",
    "llama_server",
    "own_command",
]

NAME = "llama_cpp"
OWN_NAME = "llama_server"
KEY = "local-key-0123456789"
MODEL = "tiny"
CONTEXT_TOKENS = 8192  # a token is a byte
LONG_PROMPT = "word " * 2000
SCHEMA = {"name": "answer", "schema": {"type": "object", "properties": {"x": {"type": "integer"}}}}
NO_SCHEMA = {"name": "answer", "schema": {"type": "nonsense"}}
FIVE_TOKENS = {"temperature": 0, "max_tokens": 5}  # greedy: a drawn end would come at random
GREEDY = {"temperature": 0, "max_tokens": 60}

BINDINGS = (
    Probe("an answer cut at 5 tokens", "16", None, "length", fields=FIVE_TOKENS),
    Probe("a prompt too long", "12", "ContextTooLong", prompt=LONG_PROMPT),
    Probe("a wrong key", "9", "KeyRefused", key="wrong-key-0123456789"),
    Probe("no key", "9", "KeyRefused", key=""),
    Probe(
        "an unknown model",
        "11",
        None,
        "length",
        model="nonexistent",
        fields=FIVE_TOKENS,
        note="one model serves every name",
    ),
    Probe(
        "a temperature that is no number",
        "29",
        "RequestRefused",
        fields={"temperature": "hot"},
        note="a validation error is a 500: nothing but words tells it from a fault",
    ),
    Probe("messages that are no list", "29", "RequestRefused", fields={"messages": "x"}),
    Probe(
        "a JSON schema",
        "20",
        "ParameterRefused",
        parameter="response_format",
        fields={"response_format": {"type": "json_schema", "json_schema": SCHEMA}},
        note="only json_object is known; the refusal is a 500",
    ),
    Probe(
        "a JSON object",
        "20",
        None,
        "length",
        fields={"response_format": {"type": "json_object"}, "max_tokens": 20, "temperature": 0},
    ),
)

OWN = (
    Probe("an answer cut at 5 tokens", "16", None, "length", fields=FIVE_TOKENS),
    Probe("a prompt too long", "12", "ContextTooLong", prompt=LONG_PROMPT),
    Probe("a wrong key", "9", "KeyRefused", key="wrong-key-0123456789"),
    Probe("no key", "9", "KeyRefused", key=""),
    Probe(
        "an unknown model",
        "11",
        None,
        "length",
        model="nonexistent",
        fields=FIVE_TOKENS,
        note="one model serves every name",
    ),
    Probe("a temperature that is no number", "29", "RequestRefused", fields={"temperature": "hot"}),
    Probe("a max_tokens below zero", "29", "RequestRefused", fields={"max_tokens": -5}),
    Probe("two answers at once", "29", "RequestRefused", fields={"n": 2}),
    Probe("messages that are no list", "29", "RequestRefused", fields={"messages": "x"}),
    Probe(
        "tools without a type",
        "7",
        "ServerError",
        fields={"tools": [{}]},
        note="a fault in the request is a 500 here",
    ),
    Probe(
        "a JSON schema",
        "20",
        None,
        "stop",
        fields={"response_format": {"type": "json_schema", "json_schema": SCHEMA}, **GREEDY},
    ),
    Probe(
        "a JSON schema that is none",
        "29",
        "RequestRefused",
        fields={"response_format": {"type": "json_schema", "json_schema": NO_SCHEMA}},
    ),
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
    command = own_command(place)
    with serving(
        lambda port: [*command, "--port", str(port)], "/health", place, environ(place)
    ) as address:
        label = f"llama-server of llama-cpp-python {version(NAME, 'llama_cpp_python')}"
        yield Server(OWN_NAME, label, f"{address}/v1", MODEL, KEY, {"max_tokens": 450})


def own_command(place: Path) -> list[str]:
    """How ``llama-server`` is started with the tiny model, but for its port."""
    program = str(ENVIRONMENTS / OWN_NAME / "bin" / "llama-server")
    options = ["--model", _tiny_model(place), "--ctx-size", str(CONTEXT_TOKENS), "--parallel", "1"]
    return [
        program,
        *options,
        "--alias",
        MODEL,
        "--api-key",
        KEY,
        "--host",
        "127.0.0.1",
        "--offline",
    ]


def _tiny_model(place: Path) -> str:
    """Make the model with the gguf package of the server's environment."""
    python = ENVIRONMENTS / NAME / "bin" / "python"
    script = Path(__file__).with_name("tiny_gguf.py")
    subprocess.check_call([python, script, place / "tiny.gguf", str(CONTEXT_TOKENS)])
    return str(place / "tiny.gguf")
