"""One call to one endpoint, over real HTTP: fields that are refused, and what is told of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from codeclm.errors import CodecLMError, EndpointRefused, ParameterRefused, ServerError
from codeclm.llm.anthropic import ANTHROPIC
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.chat import ChatRequest, Completion, Message
from codeclm.llm.dialect import Dialect
from codeclm.llm.direct import ChatApi, DirectModel
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import Post, open_session
from codeclm.llm.openai import OPENAI
from codeclm.llm.providers import Models
from codeclm.llm.secret import Secret
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import MemoryStore
from tests.chat_server import OK, Answer, always, chat_server, fine, in_turn
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio

KEY = "canary-0123456789"
ASKED = ChatRequest((Message("user", "Hi"),), temperature=0.0, max_tokens=20)


def refusing(*parameters: str) -> Answer:
    """A server that takes none of these fields, and names the first one that it finds."""

    async def answer(request: web.Request) -> web.StreamResponse:
        body = await request.json()
        for name in parameters:
            if name in body:
                return await always(400, {"error": {"param": name, "message": KEY}})(request)
        return web.json_response({**OK, "content": [{"text": "yes"}]})

    return answer


def reading(api: ChatApi) -> ChatApi:
    """``api``, where a refusal of a field is known by the simplest of its shapes."""

    def read(status: int, headers: Mapping[str, str], body: bytes, **named: Any) -> Completion:
        if status == 400:
            complaint = orjson.loads(body)["error"]
            raise ParameterRefused(named["redact"](complaint["message"]), complaint["param"])
        return api.read(status, headers, body, **named)

    return replace(api, read=read)


@asynccontextmanager
async def chat(
    base_url: str, dialect: Dialect, api: ChatApi = OPENAI, **options: Any
) -> AsyncIterator[DirectModel]:
    async with open_session() as session:
        post = Post(session, base_url, api.path, key=Secret(KEY))
        endpoint = Endpoint(base_url, "m", "EXAMPLE_API_KEY")
        yield DirectModel(post, endpoint, reading(api), dialect, key=Secret(KEY), **options)


async def asked_again(model: DirectModel, request: ChatRequest = ASKED) -> tuple[Completion, int]:
    """The answer, and how often it was refused before."""
    for refusals in range(9):
        try:
            return await model.complete(request), refusals
        except ParameterRefused:
            pass
    raise AssertionError("it learns nothing")


@pytest.mark.parametrize(
    ("refused", "body", "learnt"),
    [
        ((), {"temperature": 0.0, "max_tokens": 20}, ()),
        (
            ("max_tokens",),
            {"temperature": 0.0, "max_completion_tokens": 20},
            ("max_tokens sent as max_completion_tokens",),
        ),
        (("temperature",), {"max_tokens": 20}, ("temperature left out",)),
        (
            ("temperature", "max_tokens"),
            {"max_completion_tokens": 20},
            ("temperature left out", "max_tokens sent as max_completion_tokens"),
        ),
    ],
)
async def test_a_refused_field_is_asked_for_once(
    refused: tuple[str, ...], body: dict[str, object], learnt: tuple[str, ...]
) -> None:
    """One refusal for each field, none for any later call, and what was learnt is told."""
    dialect = Dialect()
    async with chat_server(refusing(*refused)) as server, chat(server.base_url, dialect) as model:
        assert [(await asked_again(model))[1] for _ in range(3)] == [len(refused), 0, 0]
    assert server.requests[-1].body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        **body,
    }
    assert dialect.learnt() == learnt


async def test_calls_under_way_are_refused_once_each() -> None:
    """Sixty-four calls at once: each is asked twice at most, and the lesson is one."""
    dialect = Dialect()
    async with (
        chat_server(refusing("max_tokens")) as server,
        chat(server.base_url, dialect) as model,
        asyncio.TaskGroup() as group,
    ):
        for draw in range(64):
            group.create_task(asked_again(model, ASKED._replace(draw=draw)))
    assert 65 <= len(server.requests) <= 128
    assert len(dialect.learnt()) == 1


@pytest.mark.parametrize(
    ("api", "refused", "named"),
    [
        (OPENAI, ("messages",), "messages"),
        (OPENAI, ("max_tokens", "max_completion_tokens"), "max_completion_tokens"),
        (ANTHROPIC, ("max_tokens",), "max_tokens"),
    ],
)
async def test_what_cannot_be_done_without_stops_the_run(
    api: ChatApi, refused: tuple[str, ...], named: str
) -> None:
    """Every call would fail: one clear line says which field, of which model, and where."""
    dialect = Dialect(needed=api.needed)
    async with (
        chat_server(refusing(*refused)) as server,
        chat(server.base_url, dialect, api) as model,
    ):
        error = await outcome(asked_again(model))
    assert isinstance(error, EndpointRefused)
    assert f"{server.base_url} does not take '{named}' for m, and nothing" in str(error)
    assert KEY not in str(error)
    assert error.__traceback__ is None or KEY not in repr(error.__traceback__.tb_frame.f_locals)
    assert error.__cause__ is error.__context__ is None


@pytest.mark.parametrize(
    ("status", "body", "later"),
    [
        (404, b"<html><title>404 Not Found</title></html>", ServerError),
        (404, b"", ServerError),
        (404, b"404 page not found", ServerError),
        (405, b" ", ServerError),
        (404, b'{"error": {"code": "model_not_found"}}', EndpointRefused),
        (410, b"", EndpointRefused),
    ],
)
async def test_a_gateways_page_is_no_end(status: int, body: bytes, later: type[Exception]) -> None:
    """At first no such place is a wrong URL; where an API has answered it is a mishap, if no API says it."""
    answer = in_turn(always(status, body), fine, always(status, body))
    async with chat_server(answer) as server, chat(server.base_url, Dialect()) as model:
        outcomes = [await outcome(model.complete(ASKED)) for _ in range(3)]
    assert [type(each) for each in outcomes] == [EndpointRefused, Completion, later]


async def test_a_field_of_the_users_own_can_be_refused() -> None:
    """What extra_body adds is left out as well, and told."""
    dialect = Dialect()
    async with (
        chat_server(refusing("top_k")) as server,
        chat(server.base_url, dialect, extra_body={"top_k": 5, "stream": True}) as model,
    ):
        assert (await asked_again(model))[1] == 1
    assert dialect.learnt() == ("top_k left out",)
    assert all("stream" not in each.body for each in server.requests)


async def test_models_tell_what_was_learnt() -> None:
    """For each endpoint that was opened; nothing, as a rule."""
    async with chat_server() as server, Models() as models:
        await models.open(ModelSpec(f"vllm:m@{server.base_url}"), MemoryStore()).complete(ASKED)
        assert models.learnt() == {Endpoint(server.base_url, "m"): ()}


@pytest.mark.parametrize("provider", ["openai", "anthropic", "azure"])
async def test_a_missing_key_names_the_way_to_give_one(provider: str) -> None:
    """A key that is not sent to another's host: the refusal says how to have it sent."""
    own = PROVIDERS[provider].api_key_env or ""
    refused = always(401, {"error": {"message": "who are you?", "type": "authentication_error"}})
    async with chat_server(refused) as server, Models(environ={own: KEY}) as models:
        spec = ModelSpec(f"{provider}:m@{server.base_url}", attempts=1)
        error = await outcome(models.open(spec, MemoryStore()).complete(ASKED))
    assert isinstance(error, CodecLMError)
    assert "api_key_env" in str(error)
    assert all(KEY not in repr(each.headers) for each in server.requests)
