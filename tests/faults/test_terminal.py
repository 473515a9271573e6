"""F28: what models, servers and files say never reaches the terminal as anything but text."""

from __future__ import annotations

import asyncio
import io
import os
import pty
from asyncio.subprocess import PIPE
from pathlib import Path

import orjson
import pytest
from aiohttp import web
from rich.console import Console

from codeclm.console import complain, print_line
from codeclm.live import LiveView, choose_view
from codeclm.llm.complaint import complaint_in
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.refusal import error_for
from codeclm.printable import printable
from tests.faults.bench import Measure
from tests.faults.world_server import Asked, world_server
from tests.killing import start, write_inputs
from tests.loops import ON_UVLOOP
from tests.running import rows

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

ESC = "\x1b"
SEQUENCES = {
    "clear the screen": f"{ESC}[2J",
    "clear what was scrolled": f"{ESC}[3J",
    "reset the terminal": f"{ESC}c",
    "cursor home": f"{ESC}[H",
    "cursor up": f"{ESC}[9A",
    "erase the line": f"{ESC}[2K",
    "hidden text": f"{ESC}[8m",
    "red": f"{ESC}[31m",
    "other screen": f"{ESC}[?1049h",
    "hide the cursor": f"{ESC}[?25l",
    "report mouse": f"{ESC}[?1000h",
    "bracketed paste": f"{ESC}[?2004h",
    "answer back": f"{ESC}[c",
    "report the cursor": f"{ESC}[6n",
    "report the title": f"{ESC}[21t",
    "resize the window": f"{ESC}[8;1;1t",
    "scroll region": f"{ESC}[1;1r",
    "insert lines": f"{ESC}[99L",
    "title": f"{ESC}]0;pwned\x07",
    "title, other end": f"{ESC}]2;pwned{ESC}\\",
    "link": f"{ESC}]8;;http://evil.example/{ESC}\\click{ESC}]8;;{ESC}\\",
    "clipboard": f"{ESC}]52;c;cm0gLXJmIH4=\x07",
    "colour table": f"{ESC}]4;1;rgb:00/00/00\x07",
    "notification": f"{ESC}]9;hello\x07",
    "file transfer": f"{ESC}]1337;File=name=eA==:eA==\x07",
    "device control": f"{ESC}P$q q{ESC}\\",
    "define a key": f"{ESC}P1;1|17/6C730A{ESC}\\",
    "application command": f"{ESC}_G{ESC}\\",
    "privacy message": f"{ESC}^x{ESC}\\",
    "other character set": f"{ESC}(0",
    "shift out": "\x0e",
    "eight-bit control sequence": "\x9b2J",
    "eight-bit title": "\x9d0;pwned\x9c",
    "eight-bit device control": "\x90q\x9c",
    "next line": "\x85",
    "carriage return": "safe\rrm",
    "line feed": "one\ntwo",
    "backspace": "safe\b\b\b\brm",
    "vertical tab": "a\x0bb",
    "form feed": "a\x0cb",
    "bell": "\x07",
    "NUL": "\x00",
    "delete": "\x7f",
    "enquiry": "\x05",
    "right to left": "\u202egpj.exe",
    "left to right": "\u202d",
    "isolate": "\u2066x\u2069",
    "embedding": "\u202bx\u202c",
    "mark": "\u200f",
    "zero width": "a\u200bb",
    "byte order mark": "\ufeff",
    "line separator": "a\u2028b",
    "paragraph separator": "a\u2029b",
    "soft hyphen": "a\u00adb",
    "tag characters": "\U000e0041\U000e007f",
    "interlinear": "\ufff9a\ufffbb",
}
HARMLESS = (
    "[bold red]markup[/]",
    "[link=http://evil.example]x[/link]",
    "[/]",
    "100 % {x} %s",
    "ümlaut 中文 नमस्ते 👩‍🚀",
)


def payloads() -> list[str]:
    """Each with a mark of its own, so that it cannot be taken for something the program says."""
    return [f"{text}Z{number:03}" for number, text in enumerate(SEQUENCES.values())]


def raw(shown: str) -> list[str]:
    """Payloads that got through."""
    return [payload for payload in payloads() if payload in shown]


async def test_f28_lines(measure: Measure, capsys: pytest.CaptureFixture[str]) -> None:
    """Whatever is said, by any view, is one line of harmless characters; text and markup stay as they are."""
    got_through = []
    for payload in payloads():
        live, plain = io.StringIO(), io.StringIO()
        LiveView(Console(file=live, force_terminal=True, width=500)).say(payload)
        choose_view(Console(file=plain, width=500)).say(payload)
        print_line(payload)
        complain(payload)
        standard = capsys.readouterr()
        for shown in (live.getvalue(), plain.getvalue(), standard.out, standard.err):
            text = shown.removesuffix("\n")
            harmless = text.isprintable() and payload[-4:] in text
            got_through += [] if harmless else [(payload, text)]
        refusal = orjson.dumps({"error": {"message": payload}})
        said = str(error_for(500, {}, complaint_in(refusal), Endpoint("http://h/v1", "m", "")))
        got_through += [] if said.isprintable() else [(payload, said)]
    for text in HARMLESS:
        assert printable(text) == text
        print_line(text)
        assert capsys.readouterr().out == f"{text}\n"
    figure = f"{len(SEQUENCES)} payloads through 5 ways to the terminal: raw"
    measure("F28", figure, len(got_through), "0", met=not got_through)
    assert len(SEQUENCES) >= 50


class Hostile:
    """Every text and every error message of this server carries a payload."""

    def __init__(self, *, refuses: bool) -> None:
        self._refuses, self._number = refuses, 0
        self._payloads = payloads()

    def alter(self, text: str) -> str:
        """Payloads at both ends of lists and of responses; what is parsed stays readable for the most part."""
        self._number += 1
        payload = self._payloads[self._number % len(self._payloads)]
        return f"{text} {payload}" if self._number % 4 else f"{payload}\n"

    async def between(self, asked: Asked) -> web.StreamResponse | None:
        self._number += 1
        if self._number % 10 and not self._refuses:
            return None
        some = [self._payloads[(self._number + n) % len(self._payloads)] for n in range(6)]
        error = {"message": " ".join(some), "code": "invalid_api_key" if self._refuses else None}
        return web.json_response({"error": error}, status=401 if self._refuses else 400)


async def run_on(terminal: bool, place: Path, hostile: Hostile) -> str:
    """What a run shows: on a terminal (the live view), or into pipes."""
    place.mkdir()
    async with world_server(hostile.between, alter=hostile.alter) as server:
        method = "total: 16, augment_to: 0, redraws: 0"
        command = write_inputs(place, server.base_url, method=method, attempts=1)[:-2]
        if not terminal:
            child = await start(
                command, place / "run", stdout=PIPE, stderr=asyncio.subprocess.STDOUT
            )
            output, _ = await child.communicate()
            return output.decode()
        ours, theirs = pty.openpty()
        environ = {**os.environ, "TERM": "xterm-256color", "COLUMNS": "200"}
        child = await start(command, place / "run", stdout=theirs, stderr=theirs, env=environ)
        os.close(theirs)
        shown = await asyncio.to_thread(read_all, ours)
        await child.wait()
        return shown.decode()


def read_all(fd: int) -> bytes:
    """All that comes out of a terminal until its other side is closed."""
    chunks = []
    with open(fd, "rb", buffering=0) as file:
        try:
            while chunk := file.read(1 << 16):
                chunks.append(chunk)
        except OSError:  # so Linux says that nobody has it open any more
            pass
    return b"".join(chunks)


async def test_f28_runs(tmp_path: Path, measure: Measure) -> None:
    """Whole runs on hostile answers, in the live and the plain view, and runs that end with a hostile refusal."""
    shown = await asyncio.gather(
        run_on(True, tmp_path / "live", Hostile(refuses=False)),
        run_on(False, tmp_path / "plain", Hostile(refuses=False)),
        run_on(True, tmp_path / "refused", Hostile(refuses=True)),
    )
    got_through = [payload for text in shown for payload in raw(text)]
    assert "instructions" in shown[0]
    assert "Z0" in shown[2]
    failed = rows(tmp_path / "plain" / "run" / "failed.jsonl")
    unsafe = [row["reason"] for row in failed if not row["reason"].isprintable()]
    measure(
        "F28",
        "whole runs, live and plain: raw payloads shown",
        len(got_through),
        "0",
        met=not got_through,
    )
    measure(
        "F28", "reasons of failed rows with control characters", len(unsafe), "0", met=not unsafe
    )
    assert failed
