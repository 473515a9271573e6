"""Who serves models: where each provider answers, which key is its own, and what it takes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

__all__ = ["PROVIDERS", "Provider", "Quirks"]


@dataclass(frozen=True, slots=True)
class Quirks:
    """How a provider wants to be asked.

    ``protocol`` is "openai" or "anthropic". The key travels in ``key_header``, as a bearer token where
    that is Authorization. ``sends`` is by field of a request the name that it has here, None where it
    is not taken. ``headers`` are sent with each request.
    """

    protocol: str = "openai"
    key_header: str = "Authorization"
    sends: Mapping[str, str | None] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Provider:
    """A provider by its name.

    ``base_url`` is "" where every user has one of their own, such as ``example_url``. ``api_key_env`` is
    the environment variable of its key, None where it needs none; that key goes to host and port of
    the base URL and to hosts that end as ``hosts`` do, and nowhere else. ``elsewhere`` is how servers
    at other base URLs are asked, where that differs. ``is_local``: a server of the user's own, which
    queues calls rather than refuse them.
    """

    base_url: str
    api_key_env: str | None
    quirks: Quirks = Quirks()
    is_local: bool = False
    hosts: tuple[str, ...] = ()
    example_url: str = ""
    elsewhere: Quirks | None = None

    def is_home(self, base_url: str) -> bool:
        """Whether ``base_url`` is the provider's own, so that its own key may go there."""
        host, port = _host_and_port(base_url)
        return (host, port) == _host_and_port(self.base_url) or host.endswith(self.hosts)

    def quirks_at(self, base_url: str) -> Quirks:
        """How to ask at ``base_url``."""
        if self.elsewhere is None or self.is_home(base_url):
            return self.quirks
        return self.elsewhere


def _host_and_port(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)


def _sends(**names: str | None) -> Quirks:
    return Quirks(sends=names)


def _local(port: int, api_key_env: str | None = None) -> Provider:
    return Provider(f"http://127.0.0.1:{port}/v1", api_key_env, is_local=True)


# Reasoning models of OpenAI refuse max_tokens; other servers may not know its successor, and ignore it.
_SUCCESSOR = "max_completion_tokens"

PROVIDERS: Mapping[str, Provider] = {
    "anthropic": Provider(
        "https://api.anthropic.com/v1",
        "ANTHROPIC_API_KEY",
        Quirks(
            protocol="anthropic",
            key_header="x-api-key",
            headers={"anthropic-version": "2023-06-01"},
        ),
    ),
    "azure": Provider(
        "",
        "AZURE_OPENAI_API_KEY",
        Quirks(key_header="api-key", sends={"max_tokens": _SUCCESSOR}),
        hosts=(".openai.azure.com", ".services.ai.azure.com", ".cognitiveservices.azure.com"),
        example_url="https://RESOURCE.openai.azure.com/openai/v1",
    ),
    "deepseek": Provider(  # of response formats, it refuses schemas
        "https://api.deepseek.com/v1",
        "DEEPSEEK_API_KEY",
        _sends(seed=None, response_format=None),
    ),
    "gemini": Provider(  # fields that it does not know are an error
        "https://generativelanguage.googleapis.com/v1beta/openai",
        "GEMINI_API_KEY",
        _sends(seed=None),
    ),
    "groq": Provider(
        "https://api.groq.com/openai/v1", "GROQ_API_KEY", _sends(max_tokens=_SUCCESSOR)
    ),
    "litellm": _local(4000, "LITELLM_PROXY_API_KEY"),
    "llamacpp": _local(8080),
    "mistral": Provider(  # fields that it does not know are an error
        "https://api.mistral.ai/v1", "MISTRAL_API_KEY", _sends(seed="random_seed")
    ),
    "ollama": _local(11434),
    "openai": Provider(  # the name under which all compatible servers go as well
        "https://api.openai.com/v1",
        "OPENAI_API_KEY",
        _sends(max_tokens=_SUCCESSOR),
        elsewhere=Quirks(),
    ),
    "openrouter": Provider("https://openrouter.ai/api/v1", "OPENROUTER_API_KEY"),
    "sglang": _local(30000),
    "tgi": _local(8080),
    "together": Provider("https://api.together.ai/v1", "TOGETHER_API_KEY"),
    "vllm": _local(8000),
}
