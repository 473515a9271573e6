"""The live page of a run on loopback: it reads the run's directory and does nothing else."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import Any, Self, TypeVar

from aiohttp import web

from codeclm.errors import UsageError
from codeclm.report.examples import details
from codeclm.report.guard import HEADERS, refusal
from codeclm.report.page import figures_fragment, live_shell
from codeclm.report.reading import Reading
from codeclm.report.search import Wanted, look
from codeclm.report.state import state_of

__all__ = ["ViewServer"]

HOST = "127.0.0.1"
LOOK_EVERY_S = 1.0
NOT_HTML = "default-src 'none'"
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]
T = TypeVar("T")


class ViewServer:
    """Serves ``reading`` while the block lasts, below a path that only who was told ``token`` knows.

    Port 0 is any free one. Raises UsageError where the port is taken.
    """

    def __init__(
        self,
        reading: Reading,
        token: str,
        port: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.reading = reading
        self._token = token
        self._port = port
        self._clock = clock
        self._turn = asyncio.Lock()  # one thread at a time reads the run
        self._looked_s = float("-inf")
        self._version = 0
        self._state = ""
        self._fragment: tuple[int, str] | None = None

    @property
    def port(self) -> int:
        """Where it listens."""
        return self._port

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self._port}/{self._token}/"

    async def __aenter__(self) -> Self:
        application = web.Application(middlewares=[self._guarded])
        application.on_response_prepare.append(_add_headers)
        for name, handler in (
            ("", self._page),
            ("figures", self._figures),
            ("examples", self._examples),
            ("example", self._example),
        ):
            application.router.add_get(f"/{self._token}/{name}", handler, allow_head=False)
        self._runner = web.AppRunner(application, access_log=None, shutdown_timeout=1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, HOST, self._port)
        try:
            await site.start()
        except OSError as error:
            await self._runner.cleanup()
            reason = error.strerror or error
            raise UsageError(
                f"port {self._port}: {reason}; give another --port, or 0 for any"
            ) from None
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        await self._runner.cleanup()

    @web.middleware
    async def _guarded(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        headers: dict[str, list[str]] = {}
        for name, value in request.headers.items():
            headers.setdefault(name.lower(), []).append(value)
        refused = refusal(request.method, request.raw_path, headers, self._port)
        if refused is not None:
            return web.Response(status=refused[0], text=f"{refused[1]}\n")
        try:
            return await handler(request)
        except UsageError as error:  # the run's directory has gone, or cannot be read
            return web.Response(status=503, text=f"{error}\n")
        except web.HTTPNotFound:
            words = "Nothing is here: open the address that codeclm view printed.\n"
            return web.Response(status=404, text=words)

    async def _page(self, request: web.Request) -> web.Response:
        await self._keep_up()
        shell = await self._read(lambda: live_shell(self.reading, str(self._version)))
        policy = f"{shell.policy}; frame-ancestors 'none'"
        return _html(shell.html, {"Content-Security-Policy": policy})

    async def _figures(self, request: web.Request) -> web.Response:
        await self._keep_up()
        version = str(self._version)
        if request.query.get("known") == version:
            return web.Response(status=204)
        fragment = await self._read(self._drawn)
        return _html(fragment, {"X-Version": version})

    async def _examples(self, request: web.Request) -> web.Response:
        await self._keep_up()
        before = _whole(request.query.get("before", ""))
        wanted = Wanted.of(request.query)
        return _json(await self._read(lambda: look(self.reading, wanted, before, self._clock)))

    async def _example(self, request: web.Request) -> web.Response:
        number = _whole(request.query.get("number", ""))
        found = await self._read(lambda: self._detail(number, request.query.get("id", "")))
        if found is None:
            return web.Response(status=404, text="it is not there any more: load the page again\n")
        return _json(found)

    def _detail(self, number: int | None, identity: str) -> dict[str, Any] | None:
        if number is None or number >= len(self.reading):
            return None
        found = details(self.reading, [number])
        return found[0] if found and found[0]["id"] == identity else None

    async def _keep_up(self) -> None:
        """Read what is new, at most once a second."""
        if self._clock() < self._looked_s + LOOK_EVERY_S:
            return
        self._looked_s = self._clock()
        changed = await self._read(self.reading.update)
        now = state_of(self.reading.archive).name
        if changed or now != self._state:
            self._state = now
            self._version += 1

    def _drawn(self) -> str:
        """The figures; drawn once for each version."""
        if self._fragment is None or self._fragment[0] != self._version:
            self._fragment = self._version, figures_fragment(self.reading)
        return self._fragment[1]

    async def _read(self, work: Callable[[], T]) -> T:
        async with self._turn:
            return await asyncio.to_thread(work)


async def _add_headers(request: web.Request, response: web.StreamResponse) -> None:
    response.headers.update(HEADERS)
    response.headers.setdefault("Content-Security-Policy", NOT_HTML)
    response.headers.pop("Server", None)


def _html(text: str, headers: dict[str, str]) -> web.Response:
    body = text.encode("utf-8", "replace")
    return web.Response(body=body, content_type="text/html", charset="utf-8", headers=headers)


def _json(value: object) -> web.Response:
    body = json.dumps(value, ensure_ascii=False).encode("utf-8", "replace")
    return web.Response(body=body, content_type="application/json", charset="utf-8")


def _whole(text: str) -> int | None:
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None
