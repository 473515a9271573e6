"""How answers go over the wire: as they should, or as faults have it."""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import Awaitable, Callable
from functools import lru_cache

from aiohttp import web

from codeclm.simulator.reply import Reply

__all__ = ["deliver"]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TRICKLE_S = 1.0
_MIB = b" " * 1024 * 1024


async def deliver(
    request: web.BaseRequest, reply: Reply, sleep: Callable[[float | None], Awaitable[None]]
) -> web.StreamResponse:
    """Send ``reply``; a trickle waits with ``sleep``."""
    match reply.delivery:
        case "reset" | "close":
            return _hang_up(request, reset=reply.delivery == "reset")
        case "cut":
            return await _send_half(request, reply)
        case "trickle":
            return await _send_slowly(request, reply, sleep)
        case "huge":
            return await _send_blanks(request, reply)
    body, headers = reply.body, reply.headers
    if reply.delivery == "bomb":
        # Blanks before a JSON value are part of it, so a client that unpacks all finds a good answer.
        body, headers = _packed(reply.blank_mib, body), {**headers, "Content-Encoding": "gzip"}
    return web.Response(
        status=reply.status, body=body, content_type=reply.content_type, headers=headers
    )


def _hang_up(request: web.BaseRequest, *, reset: bool) -> web.StreamResponse:
    """Close the connection before a byte; with ``reset`` so that the client's kernel reports one."""
    if request.transport:
        connection = request.transport.get_extra_info("socket")
        if reset and connection is not None:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
        request.transport.abort()
    return web.Response()


async def _begin(request: web.BaseRequest, reply: Reply, length: int) -> web.StreamResponse:
    headers = {
        **reply.headers,
        "Content-Length": str(length),
        "Content-Type": reply.content_type,
    }
    response = web.StreamResponse(status=reply.status, headers=headers)
    await response.prepare(request)
    return response


async def _send_half(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """Promise the whole body, send its first half, close."""
    response = await _begin(request, reply, len(reply.body))
    await response.write(reply.body[: len(reply.body) // 2])
    if request.transport:
        request.transport.close()
    return response


async def _send_slowly(
    request: web.BaseRequest, reply: Reply, sleep: Callable[[float | None], Awaitable[None]]
) -> web.StreamResponse:
    response = await _begin(request, reply, len(reply.body))
    for byte in range(len(reply.body)):
        await response.write(reply.body[byte : byte + 1])
        await sleep(_TRICKLE_S)
    return response


async def _send_blanks(request: web.BaseRequest, reply: Reply) -> web.StreamResponse:
    """In chunks, so that no Content-Length warns the client."""
    headers = {**reply.headers, "Content-Type": reply.content_type}
    response = web.StreamResponse(status=reply.status, headers=headers)
    response.enable_chunked_encoding()
    await response.prepare(request)
    for _ in range(reply.blank_mib):
        await response.write(_MIB)
    await response.write(reply.body)
    return response


def _packed(mib: int, body: bytes) -> bytes:
    """``body`` behind so many MiB of blanks, as gzip."""
    return _packed_blanks(mib) + _gzip([body])


@lru_cache(maxsize=4)
def _packed_blanks(mib: int) -> bytes:
    return _gzip([_MIB] * mib)


def _gzip(chunks: list[bytes]) -> bytes:
    """A gzip member; members may follow one another."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    return b"".join([*(packer.compress(chunk) for chunk in chunks), packer.flush()])
