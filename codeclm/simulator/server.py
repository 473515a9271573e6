"""The simulated world behind a real OpenAI-compatible HTTP server on the loopback interface."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Awaitable, Callable
from ipaddress import ip_address
from types import TracebackType
from typing import Self

from aiohttp import web

from codeclm.errors import UsageError
from codeclm.simulator import wire
from codeclm.simulator.call_log import CallLog
from codeclm.simulator.endpoint import Endpoint
from codeclm.simulator.options import ServerOptions
from codeclm.simulator.wire import Reply
from codeclm.simulator.world import World

__all__ = ["ServerOptions", "SimulatorServer"]

_BACKLOG = 4096
_SHUTDOWN_TIMEOUT_S = 1.0
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)

_Route = tuple[str, Callable[[web.BaseRequest], Awaitable[Reply]]]


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
        self._endpoint = Endpoint(world, options or ServerOptions(), clock, wall_clock)
        self._host = "127.0.0.1" if host == "localhost" else host
        self._port = port
        self._runner: web.ServerRunner | None = None
        self._routes: dict[str, _Route] = {
            "/v1/chat/completions": ("POST", self._chat),
            "/chat/completions": ("POST", self._chat),
            "/v1/models": ("GET", self._models),
            "/models": ("GET", self._models),
            "/health": ("GET", self._health),
            "/stats": ("GET", self._stats),
        }

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
        site = web.TCPSite(runner, self._host, self._port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            await runner.cleanup()
            reason = error.strerror or "address in use"
            raise UsageError(f"cannot serve on {self._host}:{self._port}: {reason}") from error
        self._port = runner.addresses[0][1]
        self._runner = runner
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._endpoint.close()
        if self._runner:
            await self._runner.cleanup()

    async def _handle(self, request: web.BaseRequest) -> web.StreamResponse:
        try:
            reply = await self._route(request)
        except web.HTTPRequestEntityTooLarge:
            reply = wire.error(413, "The body of your request is too large.")
        if reply.delivery == "reset":
            return _reset(request)
        if reply.delivery == "cut":
            return await _send_half(request, reply)
        return web.Response(
            status=reply.status,
            body=reply.body,
            content_type=reply.content_type,
            headers=reply.headers,
        )

    async def _route(self, request: web.BaseRequest) -> Reply:
        method, answer = self._routes.get(request.path, ("", None))
        if answer is None:
            return wire.error(404, f"Invalid URL ({request.method} {request.path[:200]})")
        if request.method != method:
            message = f"Not allowed to {request.method} on {request.path}"
            return wire.error(405, message, headers={"Allow": method})
        return await answer(request)

    async def _chat(self, request: web.BaseRequest) -> Reply:
        return await self._endpoint.chat(await request.read(), request.headers.get("Authorization"))

    async def _models(self, request: web.BaseRequest) -> Reply:
        return self._endpoint.models(request.headers.get("Authorization"))

    async def _health(self, request: web.BaseRequest) -> Reply:
        return wire.json_reply({"status": "ok"})

    async def _stats(self, request: web.BaseRequest) -> Reply:
        return wire.json_reply(self.log.as_dict())


def _reset(request: web.BaseRequest) -> web.StreamResponse:
    """Close the connection so that the client's kernel reports a reset."""
    if request.transport:
        connection = request.transport.get_extra_info("socket")
        if connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


async def _send_half(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Promise the whole body, send its first half, close."""
    headers = {"Content-Length": str(len(reply.body)), "Content-Type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport:
        request.transport.close()
    return response


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False
