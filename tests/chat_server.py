"""A chat completion server on loopback that answers as a test says, byte for byte where needed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import orjson
from aiohttp import web

OK = {
    "choices": [{"message": {"role": "assistant", "content": "yes"}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 1},
}


@dataclass
class Received:
    """What one request brought."""

    headers: dict[str, str]
    body: dict[str, object]
    path: str = ""


@dataclass
class ChatServer:
    """``base_url`` is what a client is given; ``requests`` what it has sent so far."""

    base_url: str
    requests: list[Received] = field(default_factory=list)


Answer = Callable[[web.Request], Awaitable[web.StreamResponse]]


async def fine(request: web.Request) -> web.StreamResponse:
    """The usual answer."""
    return web.json_response(OK)


def always(status: int, body: object = b"", headers: dict[str, str] | None = None) -> Answer:
    """The same answer to everything."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)

    async def answer(request: web.Request) -> web.StreamResponse:
        return web.Response(status=status, body=raw, headers=headers)

    return answer


def in_turn(*answers: Answer) -> Answer:
    """One answer after the other; the last one again and again."""
    left = list(answers)

    async def answer(request: web.Request) -> web.StreamResponse:
        return await (left.pop(0) if len(left) > 1 else left[0])(request)

    return answer


@asynccontextmanager
async def chat_server(answer: Answer = fine) -> AsyncIterator[ChatServer]:
    """Serve ``answer`` to whatever is posted."""
    server = ChatServer("")

    async def handle(request: web.Request) -> web.StreamResponse:
        server.requests.append(Received(dict(request.headers), await request.json(), request.path))
        return await answer(request)

    app = web.Application()
    app.router.add_post("/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    server.base_url = f"http://{host}:{port}/v1"
    try:
        yield server
    finally:
        await runner.cleanup()


Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def raw_server(talk: Talk) -> AsyncIterator[ChatServer]:
    """Serve each connection by ``talk``, which may do what no HTTP server does."""

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    host, port = server.sockets[0].getsockname()[:2]
    async with server:
        yield ChatServer(f"http://{host}:{port}/v1")


async def read_request(reader: asyncio.StreamReader) -> bytes:
    """One whole request from the connection."""
    head = await reader.readuntil(b"\r\n\r\n")
    length = head.lower().partition(b"content-length:")[2].split(b"\r\n")[0]
    return head + await reader.readexactly(int(length))


def written(body: object = OK, *headers: str) -> bytes:
    """A whole 200 answer."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    lines = ["HTTP/1.1 200 OK", f"Content-Length: {len(raw)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + raw
