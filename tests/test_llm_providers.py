"""From a name to a model: parsing, keys, shared limits, and the whole stack against a server."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import pytest
from aiohttp import web

from codeclm.errors import RunStopped, ServerError, UsageError
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.events import Answered, Paused, PerhapsBilled, Retried
from codeclm.llm.names import ModelName, is_loopback, is_private, parse_model
from codeclm.llm.preflight import check_reachable
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec, check_spec, identity
from codeclm.llm.store import MemoryStore
from tests.chat_server import OK, Answer, always, chat_server, fine, in_turn
from tests.virtual_time import outcome, settled

pytestmark = pytest.mark.anyio

ASKED = ChatRequest((Message("user", "Hi"),), stage="respond")
YES = Completion("yes", "stop", Usage(3, 1))
LOCAL = "http://127.0.0.1:8000/v1"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("openai:gpt-4o", ModelName("openai", "gpt-4o", "https://api.openai.com/v1")),
        ("ollama:llama3:8b", ModelName("ollama", "llama3:8b", "http://127.0.0.1:11434/v1")),
        ("vllm:org/m@rev", ModelName("vllm", "org/m@rev", LOCAL)),
        (
            f"openai:accounts/foo/models/bar@{LOCAL}",
            ModelName("openai", "accounts/foo/models/bar", LOCAL),
        ),
        ("openai:a@http@https://h/v1/", ModelName("openai", "a@http", "https://h/v1")),
        (" vllm:m@HTTP://Host:80/V1 ", ModelName("vllm", "m", "http://host:80/V1")),
        ("vllm:m@http://[::1]:8000", ModelName("vllm", "m", "http://[::1]:8000")),
    ],
)
def test_names(text: str, expected: ModelName) -> None:
    """The provider ends at the first colon, the URL begins at the last @http."""
    assert parse_model(text) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("gpt-4o", "names no provider: write PROVIDER:MODEL"),
        ("opanai:gpt-4o", "did you mean 'openai'\\? \\(known: anthropic, azure, .*, vllm\\)"),
        ("llama.cpp:m", "did you mean 'llamacpp'"),
        ("azure:gpt-4o", "needs the base URL .*: write azure:gpt-4o@https://RESOURCE.openai.azure"),
        ("OpenAI:gpt-4o", "did you mean 'openai'"),
        ("zzz:m", "unknown provider 'zzz' in 'zzz:m' \\(known: "),
        ("openai:", "names no model"),
        ("openai: @http://h/v1", "names no model"),
        ("openai:m@http://", "is not a base URL"),
        ("openai:m@http://h:99999/v1", "is not a base URL"),
        ("openai:m@http://h:x/v1", "is not a base URL"),
        ("openai:m@httpx://h/v1", "is not a base URL"),
        ("openai:m@http://user:hunter2@h/v1", "must not hold a user name or password"),
        ("openai:m@http://h/v1?key=hunter2", "has a query or fragment"),
    ],
)
def test_names_that_do_not_work(text: str, message: str) -> None:
    """Each says what to write instead."""
    with pytest.raises(UsageError, match=message):
        parse_model(text)


def test_names_show_without_their_url() -> None:
    """Events and prices go by provider and model."""
    assert str(parse_model(f"vllm:org/m@{LOCAL}")) == "vllm:org/m"


@pytest.mark.parametrize(
    ("host", "loopback", "private"),
    [
        ("127.0.0.1", True, True),
        ("127.9.9.9", True, True),
        ("::1", True, True),
        ("localhost", True, True),
        ("10.1.2.3", False, True),
        ("192.168.1.1", False, True),
        ("gpu-box", False, True),
        ("gpu.local", False, True),
        ("api.openai.com", False, False),
        ("8.8.8.8", False, False),
        ("127.0.0.1.evil.com", False, False),
        ("localhost.evil.com", False, False),
    ],
)
def test_hosts(host: str, loopback: bool, private: bool) -> None:
    """A host is local by its address or plain name, not by how it begins."""
    assert is_loopback(host) == loopback
    assert is_private(host) == private


KEYS = {"OPENAI_API_KEY": "sk-1", "MY_KEY": "k-2", "TORN": "a\nb", "SPACED": "a b"}


@pytest.mark.parametrize(
    "spec",
    [
        ModelSpec("openai:m"),
        ModelSpec(f"openai:m@{LOCAL}"),
        ModelSpec("openai:m@http://10.0.0.5/v1"),
        ModelSpec("vllm:m@http://gpu-box:8000/v1", api_key_env="MY_KEY"),
        ModelSpec("ollama:m@http://example.com/v1"),
        ModelSpec("openai:m@http://example.com/v1"),
        ModelSpec("litellm:m"),
        ModelSpec("openai:m", extra_body={"top_p": 0.9, "stop": ["x"]}),
    ],
)
def test_sound_specs(spec: ModelSpec) -> None:
    """These can be opened."""
    check_spec(spec, KEYS)


@pytest.mark.parametrize(
    ("spec", "environ", "message"),
    [
        (ModelSpec("openai:m"), {}, "openai:m needs a key: set .* OPENAI_API_KEY"),
        (ModelSpec("openai:m"), {"OPENAI_API_KEY": " "}, "set .* OPENAI_API_KEY"),
        (ModelSpec("openai:m@http://10.0.0.5/v1", api_key_env="MY_KEY"), {}, "set .* MY_KEY"),
        (ModelSpec("azure:m@https://r.openai.azure.com/openai/v1"), {}, "AZURE_OPENAI_API_KEY"),
        (ModelSpec("vllm:m@https://h.com/v1", api_key_env="NONE"), KEYS, "set .* NONE"),
        (ModelSpec("openai:m", api_key_env="TORN"), KEYS, "TORN holds characters"),
        (ModelSpec("openai:m", api_key_env="SPACED"), KEYS, "SPACED holds characters"),
        (
            ModelSpec("openai:m@http://h.com/v1", api_key_env="MY_KEY"),
            KEYS,
            "sent in the clear: use https for h.com",
        ),
        (ModelSpec("openai:m", requests_per_minute=0), KEYS, "requests_per_minute .* more than 0"),
        (ModelSpec("openai:m", tokens_per_minute=-1), KEYS, "tokens_per_minute"),
        (ModelSpec("openai:m", max_in_flight=0), KEYS, "max_in_flight"),
        (ModelSpec("openai:m", timeout_s=float("inf")), KEYS, "timeout_s"),
        (ModelSpec("openai:m", timeout_s=float("nan")), KEYS, "timeout_s"),
        (ModelSpec("openai:m", attempts=0), KEYS, "attempts"),
        (ModelSpec("openai:m", extra_body={"stream": True}), KEYS, "asks for a stream"),
        (ModelSpec("openai:m", extra_body={"x": object()}), KEYS, "extra_body .* is not JSON"),
    ],
)
async def test_specs_that_do_not_work(
    spec: ModelSpec, environ: Mapping[str, str], message: str
) -> None:
    """The reason is said before anything runs, the same by check and by open, and shows no key."""
    with pytest.raises(UsageError, match=message) as caught:
        check_spec(spec, environ)
    assert "k-2" not in str(caught.value)
    async with Models(environ=environ) as models:
        with pytest.raises(UsageError, match=message):
            models.open(spec, MemoryStore())


def test_a_local_server_needs_no_key() -> None:
    """On this machine a missing key is fine."""
    check_spec(ModelSpec(f"openai:m@{LOCAL}"), {})
    check_spec(ModelSpec("openai:m@http://localhost:8000/v1", api_key_env="UNSET"), {})


def test_identity_is_what_decides_an_answer() -> None:
    """The model, where it is, and what is sent with each request; not keys, limits or patience."""
    spec = ModelSpec(f"vllm:m@{LOCAL}", extra_body={"top_p": 0.9})
    assert identity(spec) == {
        "provider": "vllm",
        "model": "m",
        "base_url": LOCAL,
        "extra_body": {"top_p": 0.9},
        "send_seed": False,
    }
    same = replace(
        spec, api_key_env="K", requests_per_minute=9, max_in_flight=1, timeout_s=1, attempts=1
    )
    assert identity(same) == identity(spec)


class Trial:
    """Models over a scripted server, with their events and the waits between attempts."""

    def __init__(self, models: Models, server: Any, events: list[Any], waits: list[float]) -> None:
        self.models, self.server, self.events, self.waits = models, server, events, waits
        self.spec = ModelSpec(f"openai:m@{server.base_url}")
        self.store = MemoryStore()


@asynccontextmanager
async def trial(answer: Answer = fine) -> AsyncIterator[Trial]:
    events: list[Any] = []
    waits: list[float] = []

    async def sleep(seconds: float) -> None:
        waits.append(seconds)

    async with chat_server(answer) as server:
        models = Models(on_event=events.append, environ=KEYS, sleep=sleep)
        async with models:
            yield Trial(models, server, events, waits)


async def test_the_whole_stack() -> None:
    """A call is retried, paid for once, kept, and told."""
    async with trial(in_turn(always(500), always(502), fine)) as t:
        chat = t.models.open(t.spec, t.store)
        assert await chat.complete(ASKED) == YES
        assert await chat.complete(ASKED) == YES
        assert len(t.server.requests) == 3
        assert len(t.waits) == 2
        failed = [PerhapsBilled, Retried]  # what is behind a gateway may have answered
        assert [type(event) for event in t.events] == [*failed, *failed, Answered, Answered]
        assert [event.source for event in t.events[4:]] == ["endpoint", "cache"]
        assert {event.model for event in t.events} == {t.spec.model}


async def test_a_rate_limit_goes_through_the_stack() -> None:
    """The endpoint pauses for the hint, the call is not counted as failed, and gets its answer."""
    slower = always(429, {"error": {"message": "slow"}}, {"retry-after-ms": "1"})
    async with trial(in_turn(slower, fine)) as t:
        assert await t.models.open(replace(t.spec, attempts=1), t.store).complete(ASKED) == YES
        assert [type(event) for event in t.events] == [Paused, Answered]
        (statistics,) = t.models.statistics().values()
        assert statistics.rate_limited == 1
        assert t.waits == []


async def test_attempts_end() -> None:
    """The spec's attempts are made and no more."""
    async with trial(always(503, b"busy")) as t:
        with pytest.raises(ServerError, match=r"HTTP 503: busy \(2 attempts\)"):
            await t.models.open(replace(t.spec, attempts=2), t.store).complete(ASKED)
        assert len(t.server.requests) == 2


async def test_equal_specs_are_one_model() -> None:
    """Equal calls of two roles that use the same model are one call."""
    async with trial() as t:
        strong, judge = t.models.open(t.spec, t.store), t.models.open(replace(t.spec), t.store)
        async with asyncio.TaskGroup() as group:
            for chat in (strong, judge):
                group.create_task(chat.complete(ASKED))
        assert len(t.server.requests) == 1
        assert sorted(event.source for event in t.events) == ["endpoint", "shared"]


async def test_one_endpoint_has_one_limit() -> None:
    """Two specs of one model and key share their places in flight; others have their own."""
    gate = asyncio.Event()
    peak = current = 0

    async def answer(request: web.Request) -> web.StreamResponse:
        nonlocal peak, current
        current += 1
        peak = max(peak, current)
        await gate.wait()
        current -= 1
        return web.json_response(OK)

    async with trial(answer) as t:
        spec = replace(t.spec, max_in_flight=3)
        first = t.models.open(spec, t.store)
        second = t.models.open(replace(spec, extra_body={"top_p": 0.5}), t.store)
        async with asyncio.TaskGroup() as group:
            for draw in range(5):
                asked = ASKED._replace(draw=draw)
                group.create_task(first.complete(asked))
                group.create_task(second.complete(asked))
            await settled()
            (statistics,) = t.models.statistics().values()
            assert (statistics.limits.in_flight, statistics.limits.waiting) == (3, 7)
            gate.set()
        assert peak <= 3
        with pytest.raises(UsageError, match="openai:m@http.* is used with two different limits"):
            t.models.open(replace(spec, max_in_flight=4), t.store)
        t.models.open(
            replace(spec, model=spec.model.replace(":m@", ":n@"), max_in_flight=4), t.store
        )
        assert len(t.models.statistics()) == 2


async def test_draining_stops_all_endpoints() -> None:
    """No call starts any more, on models opened before or after; answers kept are still given."""
    async with trial() as t:
        chat = t.models.open(t.spec, t.store)
        await chat.complete(ASKED)
        t.models.drain(RunStopped("interrupted"))
        assert await chat.complete(ASKED) == YES
        later = t.models.open(replace(t.spec, model=t.spec.model.replace(":m@", ":n@")), t.store)
        for model in (chat, later):
            error = await outcome(model.complete(ASKED._replace(draw=1)))
            assert isinstance(error, RunStopped)
            assert str(error) == "interrupted"
        assert len(t.server.requests) == 1


async def test_reachable() -> None:
    """A listening port is enough; nobody listening is said with the URL."""
    async with chat_server() as server:
        await check_reachable(server.base_url)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}/v1"
        with pytest.raises(UsageError, match=f"no server at {url} \\(.*refused"):
            await check_reachable(url)
