"""The LiteLLM proxy: mock answers of its own, answers of providers behind it, and the simulator."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.real_servers.child import ENVIRONMENTS, environ, serving, version
from tests.real_servers.server import Probe, Server

__all__ = ["MOCKED", "NAME", "litellm_proxy"]

NAME = "litellm"
KEY = "sk-real-servers-0123456789"
ROOT = Path(__file__).resolve().parents[2]
CUT = {"finish_reason": "length", "message": {"role": "assistant", "content": "A plain"}}
MOCKS: dict[str, dict[str, object]] = {
    "plain": {"mock_response": "A plain answer."},
    "cut": {
        "mock_response": {"choices": [CUT], "usage": {"prompt_tokens": 3, "completion_tokens": 2}}
    },
    "rate-limited": {"mock_response": "litellm.RateLimitError"},
    "too-long": {"mock_response": "litellm.ContextWindowExceededError"},
    "broken": {"mock_response": "litellm.InternalServerError"},
    "filtered": {"mock_response": "Exception: content_filter_policy"},
    "timed-out": {"mock_timeout": True, "timeout": 0.2},
    "one-a-minute": {"mock_response": "A plain answer.", "rpm": 1, "max_parallel_requests": 9},
    "one-at-once": {"mock_response": "Slow.", "mock_delay": 1, "max_parallel_requests": 1},
    "slow": {"mock_response": "A slow answer.", "mock_delay": 1},
}
# Nothing of this is fetched; the admin pages need a database.
OFFLINE = {
    f"LITELLM_LOCAL_{what}": "True"
    for what in ("MODEL_COST_MAP", "BLOG_POSTS", "ANTHROPIC_BETA_HEADERS", "POLICY_TEMPLATES")
}

MOCKED = (
    Probe("a plain answer", "26", None, "stop"),
    Probe("an answer that was cut", "16", None, "length", model="cut"),
    Probe("a rate limit", "1", "RateLimited", model="rate-limited"),
    Probe("its own limit a minute", "1", "RateLimited", model="one-a-minute", crowd=4),
    Probe("its own limit at once", "1", "RateLimited", model="one-at-once", crowd=2),
    Probe("a context too long", "12", "ContextTooLong", model="too-long"),
    Probe("an error of its own", "7", "ServerError", model="broken"),
    Probe(
        "a filtered prompt",
        "13",
        "RequestRefused",
        model="filtered",
        note="the mock of a content filter loses its code: only words are left",
    ),
    Probe("a timeout behind it", "8", "ServerError", model="timed-out"),
    Probe("nobody behind it", "7", "ServerError", model="nobody"),
    Probe("an unknown model", "11", "EndpointRefused", model="nonexistent"),
    Probe("no key", "9", "KeyRefused", key=""),
    Probe(
        "a wrong key",
        "9",
        "KeyRefused",
        key="sk-wrong",
        note="without a database: 400 with type no_db_connection, and no word of the key",
    ),
    Probe("no messages", "29", "RequestRefused", fields={"messages": None}),
)


@contextmanager
def litellm_proxy(place: Path, simulator_url: str) -> Iterator[Server]:
    """Its models are MOCKS, upstream/NAME for each answer of a provider, and those of the simulator."""
    python = [sys.executable, "-m", "tests.real_servers.upstream"]
    surroundings = environ(place, PYTHONPATH=str(ROOT))
    with serving(lambda port: [*python, str(port)], "/alive", place, surroundings) as upstream:
        config = place / "litellm.json"  # JSON is YAML
        config.write_text(json.dumps(_config(f"{upstream}/v1", simulator_url)))
        program = str(ENVIRONMENTS / NAME / "bin" / NAME)
        options = [program, "--config", str(config), "--host", "127.0.0.1", "--telemetry", "False"]
        secrets = {"LITELLM_MASTER_KEY": KEY, **OFFLINE}
        with serving(
            lambda port: [*options, "--port", str(port)],
            "/health/liveliness",
            place,
            environ(place, **secrets),
        ) as address:
            label = f"LiteLLM proxy {version(NAME, NAME)}"
            yield Server(NAME, label, f"{address}/v1", "plain", KEY, {"model": "slow"})


def _config(upstream_url: str, simulator_url: str) -> dict[str, object]:
    """Its own retries and cooldowns are off: the engine is to see each answer."""
    behind = {"upstream/*": ("*", upstream_url), "nobody": ("x", "http://127.0.0.1:9/v1")}
    behind |= {f"sim-{who}": (f"sim-{who}", simulator_url) for who in ("strong", "target")}
    models = [_model(name, name, mock) for name, mock in MOCKS.items()]
    models += [_model(name, model, {"api_base": url}) for name, (model, url) in behind.items()]
    return {
        "model_list": models,
        "general_settings": {"master_key": "os.environ/LITELLM_MASTER_KEY"},
        "litellm_settings": {"telemetry": False, "num_retries": 0},
        "router_settings": {
            "num_retries": 0,
            "disable_cooldowns": True,
            "optional_pre_call_checks": ["enforce_model_rate_limits"],
        },
    }


def _model(name: str, model: str, more: dict[str, object]) -> dict[str, object]:
    parameters = {"model": f"openai/{model}", "api_key": "none", **more}
    return {"model_name": name, "litellm_params": parameters}
