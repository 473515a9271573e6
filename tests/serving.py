"""What tests of the simulated server share: a server, a client, and requests to it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from io import BytesIO
from typing import Any

import aiohttp
import orjson

from codeclm.simulator import Faults, ServerOptions, SimulatorServer, World

ASKED = {"model": "sim-strong", "messages": [{"role": "user", "content": "Explain bread."}]}


@asynccontextmanager
async def serving(
    options: ServerOptions | None = None, **arguments: Any
) -> AsyncIterator[tuple[SimulatorServer, aiohttp.ClientSession]]:
    """A server and a client that holds no connection back."""
    async with (
        SimulatorServer(World(0), options, **arguments) as server,
        aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as client,
    ):
        yield server, client


def with_faults(text: str, **options: Any) -> ServerOptions:
    return ServerOptions(faults=Faults.parse(text), **options)


async def post(
    server: SimulatorServer,
    client: aiohttp.ClientSession,
    fields: object = None,
    key: str | None = None,
) -> tuple[int, Any, Mapping[str, str]]:
    """Status, JSON body and headers of the answer to a chat request."""
    body = BytesIO(fields if isinstance(fields, bytes) else orjson.dumps(fields or ASKED))
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{server.base_url}/chat/completions"
    async with client.post(url, data=body, headers=headers) as response:
        return response.status, orjson.loads(await response.read()), response.headers.copy()


async def get(server: SimulatorServer, client: aiohttp.ClientSession, path: str) -> Any:
    async with client.get(server.base_url.removesuffix("/v1") + path) as response:
        assert response.status == 200
        return orjson.loads(await response.read())


async def in_flight(server: SimulatorServer, count: int) -> None:
    """Return when ``count`` requests are in flight."""
    while server.log.in_flight < count:
        await asyncio.sleep(0)
