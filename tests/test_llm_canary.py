"""A key appears nowhere: not in errors of any kind, nor in events, nor in the files of the cache."""

from __future__ import annotations

import asyncio
import traceback
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web

from codeclm.errors import CodecLMError
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import AnswerStore
from tests.chat_server import (
    OK,
    Answer,
    Talk,
    always,
    chat_server,
    raw_server,
    read_request,
    written,
)
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio

CANARY = "CanaryKey-7f3a9b51c2"
ENVIRON = {"MY_KEY": CANARY}
PARTS = (CANARY, CANARY[:12], CANARY[-12:])


def shown(error: BaseException) -> Iterator[str]:
    """All that a log, a report or a debugger would show of ``error`` and what led to it."""
    seen: set[int] = set()
    left: list[BaseException | None] = [error]
    while left:
        each = left.pop()
        if each is None or id(each) in seen:
            continue
        seen.add(id(each))
        yield from (str(each), repr(each), repr(vars(each)), repr(each.args))
        yield from traceback.format_exception(each)
        for frame, _ in traceback.walk_tb(each.__traceback__):
            if frame.f_code.co_filename != __file__:
                yield from (repr(value) for value in frame.f_locals.values())
        left += [each.__cause__, each.__context__]


def echo(status: int, text: str) -> Answer:
    """An error answer that repeats the request's headers."""

    async def answer(request: web.Request) -> web.StreamResponse:
        headers = "; ".join(f"{name}: {value}" for name, value in request.headers.items())
        return web.Response(status=status, text=text.replace("HEADERS", headers))

    return answer


ANSWERS: dict[str, Answer] = {
    "401": echo(401, '{"error": {"message": "bad key: HEADERS", "code": "invalid_api_key"}}'),
    "401 text": echo(401, "HEADERS"),
    "403": echo(403, '{"detail": "HEADERS"}'),
    "404": echo(404, '{"error": "HEADERS"}'),
    "400": echo(400, '{"object": "error", "message": "HEADERS"}'),
    "422": echo(422, '{"detail": [{"loc": ["HEADERS"], "msg": "HEADERS"}]}'),
    "402": echo(402, "HEADERS"),
    "429": echo(429, '{"error": {"message": "HEADERS", "type": "insufficient_quota"}}'),
    "500": echo(500, "<html><title>HEADERS</title></html>"),
    "200 with an error": echo(200, '{"error": {"code": 400, "message": "HEADERS"}}'),
    "200 not JSON": echo(200, "HEADERS"),
    "200 no choices": echo(200, '{"HEADERS": 1}'),
    "200 empty": echo(200, '{"choices": [{"message": {"content": ""}}], "x": "HEADERS"}'),
    "redirect": always(302, b"", {"Location": "http://127.0.0.1:1/elsewhere"}),
    "parameter": echo(
        400,
        '{"error": {"message": "HEADERS", "code": "unsupported_parameter", "param": "messages"}}',
    ),
    "too large": always(200, b" " * 2**20 * 17),
    "gzip": always(200, b"rubbish", {"Content-Encoding": "gzip"}),
}


async def hang_up(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)


async def cut(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(written()[:-9])
    await read_request(reader)


async def no_http(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/9 " + await read_request(reader))


async def stay_silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def fail_when_kept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    writer.write(written().replace(b"200 OK", b"500 No"))
    await read_request(reader)


TALKS: dict[str, Talk] = {
    "hang up": hang_up,
    "cut": cut,
    "fail, and hang up when used again": fail_when_kept,
    "no HTTP": no_http,
    "silence": stay_silent,
}


HEADERS = {
    "anthropic": ("x-api-key", CANARY),
    "azure": ("api-key", CANARY),
    "openai": ("Authorization", f"Bearer {CANARY}"),
}


async def fail(base_url: str, directory: Path, provider: str = "openai") -> None:
    """Make a call that fails, and look for the key in everything that comes of it."""
    events: list[object] = []

    async def sleep(seconds: float) -> None:
        await asyncio.sleep(0)

    asked = ChatRequest((Message("user", "Hi"),))
    spec = ModelSpec(f"{provider}:m@{base_url}", "MY_KEY", attempts=2, timeout_s=0.3)
    async with (
        AnswerStore(directory, events.append) as store,
        Models(on_event=events.append, environ=ENVIRON, sleep=sleep) as models,
    ):
        model = models.open(spec, store)
        error = await outcome(model.complete(asked))
        assert isinstance(error, CodecLMError)
        texts = [*shown(error), *map(repr, events), repr(model), repr(models), repr(spec)]
    texts += [path.read_bytes().decode("latin-1") for path in directory.iterdir()]
    for text in texts:
        assert not [part for part in PARTS if part in text], text


SENT = [("openai", name) for name in ANSWERS]
SENT += [(other, name) for other in ("anthropic", "azure") for name in ("401", "400", "200 empty")]


@pytest.mark.parametrize(("provider", "name"), SENT)
async def test_answers_that_echo_the_key(provider: str, name: str, tmp_path: Path) -> None:
    """A server that repeats all headers in its error does not get the key into ours."""
    async with chat_server(ANSWERS[name]) as server:
        await fail(server.base_url, tmp_path / "cache", provider)
        header, value = HEADERS[provider]
        assert server.requests[0].headers[header] == value


@pytest.mark.parametrize("name", TALKS)
async def test_connections_that_fail(name: str, tmp_path: Path) -> None:
    """Errors of the network layers, which hold the headers, stay behind."""
    async with raw_server(TALKS[name]) as server:
        await fail(server.base_url, tmp_path / "cache")


async def test_nobody_there(tmp_path: Path) -> None:
    """Nor does a refused connection show it."""
    async with chat_server() as server:
        url = server.base_url
    await fail(url, tmp_path / "cache")


async def test_a_call_that_works(tmp_path: Path) -> None:
    """What is kept of an answer is without the key."""
    asked = ChatRequest((Message("user", "Hi"),))
    async with (
        chat_server(always(200, OK)) as server,
        AnswerStore(tmp_path / "cache") as store,
        Models(environ=ENVIRON) as models,
    ):
        spec = ModelSpec(f"openai:m@{server.base_url}", api_key_env="MY_KEY")
        await models.open(spec, store).complete(asked)
        assert server.requests[0].headers["Authorization"] == f"Bearer {CANARY}"
        kept = b"".join(path.read_bytes() for path in (tmp_path / "cache").iterdir())
    assert b"yes" in kept
    assert CANARY.encode() not in kept
