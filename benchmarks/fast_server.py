"""An OpenAI-compatible endpoint far faster than any client, run by ``endpoint`` in a process of its own.

``GET /stats`` tells how many requests came, and how many were equal to an earlier one. It ends when its standard
input does.
"""

from __future__ import annotations

import asyncio
import gc
import json
import resource
import sys
from functools import partial
from typing import cast

import uvloop

from benchmarks.answers import NOT_FOUND, answer_to, http

MASK = (1 << 64) - 1
GOLDEN = 0.6180339887498949


class Counts:
    """What came so far. ``hash`` is a function of the bytes alone where PYTHONHASHSEED is fixed."""

    def __init__(self) -> None:
        self.requests = self.repeated = 0
        self._seen: set[int] = set()

    def take(self, body: bytes) -> int:
        """Count a request; its mark."""
        mark = hash(body) & MASK
        self.requests += 1
        if mark in self._seen:
            self.repeated += 1
        else:
            self._seen.add(mark)
        return mark

    def told(self) -> bytes:
        """The answer to ``GET /stats``."""
        return http(json.dumps({"requests": self.requests, "repeated": self.repeated}).encode())


class Connection(asyncio.Protocol):
    """One connection: answers each request after ``latency_s``, spread evenly by the share ``jitter`` around it."""

    def __init__(self, counts: Counts, latency_s: float, jitter: float) -> None:
        self._counts, self._latency_s, self._jitter = counts, latency_s, jitter
        self._call_later = asyncio.get_running_loop().call_later
        self._rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        read = self._rest + data if self._rest else data
        while (end := read.find(b"\r\n\r\n")) >= 0:
            start, size = end + 4, 0
            if read[:4] == b"POST":
                size = _body_size(read, end)
                if len(read) < start + size:
                    break
            self._answer(read, start, size)
            read = read[start + size :]
        self._rest = read

    def _answer(self, read: bytes, start: int, size: int) -> None:
        if not size:
            stats = read.startswith(b"GET /stats")
            self._transport.write(self._counts.told() if stats else NOT_FOUND)
            return
        body = read[start : start + size]
        answer = answer_to(body, self._counts.take(body))
        if self._latency_s:
            self._call_later(self._next_latency_s(), self._write, answer)
        else:
            self._transport.write(answer)

    def _next_latency_s(self) -> float:
        if not self._jitter:
            return self._latency_s
        place = (
            self._counts.requests * GOLDEN % 1
        )  # even from the first few on, so that the mean is known
        return self._latency_s * (1 + self._jitter * (2 * place - 1))

    def _write(self, answer: bytes) -> None:
        if not self._transport.is_closing():
            self._transport.write(answer)


def _body_size(read: bytes, end: int) -> int:
    for name in (b"ontent-Length: ", b"ontent-length: "):
        found = read.find(name, 0, end)
        if found >= 0:
            return int(read[found + len(name) : read.find(b"\r\n", found)])
    return 0


async def serve(latency_s: float, jitter: float) -> None:
    """Print the base URL and serve until standard input ends."""
    counts = Counts()
    loop = asyncio.get_running_loop()
    connection = partial(Connection, counts, latency_s, jitter)
    server = await loop.create_server(connection, "127.0.0.1", 0, backlog=4096)
    print(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1", flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    gc.disable()
    uvloop.run(serve(*map(float, sys.argv[1:])))
