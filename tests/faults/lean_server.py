"""A chat completion server that costs next to nothing, in a process of its own: what is measured is the client.

``hold``: the first so many calls are answered only when all of them are there, then ``pace`` a
second. With ``certificate``, a PEM file that holds the key too, it speaks TLS. It ends when its standard input does.
"""

from __future__ import annotations

import asyncio
import json
import resource
import ssl
import sys
from asyncio.subprocess import PIPE
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

import uvloop

BODY = (
    b'{"choices":[{"message":{"content":"yes"}}],"usage":{"prompt_tokens":3,"completion_tokens":1}}'
)
ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(BODY), BODY)
TOGETHER = 10


class Connection(asyncio.Protocol):
    """One connection: answers each request, in order."""

    def __init__(self, held: list[asyncio.Transport], hold: int, pace: float) -> None:
        self._held, self._hold, self._pace = held, hold, pace
        self._read = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        self._read += data
        while (end := self._read.find(b"\r\n\r\n")) >= 0:
            head = self._read[:end].lower()
            size = int(head.partition(b"content-length:")[2].split(b"\r\n")[0])
            if len(self._read) < end + 4 + size:
                return
            self._read = self._read[end + 4 + size :]
            self._answer()

    def _answer(self) -> None:
        if len(self._held) < self._hold:
            self._held.append(self._transport)
            if len(self._held) == self._hold:
                self._release(0)
        else:
            self._transport.write(ANSWER)

    def _release(self, first: int) -> None:
        for transport in self._held[first : first + TOGETHER]:
            transport.write(ANSWER)
        if first + TOGETHER < self._hold:
            pause_s = TOGETHER / self._pace
            asyncio.get_running_loop().call_later(pause_s, self._release, first + TOGETHER)


async def serve(hold: int, pace: float, certificate: str) -> None:
    context = None
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
    held: list[asyncio.Transport] = []
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Connection(held, hold, pace), "127.0.0.1", 0, backlog=4096, ssl=context
    )
    port = server.sockets[0].getsockname()[1]
    print(f"http{'s' if context else ''}://127.0.0.1:{port}/v1", flush=True)
    await asyncio.to_thread(sys.stdin.read)


@asynccontextmanager
async def lean_server(
    hold: int = 0, pace: float = 1_000, certificate: Path | None = None
) -> AsyncIterator[str]:
    """The server's base URL, while the block lasts."""
    options = json.dumps({"hold": hold, "pace": pace, "certificate": str(certificate or "")})
    command = [sys.executable, "-m", "tests.faults.lean_server", options]
    child = await asyncio.create_subprocess_exec(*command, stdin=PIPE, stdout=PIPE)
    assert child.stdin is not None
    assert child.stdout is not None
    try:
        yield (await child.stdout.readline()).decode().strip()
    finally:
        child.stdin.close()
        await child.wait()


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    uvloop.run(serve(**json.loads(sys.argv[1])))
