"""F28, F29: in a browser, what models wrote is text in the report and the view; nobody else is answered."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from codeclm.report.command import write_report
from codeclm.report.reading import Reading
from codeclm.report.server import ViewServer
from tests.chromium import Tab, browser, needs_chromium
from tests.faults.bench import Measure
from tests.faults.hostile_texts import KINDS, hostile_texts
from tests.loops import ON_UVLOOP

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

PAYLOADS = 200
CONTROLS = ("<script>CALL</script>", "<img src=x onerror=CALL>", "<svg onload=CALL>")


@contextlib.asynccontextmanager
async def trap() -> AsyncIterator[tuple[str, list[str]]]:
    """A server that takes down who asks it for anything."""
    asked: list[str] = []

    async def answer(request: web.BaseRequest) -> web.Response:
        asked.append(request.path)
        text = "<p>hello</p>" if request.path == "/page" else "pwned('loaded')"
        return web.Response(text=text, content_type="text/html")

    runner = web.ServerRunner(web.Server(answer))
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    try:
        yield f"http://127.0.0.1:{runner.addresses[0][1]}/", asked
    finally:
        await runner.cleanup()


def hostile_run(place: Path, texts: list[str]) -> None:
    """A run's directory in which every text is hostile: a payload is in another field of each fate's row."""
    place.mkdir()
    model = f"openai:{texts[0]}@{texts[1]}"
    decisive = {"method.theta": 3.0, "models.strong.model": model, f"x{texts[4]}": texts[5]}
    write(
        place / "settings.json",
        {"decisive": decisive, "input": {"source": texts[6]}, "codeclm": texts[7]},
    )
    write(place / "summary.json", hostile_summary(texts))
    rows: dict[str, list[dict[str, Any]]] = {"selected": [], "discarded": [], "failed": []}
    for number, text in enumerate(texts):
        more = [texts[(number + step) % len(texts)] for step in range(1, 9)]
        rows[("selected", "discarded", "failed")[number % 3]].append(
            hostile_row(number, text, more)
        )
    for name, some in rows.items():
        lines = (json.dumps(row) + "\n" for row in some)
        (place / f"{name}.jsonl").write_text("".join(lines))


def hostile_row(number: int, text: str, more: list[str]) -> dict[str, Any]:
    scores = {"strong": [9, 8], "target": [2, 3]}
    earlier = {"instruction": more[0], "gap": 0.5, "scores": scores, "strong_response": text}
    return {
        "id": f"{number:016x}",
        "instruction": text,
        "response": more[1],
        "responder": "strong" if number % 2 else more[2],
        "use_case": more[3],
        "skills": [more[4], text],
        "iteration": 2,
        "gap": 6.0,
        "scores": scores,
        "seed_id": more[5],
        "actions": [more[6]],
        "strong_response": more[1],
        "target_response": more[7],
        "reason": text if number % 2 else f"ParseError: {text}",
        "stage": more[0] if number % 5 == 0 else "judge",
        "raw": more[2],
        "history": [earlier],
        "calls": [[more[3], more[4], 1, 10, 20]],
    }


def hostile_summary(texts: list[str]) -> dict[str, Any]:
    endpoint = {
        "model": texts[8],
        "base_url": texts[9],
        "in_flight_history": [[0, 4], [1.5, 8]],
        "learnt": texts[10:14],
        "outages": texts[14],
    }
    return {
        "state": "stopped",
        "versions": texts[15:17],
        "counts": {"input": 3, "entries": 3, "units": 3},
        "calls": [{"stage": texts[17], "model": texts[18], "calls": 3, "input_tokens": 5}],
        "endpoints": [endpoint],
        "cache_troubles": {texts[19]: 1},
        "cost": {"paid": 1.0, "per_selected": 0.1, "currency": texts[20], "prices_as_of": texts[21],
                 "unpriced": texts[22:24], "by_fate": {texts[24]: 1.0}},
    }  # fmt: skip


def write(path: Path, value: object) -> None:
    path.write_text(json.dumps(value))


OPEN_ALL = """(async () => {
    const pause = () => new Promise((go) => setTimeout(go, 20));
    const more = document.getElementById('more');
    while (!more.hidden) { more.click(); await pause(); }
    const all = [...document.querySelectorAll('#list > li > details')];
    for (const one of all) one.open = true;
    while (document.querySelectorAll('#list .whole').length < all.length) await pause();
    for (const one of document.querySelectorAll('#list .whole details')) one.open = true;
    for (const one of document.querySelectorAll('*')) one.dispatchEvent(new MouseEvent('mouseover'));
    await pause(); await pause();
    return all.length;
})()"""


@needs_chromium
async def test_f28_report_in_a_browser(tmp_path: Path, measure: Measure) -> None:
    """Every example of a hostile run is opened, in the report and in the view: nothing runs, nothing is asked for."""
    async with trap() as (url, asked), browser() as chromium:
        texts = hostile_texts(PAYLOADS, url)
        hostile_run(tmp_path / "run", texts)
        report = write_report(tmp_path / "run", tmp_path / "report.html", lambda _: None)
        reading = Reading(tmp_path / "run")
        reading.update()
        async with ViewServer(reading, "token") as server:
            for name, address in (("report", report.as_uri()), ("view", server.url)):
                tab = await chromium.tab()
                await tab.open(address)
                await tab.until("document.querySelector('#list li')")
                opened = await tab.run(OPEN_ALL)
                shown = await tab.run("document.body.textContent")
                inside = {address} if name == "report" else {server.url}
                left = [one for one in tab.requests if not one.startswith((*inside, "data:,"))]
                ran = [*tab.calls, *tab.dialogs]
                measure(
                    "F28",
                    f"{name} in Chromium, {PAYLOADS} payloads: scripts run",
                    len(ran),
                    "0",
                    met=not ran,
                )
                gone = [*left, *asked]
                measure(
                    "F28", f"{name} in Chromium: requests that left", len(gone), "0", met=not gone
                )
                assert tab.complaints == []
                assert opened == PAYLOADS
                unseen = [
                    one for one in texts if one.isascii() and one.isprintable() and one not in shown
                ]
                assert unseen == []
        await control(await chromium.tab(), tmp_path, url, asked)
    assert len(KINDS) >= 60


async def control(tab: Tab, place: Path, url: str, asked: list[str]) -> None:
    """Such payloads in a page that escapes nothing do run, and do ask: so that the figures above can be others."""
    some = [text.replace("CALL", "pwned('x')") for text in CONTROLS]
    (place / "page.html").write_text(f"<!doctype html>{''.join(some)}<img src={url}leak/1>")
    await tab.open((place / "page.html").as_uri())
    assert len(tab.calls) == len(CONTROLS)
    assert "/leak/1" in asked


VARIANTS = (
    *[{"Host": host} for host in (
        "evil.example", "evil.example:PORT", "127.0.0.1.evil.example:PORT", "localhost.evil.example:PORT",
        "127.0.0.1", "localhost", "127.0.0.1:1", "127.0.0.2:PORT", "0.0.0.0:PORT", "[::1%25lo]:PORT", "[::]:PORT",
        "127.1:PORT", "2130706433:PORT", "0x7f.1:PORT", "user@127.0.0.1:PORT", "127.0.0.1:PORT@evil.example",
        "127.0.0.1:PORT.evil.example", "localhost.:PORT", "127.0.0.1:PORT, evil.example", "",
    )],
    *[{"Host": "127.0.0.1:PORT", "Origin": origin} for origin in (
        "null", "http://evil.example", "https://127.0.0.1:PORT", "http://127.0.0.1:1", "http://127.0.0.1",
        "http://127.0.0.1:PORT.evil.example", "file://", "http://evil.example:PORT",
    )],
    {"Host": "127.0.0.1:PORT", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"},
    {"Host": "127.0.0.1:PORT", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"},
    {"Host": "127.0.0.1:PORT", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate",
     "Sec-Fetch-Dest": "iframe"},
)  # fmt: skip
METHODS = ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "HEAD", "CONNECT")


async def status(port: int, text: str) -> int:
    """What the server says to these very bytes; 0 where it closes the connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(text.encode())
        line = await asyncio.wait_for(reader.readline(), 10)
        return int(line.split()[1]) if line else 0
    finally:
        writer.close()


async def test_f29_foreign_requests(tmp_path: Path, measure: Measure) -> None:
    """Of foreign hosts, origins, methods and targets none is accepted; our own are."""
    hostile_run(tmp_path / "run", hostile_texts(30, "http://evil.example/"))
    accepted: list[object] = []
    async with ViewServer(Reading(tmp_path / "run"), "token") as server:
        port = server.port

        async def ask(headers: dict[str, str], method: str = "GET", target: str = "/token/") -> int:
            lines = [f"{name}: {value}" for name, value in headers.items()]
            request = "\r\n".join(
                [f"{method} {target} HTTP/1.1", *lines, "Connection: close", "", ""]
            )
            return await status(port, request.replace("PORT", str(port)))

        own = {"Host": f"127.0.0.1:{port}"}
        for headers in VARIANTS:
            code = await ask(headers)
            accepted += [(headers, code)] if 200 <= code < 400 else []
        for method in METHODS:
            code = await ask({**own, "Content-Length": "0"}, method)
            accepted += [(method, code)] if 200 <= code < 400 else []
        for target in (
            "http://evil.example/token/",
            "/",
            "/TOKEN/",
            "/token/../settings.json",
            "/token/%2e%2e/",
        ):
            code = await ask(own, target=target)
            accepted += [(target, code)] if 200 <= code < 400 else []
        assert await ask(own) == 200
        assert await ask({**own, "Origin": f"http://127.0.0.1:{port}"}) == 200
        assert await ask({"Host": f"localhost:{port}", "Sec-Fetch-Site": "same-origin"}) == 200
    figure = f"{len(VARIANTS)} foreign Host, Origin and Sec-Fetch variants, {len(METHODS)} methods: accepted"
    measure("F29", figure, len(accepted), "0", met=not accepted)
    assert len(VARIANTS) >= 30


@needs_chromium
async def test_f29_foreign_pages_in_a_browser(tmp_path: Path, measure: Measure) -> None:
    """A name made to lead here (DNS rebinding), and a page of another origin that asks and posts, learn nothing."""
    hostile_run(tmp_path / "run", hostile_texts(30, "http://evil.example/"))
    learnt: list[object] = []
    flag = "--host-resolver-rules=MAP rebind.example 127.0.0.1"
    async with (
        trap() as (url, _),
        ViewServer(Reading(tmp_path / "run"), "token") as server,
        browser(flag) as chromium,
    ):
        rebound = await chromium.tab()
        await rebound.open(f"http://rebind.example:{server.port}/token/")
        text = await rebound.run("document.body.textContent")
        learnt += [text] if "Examples" in text else []
        assert "this server is called" in text
        other = await chromium.tab()
        await other.open(f"{url}page")
        for method, mode in (
            ("GET", "cors"),
            ("GET", "no-cors"),
            ("POST", "cors"),
            ("POST", "no-cors"),
        ):
            script = f"""fetch({json.dumps(server.url)} + 'examples', {{method: '{method}', mode: '{mode}'}})
                .then((answer) => answer.text(), () => '')"""
            answer = await other.run(script)
            learnt += [(method, mode, answer)] if answer else []
        frame = f"""new Promise((done) => {{ const frame = document.createElement('iframe');
            frame.onload = () => {{ try {{ done(frame.contentDocument.body.textContent) }} catch (e) {{ done('') }} }};
            frame.src = {json.dumps(server.url)}; document.body.append(frame); }})"""
        text = await other.run(frame)
        learnt += [text] if text else []
    measure("F29", "rebinding page, requests and frame of another origin in Chromium: accepted", len(learnt), "0",
            met=not learnt)  # fmt: skip
