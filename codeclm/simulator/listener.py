"""The listening socket: it can close, so that nobody can connect, and open again on the same port."""

from __future__ import annotations

from aiohttp import web

from codeclm.errors import UsageError

__all__ = ["Listener"]

_BACKLOG = 4096


class Listener:
    """Listens for ``runner`` at ``host`` and ``port`` (0: any free one, kept once it is known)."""

    def __init__(self, runner: web.ServerRunner, host: str, port: int) -> None:
        self._runner = runner
        self._host = host
        self.port = port
        self._site: web.TCPSite | None = None

    @property
    def is_open(self) -> bool:
        """Whether anybody can connect."""
        return self._site is not None

    async def open(self) -> None:
        """Listen. Raises UsageError for an address that cannot be bound."""
        if self._site:
            return
        site = web.TCPSite(self._runner, self._host, self.port, backlog=_BACKLOG)
        try:
            await site.start()
        except OSError as error:
            reason = error.strerror or "address in use"
            raise UsageError(f"cannot serve on {self._host}:{self.port}: {reason}") from error
        self.port = self._runner.addresses[0][1]
        self._site = site

    async def close(self) -> None:
        """Listen no more; connections that exist stay."""
        if self._site:
            site, self._site = self._site, None
            await site.stop()
