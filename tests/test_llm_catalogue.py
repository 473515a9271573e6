"""The table of providers: what exactly each is sent, and where its key may go."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

from codeclm.errors import UsageError
from codeclm.llm.access import direct_model, new_dialect
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.credentials import endpoint_and_key
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import open_session
from codeclm.llm.names import parse_model
from codeclm.llm.secret import Secret
from codeclm.llm.spec import ModelSpec, warnings_for
from tests.chat_server import always, chat_server

pytestmark = pytest.mark.anyio

KEY = "canary-0123456789"
ASKED = ChatRequest(
    (Message("system", "Be brief."), Message("user", "Hi")),
    temperature=1.5,
    max_tokens=20,
    draw=7,
    schema={"name": "n", "schema": {"type": "object"}},
)
BEARER = {"Authorization": "Bearer ***"}
CHAT = {
    "model": "m",
    "messages": [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi"}],
    "temperature": 1.5,
    "top_p": 0.9,
}
FORMAT = {
    "response_format": {
        "type": "json_schema",
        "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
    }
}
USUAL = {**CHAT, **FORMAT, "max_tokens": 20, "seed": 7}
NEWER = {**CHAT, **FORMAT, "max_completion_tokens": 20, "seed": 7}
MESSAGES = {
    "model": "m",
    "system": "Be brief.",
    "messages": [{"role": "user", "content": "Hi"}],
    "temperature": 1.0,
    "top_p": 0.9,
    "max_tokens": 20,
}

# What is sent for one and the same request, with a seed and a field of the user's own.
SENT: dict[str, tuple[str, Mapping[str, str], Mapping[str, Any]]] = {
    "anthropic": (
        "/v1/messages",
        {"x-api-key": "***", "anthropic-version": "2023-06-01"},
        MESSAGES,
    ),
    "azure": ("/openai/v1/chat/completions", {"api-key": "***"}, NEWER),
    "deepseek": ("/v1/chat/completions", BEARER, {**CHAT, "max_tokens": 20}),
    "gemini": (
        "/v1beta/openai/chat/completions",
        BEARER,
        {**CHAT, **FORMAT, "max_tokens": 20},
    ),
    "groq": ("/openai/v1/chat/completions", BEARER, NEWER),
    "litellm": ("/v1/chat/completions", BEARER, USUAL),
    "llamacpp": ("/v1/chat/completions", BEARER, USUAL),
    "mistral": (
        "/v1/chat/completions",
        BEARER,
        {**CHAT, **FORMAT, "max_tokens": 20, "random_seed": 7},
    ),
    "ollama": ("/v1/chat/completions", BEARER, USUAL),
    "openai": ("/v1/chat/completions", BEARER, NEWER),
    "openrouter": ("/api/v1/chat/completions", BEARER, USUAL),
    "sglang": ("/v1/chat/completions", BEARER, USUAL),
    "tgi": ("/v1/chat/completions", BEARER, USUAL),
    "together": ("/v1/chat/completions", BEARER, USUAL),
    "vllm": ("/v1/chat/completions", BEARER, USUAL),
}
EVERYWHERE = {"Accept": "*/*", "Accept-Encoding": "identity", "Content-Type": "application/json"}
ANSWERS = {
    "openai": {"choices": [{"message": {"content": "yes"}}]},
    "anthropic": {"content": [{"type": "text", "text": "yes"}]},
}


@pytest.mark.parametrize("name", PROVIDERS)
async def test_what_is_sent(name: str) -> None:
    """Path, headers and body are those that the provider documents, to the last field."""
    provider = PROVIDERS[name]
    path = urlsplit(provider.base_url or provider.example_url).path
    answer = always(200, ANSWERS[provider.quirks.protocol])
    async with chat_server(answer) as server, open_session() as session:
        model = direct_model(
            session,
            Endpoint(server.base_url.removesuffix("/v1") + path, "m"),
            provider.quirks,
            new_dialect(provider.quirks),
            key=Secret(KEY),
            send_seed=True,
            extra_body={"top_p": 0.9},
        )
        assert (await model.complete(ASKED)).text == "yes"
    (received,) = server.requests
    unsaid = {"Host", "User-Agent", "Content-Length"}
    headers = {
        header: value.replace(KEY, "***")
        for header, value in received.headers.items()
        if header not in unsaid
    }
    wanted_path, wanted_headers, wanted_body = SENT[name]
    assert received.path == wanted_path
    assert headers == {**EVERYWHERE, **wanted_headers}
    assert received.body == wanted_body


@pytest.mark.parametrize("name", PROVIDERS)
def test_the_table_is_sound(name: str) -> None:
    """A hosted provider has https and a variable for its key; a local one answers on loopback."""
    provider = PROVIDERS[name]
    url = provider.base_url or provider.example_url
    assert provider.is_home(url)
    if provider.is_local:
        assert url.startswith("http://127.0.0.1:")
    else:
        assert url.startswith("https://")
        assert re.fullmatch("[A-Z_]+_KEY", provider.api_key_env or "")
    assert not url.endswith("/")


def test_compatible_servers_are_asked_as_openai_was_at_first() -> None:
    """Under OpenAI's name elsewhere the old name of the limit goes out: others may ignore the new."""
    openai, azure = PROVIDERS["openai"], PROVIDERS["azure"]
    assert openai.quirks_at("https://api.openai.com/v1").sends
    assert not openai.quirks_at("http://127.0.0.1:8000/v1").sends
    assert azure.quirks_at("https://gateway.example.com/v1").key_header == "api-key"


KEYS = {
    "OPENAI_API_KEY": "sk-1",
    "AZURE_OPENAI_API_KEY": "az-1",
    "LITELLM_PROXY_API_KEY": "ll-1",
    "MY_KEY": "k-2",
}


@pytest.mark.parametrize(
    ("model", "named", "variable"),
    [
        ("openai:m", None, "OPENAI_API_KEY"),
        ("openai:m@https://API.openai.com/v2", None, "OPENAI_API_KEY"),
        ("openai:m@https://api.openai.com:443/v1", None, "OPENAI_API_KEY"),
        ("openai:m", "MY_KEY", "MY_KEY"),
        ("openai:m@https://api.openai.com.evil.com/v1", None, ""),
        ("openai:m@https://openai.com/v1", None, ""),
        ("openai:m@https://api.openai.com:8443/v1", None, ""),
        ("openai:m@http://api.openai.com/v1", None, ""),
        ("openai:m@http://127.0.0.1:8000/v1", None, ""),
        ("openai:m@https://h.com/v1", "MY_KEY", "MY_KEY"),
        ("openai:m@https://h.com/v1", "OPENAI_API_KEY", "OPENAI_API_KEY"),
        ("vllm:m", None, ""),
        ("vllm:m", "MY_KEY", "MY_KEY"),
        ("litellm:m", None, "LITELLM_PROXY_API_KEY"),
        ("litellm:m@http://127.0.0.1:8000/v1", None, ""),
        ("azure:m@https://r.openai.azure.com/openai/v1", None, "AZURE_OPENAI_API_KEY"),
        ("azure:m@https://openai.azure.com.evil.com/openai/v1", None, ""),
        ("azure:m@https://evil-openai.azure.com/openai/v1", None, ""),
    ],
)
def test_a_key_goes_to_its_own_place(model: str, named: str | None, variable: str) -> None:
    """A provider's key goes to the provider's host only; elsewhere goes what the user named for it."""
    endpoint, key = endpoint_and_key(parse_model(model), named, KEYS)
    assert endpoint.api_key_env == variable
    assert (key.reveal() if key else "") == KEYS.get(variable, "")


@pytest.mark.parametrize(
    ("spec", "warning"),
    [
        (ModelSpec("openai:m"), ""),
        (ModelSpec("vllm:m", "MY_KEY"), ""),
        (ModelSpec("openai:m@http://localhost:8000/v1", "MY_KEY"), ""),
        (ModelSpec("openai:m@https://gpu-box/v1", "MY_KEY"), ""),
        (ModelSpec("openai:m@http://gpu-box/v1"), ""),
        (ModelSpec("vllm:m@https://h.com/v1"), ""),
        (ModelSpec("openai:m@http://gpu-box/v1", "UNSET"), ""),
        (
            ModelSpec("openai:m@http://gpu-box/v1", "MY_KEY"),
            "openai:m@http://gpu-box/v1: the key in MY_KEY goes to gpu-box unencrypted (http)",
        ),
        (
            ModelSpec("openai:m@http://10.0.0.5:8000/v1", "MY_KEY"),
            "openai:m@http://10.0.0.5:8000/v1: the key in MY_KEY goes to 10.0.0.5 unencrypted (http)",
        ),
        (
            ModelSpec("openai:m@https://h.com/v1"),
            "openai:m@https://h.com/v1: no key is sent, for the one in OPENAI_API_KEY is not for "
            "h.com; if one is wanted, name the variable that holds it (api_key_env)",
        ),
    ],
)
def test_warnings(spec: ModelSpec, warning: str) -> None:
    """A key in the clear within one's own network, and a key that one might expect to be sent."""
    assert warnings_for(spec, KEYS) == ([warning] if warning else [])


def test_azure_wants_a_url() -> None:
    """The message has the form of it, with the model that was meant."""
    for name in (
        "azure:gpt-4.1",
        "azure:gpt-4.1@https://r.openai.azure.com",
        "azure:gpt-4.1@https://r.openai.azure.com/openai/deployments/d",
    ):
        with pytest.raises(UsageError) as caught:
            parse_model(name)
        assert str(caught.value) == (
            f"'{name}' needs the base URL that is yours: "
            "write azure:gpt-4.1@https://RESOURCE.openai.azure.com/openai/v1"
        )
    assert parse_model("azure:m@https://gateway.example.com/x").base_url.endswith("/x")
