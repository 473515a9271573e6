"""A relay on loopback between a client and a server: counts what a client cannot see of itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import urlsplit

__all__ = ["Relay", "relay"]


class Relay:
    """``base_url`` is where a client calls; ``connections`` it made, ``sent_bytes`` it sent so far."""

    def __init__(self, base_url: str) -> None:
        parts = urlsplit(base_url)
        self._host, self._port, self._path = parts.hostname, parts.port, parts.path
        self._forwarded = asyncio.Event()
        self.base_url = ""
        self.connections = 0
        self.sent_bytes = 0

    def listens_at(self, host: str, port: int) -> None:
        """Where the relay itself can be reached."""
        self.base_url = f"http://{host}:{port}{self._path}"

    async def a_request_is_under_way(self) -> None:
        """Wait until the server has been sent something."""
        await self._forwarded.wait()

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection of the client, and one to the server for it."""
        self.connections += 1
        back, forth = await asyncio.open_connection(self._host, self._port)
        try:
            async with asyncio.TaskGroup() as group:
                group.create_task(self._copy(reader, forth, counted=True), name="to the server")
                group.create_task(self._copy(back, writer, counted=False), name="to the client")
        except* ConnectionError:
            pass
        finally:
            writer.close()
            forth.close()

    async def _copy(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, counted: bool
    ) -> None:
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
            if counted:
                self.sent_bytes += len(data)
                self._forwarded.set()
        raise ConnectionError  # one side is closed: so is the other


@asynccontextmanager
async def relay(base_url: str) -> AsyncIterator[Relay]:
    """Stand in front of the server at ``base_url``."""
    middle = Relay(base_url)
    listener = await asyncio.start_server(middle.handle, "127.0.0.1", 0)
    middle.listens_at(*listener.sockets[0].getsockname()[:2])
    async with listener:
        yield middle
