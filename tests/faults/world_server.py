"""The simulated world over HTTP, with a test in between that may answer, delay or drop what it likes."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import orjson
from aiohttp import web

from codeclm.simulator import ServerOptions, World
from codeclm.simulator.endpoint import Endpoint
from codeclm.simulator.openai_wire import OpenAIWire

__all__ = ["Asked", "WorldServer", "world_server"]

LARGEST_BODY = 64 * 2**20


OPENAI = OpenAIWire()


@dataclass(frozen=True, slots=True)
class Asked:
    """One request: its bytes, and the text of its last message."""

    body: bytes
    headers: dict[str, str]

    @property
    def text(self) -> str:
        asked: dict[str, Any] = orjson.loads(self.body)
        return str(asked["messages"][-1]["content"])


@dataclass
class WorldServer:
    """``asked`` is all that came, ``answered`` counts equal requests that the world answered."""

    base_url: str = ""
    asked: list[Asked] = field(default_factory=list)
    answered: Counter[bytes] = field(default_factory=Counter)

    @property
    def paid_again(self) -> int:
        return self.answered.total() - len(self.answered)


Between = Callable[[Asked], Awaitable[web.StreamResponse | None]]


async def _nothing(asked: Asked) -> None:
    """Let the world answer."""


@asynccontextmanager
async def world_server(
    between: Between = _nothing,
    options: ServerOptions | None = None,
    alter: Callable[[str], str] = lambda text: text,
) -> AsyncIterator[WorldServer]:
    """``between`` may give the answer in the world's place; ``alter`` changes the text of what the world says."""
    server = WorldServer()
    world = Endpoint(World(), options or ServerOptions(), time.monotonic, time.time)

    async def handle(request: web.Request) -> web.StreamResponse:
        asked = Asked(await request.read(), dict(request.headers))
        server.asked.append(asked)
        own = await between(asked)
        if own is not None:
            return own
        reply = await world.chat(OPENAI, asked.body, asked.headers)
        server.answered[asked.body] += 1
        body = _altered(reply.body, alter) if reply.status == 200 else reply.body
        return web.Response(status=reply.status, body=body, content_type=reply.content_type)

    app = web.Application(client_max_size=LARGEST_BODY)
    app.router.add_route("*", "/{path:.*}", handle)
    runner = web.AppRunner(app, shutdown_timeout=0.1, handler_cancellation=True, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        server.base_url = f"http://127.0.0.1:{runner.addresses[0][1]}/v1"
        yield server
    finally:
        world.close()
        await runner.cleanup()


async def never(asked: Asked) -> None:
    """No answer, ever."""
    await asyncio.Event().wait()


def _altered(body: bytes, alter: Callable[[str], str]) -> bytes:
    answer = orjson.loads(body)
    message = answer["choices"][0]["message"]
    message["content"] = alter(message["content"])
    return orjson.dumps(answer)
