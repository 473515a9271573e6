"""The simulated world behind a real HTTP server on the loopback interface, in the APIs of two providers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from contextlib import suppress
from ipaddress import ip_address
from types import TracebackType
from typing import Any, Self
from weakref import WeakSet

from aiohttp import web

from codeclm.errors import UsageError
from codeclm.simulator.anthropic_wire import AnthropicWire
from codeclm.simulator.call_log import CallLog
from codeclm.simulator.delivery import deliver
from codeclm.simulator.dialect import Dialect
from codeclm.simulator.endpoint import Endpoint
from codeclm.simulator.listener import Listener
from codeclm.simulator.openai_wire import OpenAIWire
from codeclm.simulator.options import ServerOptions
from codeclm.simulator.reply import Reply, json_reply
from codeclm.simulator.world import World

__all__ = ["ServerOptions", "SimulatorServer"]

_SHUTDOWN_TIMEOUT_S = 1.0
_LOOK_EVERY_S = 0.01

OPENAI = OpenAIWire()
ANTHROPIC = AnthropicWire()
_CHATS: dict[str, Dialect] = {
    "/chat/completions": OPENAI,
    "/messages": ANTHROPIC,
}
_PAGES = frozenset({"/models", "/health", "/stats"})


class SimulatorServer:
    """Serves ``world`` at ``base_url`` while its ``async with`` block runs.

    ``port`` 0 takes a free one. ``log`` counts what was asked and answered. Raises UsageError for a host
    that is not loopback and, on entering, for an address that cannot be bound.
    """

    def __init__(
        self,
        world: World,
        options: ServerOptions | None = None,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
        wall_clock: Callable[[], float] = time.time,
    ) -> None:
        if not _is_loopback(host):
            raise UsageError(f"the simulator serves loopback addresses only, not {host!r}")
        options = options or ServerOptions()
        self._endpoint = Endpoint(world, options, clock, wall_clock)
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._outages = options.faults.windows("outage:refuse")
        self._watch = asyncio.TaskGroup()
        self._watching: asyncio.Task[None] | None = None
        self._used: WeakSet[Any] = WeakSet()

    @property
    def log(self) -> CallLog:
        """What the server has seen so far."""
        return self._endpoint.log

    @property
    def base_url(self) -> str:
        """Where clients find the API, up to and including "/v1"."""
        host = f"[{self._host}]" if ":" in self._host else self._host
        return f"http://{host}:{self._port}/v1"

    async def __aenter__(self) -> Self:
        server = web.Server(self._handle, handler_cancellation=True, access_log=None)
        runner = web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_TIMEOUT_S)
        await runner.setup()
        listener = Listener(runner, self._host, self._port)
        try:
            await listener.open()
        except UsageError:
            await runner.cleanup()
            raise
        self._port, self._runner = listener.port, runner
        if self._outages:
            await self._watch.__aenter__()
            self._watching = self._watch.create_task(self._keep_outages(listener), name="outages")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._endpoint.close()
        if self._watching:
            self._watching.cancel()
            await self._watch.__aexit__(None, None, None)
        if self._runner:
            await self._runner.cleanup()

    async def _keep_outages(self, listener: Listener) -> None:
        """Listen except in outages. It looks again and again, as nobody tells when the clock goes on."""
        while True:
            second = self._endpoint.second()
            if self._endpoint.is_started and any(a <= second < b for a, b in self._outages):
                await listener.close()
            else:
                with suppress(UsageError):
                    await listener.open()
            await asyncio.sleep(_LOOK_EVERY_S)

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        return await deliver(request, await self._route(request), self._endpoint.sleep)

    async def _route(self, request: web.BaseRequest) -> Reply:
        path = request.path.removeprefix("/v1")
        dialect = _CHATS.get(path)
        method = "POST" if dialect else "GET"
        if dialect is None and path not in _PAGES:
            return OPENAI.error(404, f"Invalid URL ({request.method} {request.path[:200]})")
        if request.method != method:
            message = f"Not allowed to {request.method} on {request.path}"
            return OPENAI.error(405, message, headers={"Allow": method})
        if dialect:
            return await self._chat(request, dialect)
        if path == "/models":
            asked_by = ANTHROPIC if "x-api-key" in request.headers else OPENAI
            return self._endpoint.models(asked_by, request.headers)
        return json_reply({"status": "ok"} if path == "/health" else self.log.as_dict())

    async def _chat(self, request: web.BaseRequest, dialect: Dialect) -> Reply:
        try:
            body = await request.read()
        except web.HTTPRequestEntityTooLarge:
            return dialect.error(413, "The body of your request is too large.")
        reused = self._mark_used(request.transport)
        return await self._endpoint.chat(dialect, body, request.headers, reused=reused)

    def _mark_used(self, connection: object) -> bool:
        """Whether the connection was used before."""
        known = connection in self._used
        if connection is not None and not known:
            self._used.add(connection)
        return known


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
