"""A real browser for tests: Chromium without a window, told what to do over its DevTools protocol."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import itertools
import os
import shutil
import tempfile
from asyncio.subprocess import DEVNULL, PIPE
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

__all__ = ["CHROMIUM", "Browser", "Tab", "browser", "needs_chromium"]

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), ""
)
needs_chromium = pytest.mark.skipif(
    not CHROMIUM, reason="no Chromium is installed to open pages with"
)

FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-extensions",
    "--disable-sync",
    "--hide-scrollbars",
    "--no-first-run",
    "--remote-debugging-port=0",
)


class Tab:
    """One page. ``requests`` are the addresses it asked for, ``complaints`` what it said on its console,

    ``calls`` what was passed to ``pwned``, which every frame of it knows, ``dialogs`` what it wanted to alert.
    """

    def __init__(self, browser: Browser, session: str) -> None:
        self._browser = browser
        self.session = session
        self.requests: list[str] = []
        self.complaints: list[str] = []
        self.calls: list[str] = []
        self.dialogs: list[str] = []
        self._loaded = asyncio.Event()

    async def send(self, method: str, **params: Any) -> dict[str, Any]:
        """What the browser answers to a command. Raises AssertionError where it refuses it."""
        return await self._browser.send(method, self.session, **params)

    async def prepare(self) -> None:
        """Watch all there is to watch."""
        for domain in ("Page", "Runtime", "Network", "Log"):
            await self.send(f"{domain}.enable")
        await self.send("Runtime.addBinding", name="pwned")

    async def open(self, url: str) -> None:
        """Load a page and wait until it is loaded."""
        self._loaded.clear()
        told = await self.send("Page.navigate", url=url)
        assert not told.get("errorText"), (url, told)
        await asyncio.wait_for(self._loaded.wait(), 60)

    async def run(self, script: str) -> Any:
        """The value of an expression, or of its promise. Raises AssertionError where it fails."""
        answer = await self.send(
            "Runtime.evaluate", expression=script, awaitPromise=True, returnByValue=True
        )
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    async def until(self, condition: str, seconds: float = 30) -> Any:
        """The value of ``condition`` once it holds, looked at again whenever the page draws."""
        script = f"""new Promise((resolve) => {{
            const end = Date.now() + {seconds * 1000};
            const look = () => {{
                const value = ({condition});
                if (value || Date.now() > end) resolve(value instanceof Node ? true : value); else setTimeout(look, 20);
            }};
            look();
        }})"""
        value = await self.run(script)
        assert value, f"it never came to be: {condition}"
        return value

    async def dress(self, width: int, scheme: str = "light") -> None:
        """The width of the window, and whether it is light or dark."""
        mobile = width < 600
        await self.send(
            "Emulation.setDeviceMetricsOverride",
            width=width,
            height=900,
            deviceScaleFactor=2 if mobile else 1,
            mobile=mobile,
        )
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        await self.send("Emulation.setEmulatedMedia", features=features)

    async def picture(self, path: Path, *, whole: bool = False) -> None:
        """A PNG of what is to be seen, or of the whole page."""
        shot = await self.send("Page.captureScreenshot", captureBeyondViewport=whole)
        await asyncio.to_thread(path.write_bytes, base64.b64decode(shot["data"]))

    def hear(self, method: str, params: dict[str, Any]) -> None:
        """Take an event down."""
        match method:
            case "Page.loadEventFired":
                self._loaded.set()
            case "Network.requestWillBeSent":
                self.requests.append(params["request"]["url"])
            case "Runtime.bindingCalled":
                self.calls.append(params["payload"])
            case "Runtime.exceptionThrown":
                self.complaints.append(str(params["exceptionDetails"]))
            case "Runtime.consoleAPICalled" if params["type"] in {"error", "warning", "assert"}:
                self.complaints.append(str(params["args"]))
            case "Log.entryAdded" if params["entry"]["level"] == "error":
                self.complaints.append(params["entry"]["text"])
            case "Page.javascriptDialogOpening":
                self.dialogs.append(params["message"])


class Browser:
    """Commands go out with a number, answers come back with it; events go to their tab."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._tabs: dict[str, Tab] = {}

    async def send(self, method: str, session: str = "", **params: Any) -> dict[str, Any]:
        """What the browser answers. Raises AssertionError where it refuses."""
        number = next(self._numbers)
        answer = self._waiting[number] = asyncio.get_running_loop().create_future()
        message = {"id": number, "method": method, "params": params}
        await self._socket.send_json({**message, **({"sessionId": session} if session else {})})
        told = await asyncio.wait_for(answer, 60)
        assert "error" not in told, (method, told["error"])
        result: dict[str, Any] = told["result"]
        return result

    async def tab(self) -> Tab:
        """A new page, that shares nothing with the others."""
        context = await self.send("Target.createBrowserContext")
        target = await self.send(
            "Target.createTarget", url="about:blank", browserContextId=context["browserContextId"]
        )
        session = await self.send(
            "Target.attachToTarget", targetId=target["targetId"], flatten=True
        )
        tab = self._tabs[session["sessionId"]] = Tab(self, session["sessionId"])
        await tab.prepare()
        return tab

    async def listen(self) -> None:
        """Hand on what comes, until the browser has gone."""
        async for message in self._socket:
            told = message.json()
            if "id" in told:
                answer = self._waiting.pop(told["id"])
                if not answer.done():
                    answer.set_result(told)
            elif told.get("sessionId") in self._tabs:
                tab = self._tabs[told["sessionId"]]
                tab.hear(told["method"], told["params"])
                if told["method"] == "Page.javascriptDialogOpening":
                    await self._dismiss(tab)

    async def _dismiss(self, tab: Tab) -> None:
        message = {"id": 0, "method": "Page.handleJavaScriptDialog", "params": {"accept": False}}
        self._waiting[0] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({**message, "sessionId": tab.session})


@contextlib.asynccontextmanager
async def browser(*flags: str) -> AsyncIterator[Browser]:
    """A browser of its own, that has gone when the block ends."""
    place = Path(tempfile.mkdtemp(prefix="chromium-"))
    command = [CHROMIUM, *FLAGS, *flags, f"--user-data-dir={place}", "about:blank"]
    child = await asyncio.create_subprocess_exec(
        *command, stdout=DEVNULL, stderr=PIPE, start_new_session=True
    )
    try:
        assert child.stderr is not None
        async with asyncio.timeout(60):
            async for line in child.stderr:
                if b"DevTools listening on" in line:
                    break
        url = line.decode().split()[-1]
        async with (
            aiohttp.ClientSession() as session,
            session.ws_connect(url, max_msg_size=0) as socket,
            asyncio.TaskGroup() as group,
        ):
            made = Browser(socket)
            listening = group.create_task(made.listen())
            group.create_task(_drain(child.stderr))
            try:
                yield made
            finally:
                with contextlib.suppress(Exception):
                    await made.send("Browser.close")
                listening.cancel()
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, 9)
        await child.wait()
        await asyncio.to_thread(shutil.rmtree, place, ignore_errors=True)


async def _drain(stream: asyncio.StreamReader) -> None:
    """So that the browser never waits for somebody to read what it says."""
    while await stream.read(1 << 16):
        pass
