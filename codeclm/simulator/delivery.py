"""How answers go over the wire: as they should, or as faults have it."""

from __future__ import annotations

import socket
import struct
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress
from functools import lru_cache

from aiohttp import web

from codeclm.simulator.reply import Reply

__all__ = ["deliver"]

Sleep = Callable[[float | None], Awaitable[None]]

_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
_TRICKLE_S = 1.0
_MIB = b" " * 1024 * 1024


async def deliver(request: web.BaseRequest, reply: Reply, sleep: Sleep) -> web.StreamResponse:
    """Send ``reply``; a trickle waits with ``sleep``."""
    if reply.delivery in {"reset", "close"}:
        return _hang_up(request, reset=reply.delivery == "reset")
    send = _IN_PARTS.get(reply.delivery)
    if send:
        return await _send_in_parts(request, reply, send(reply, sleep))
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


async def _send_in_parts(
    request: web.BaseRequest, reply: Reply, parts: AsyncIterator[bytes]
) -> web.StreamResponse:
    headers = {**reply.headers, "Content-Type": reply.content_type}
    if reply.delivery != "huge":
        headers["Content-Length"] = str(len(reply.body))
    response = web.StreamResponse(status=reply.status, headers=headers)
    if reply.delivery == "huge":
        response.enable_chunked_encoding()
    # Clients are meant to go away in the middle.
    with suppress(ConnectionError):
        await response.prepare(request)
        async for part in parts:
            await response.write(part)
    if reply.delivery == "cut" and request.transport:
        request.transport.close()
    return response


async def _half(reply: Reply, sleep: Sleep) -> AsyncIterator[bytes]:
    """Less than Content-Length promises."""
    yield reply.body[: len(reply.body) // 2]


async def _bytes_slowly(reply: Reply, sleep: Sleep) -> AsyncIterator[bytes]:
    for byte in range(len(reply.body)):
        yield reply.body[byte : byte + 1]
        await sleep(_TRICKLE_S)


async def _blanks_first(reply: Reply, sleep: Sleep) -> AsyncIterator[bytes]:
    """In chunks, so that no Content-Length warns the client."""
    for _ in range(reply.blank_mib):
        yield _MIB
    yield reply.body


_IN_PARTS = {"cut": _half, "trickle": _bytes_slowly, "huge": _blanks_first}


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
