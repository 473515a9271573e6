"""F27: a key that a hostile server echoes in every way is in no file, no output and no title of a process."""

from __future__ import annotations

import asyncio
import os
import sys
from asyncio.subprocess import PIPE
from collections.abc import Callable
from pathlib import Path

import pytest
from aiohttp import web

from tests.faults.bench import Measure, Scale
from tests.faults.world_server import Asked, Between, world_server
from tests.killing import write_inputs
from tests.loops import ON_UVLOOP

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

VARIABLE = "CANARY_KEY"
CANARY = "CanaryKey-9c1f27d4e8ab"
PARTS = (CANARY, CANARY[:14], CANARY[-14:])
HEADERS = {"Retry-After": "0.01", "X-Request-Id": f"req-{CANARY}", "X-Error": CANARY}


def echo(status: int, body: str, **headers: str) -> Between:
    """An answer that repeats the key in its body and its headers."""

    async def between(asked: Asked) -> web.StreamResponse:
        assert asked.headers["Authorization"] == f"Bearer {CANARY}"
        given = {**HEADERS, **headers}
        return web.Response(status=status, text=body.replace("KEY", CANARY), headers=given)

    return between


def then(*answers: Between) -> Between:
    """One after the other, and the last one for all that follows."""
    left = list(answers)

    async def between(asked: Asked) -> web.StreamResponse | None:
        return await (left.pop(0) if len(left) > 1 else left[0])(asked)

    return between


async def works(asked: Asked) -> None:
    """The world answers."""


MESSAGE = (
    '{"error": {"message": "bad: Authorization: Bearer KEY (KEY), see ?key=KEY", "code": "CODE"}}'
)
REFUSED = echo(401, MESSAGE)
WAYS: dict[str, Callable[[], Between]] = {
    "401": lambda: REFUSED,
    "500": lambda: echo(500, MESSAGE),
    "HTML page": lambda: echo(502, "<html><title>KEY</title><body>Bearer KEY</body></html>"),
    "redirect": lambda: echo(307, "", Location=f"http://127.0.0.1:9/v1?api_key={CANARY}"),
    "works": lambda: works,
    "works, then 401": lambda: then(*[works] * 20, REFUSED),
    "429": lambda: then(echo(429, MESSAGE), echo(429, "KEY"), REFUSED),
    "429, no money": lambda: echo(429, MESSAGE.replace("CODE", "insufficient_quota")),
    "403": lambda: echo(403, '{"detail": "KEY"}'),
    "404": lambda: echo(404, '{"error": "KEY"}'),
    "400": lambda: echo(400, MESSAGE),
    "422": lambda: echo(422, '{"detail": [{"loc": ["KEY"], "msg": "KEY"}]}'),
    "plain text": lambda: echo(503, "KEY"),
    "200 with an error": lambda: echo(200, MESSAGE),
    "200 not JSON": lambda: echo(200, "KEY"),
    "200 of another shape": lambda: echo(200, '{"KEY": "KEY"}'),
}
COMMANDS = {
    "--help": ("--help",),
    "run --help": ("run", "--help"),
    "the key as the name of its variable": (
        "run",
        "seeds.jsonl",
        "-o",
        "x",
        "--config",
        "key.yaml",
    ),
    "the key in the URL": (
        "run",
        "seeds.jsonl",
        "-o",
        "x",
        "--strong",
        f"openai:m@http://{CANARY}@127.0.0.1:9/v1",
    ),
}


@pytest.mark.timeout(300)
async def test_f27(tmp_path: Path, scale: Scale, measure: Measure) -> None:
    """Whole runs against servers that echo the key, and commands that are given it in the wrong place."""
    found: list[str] = []
    ways = list(WAYS)[: scale(5, None)]
    async with asyncio.TaskGroup() as group:
        for name in ways:
            group.create_task(look(tmp_path / name.replace(" ", "-"), WAYS[name](), found))
    commands = list(COMMANDS)[: scale(0, None)]
    for name in commands:
        found += await misuse(tmp_path, COMMANDS[name])
    places = f"files, output and titles of {len(ways)} runs and {len(commands)} commands"
    measure("F27", f"canary key in {places}", len(found), "0", met=not found)


async def look(place: Path, between: Between, found: list[str]) -> None:
    """Run against a server that answers so; add the places where the key shows."""
    place.mkdir()
    async with world_server(between) as server:
        method = "total: 10, augment_to: 0"
        command = write_inputs(
            place, server.base_url, method=method, api_key_env=VARIABLE, attempts=1
        )
        command[-1] = "plain"
        texts = await outputs([*command, "-o", str(place / "run")], place)
        assert server.asked
    for path in place.rglob("*"):
        texts[str(path)] = path.read_bytes() if path.is_file() else b""
    found += [name for name, text in texts.items() if shows(text) or shows(name.encode())]


async def outputs(command: list[str], place: Path) -> dict[str, bytes]:
    """What a command shows: its output, and its title while it runs."""
    environ = {**os.environ, VARIABLE: CANARY}
    child = await asyncio.create_subprocess_exec(
        *command, env=environ, stdout=PIPE, stderr=PIPE, cwd=place
    )
    title = b"".join(Path(f"/proc/{child.pid}/{name}").read_bytes() for name in ("cmdline", "comm"))
    output, errors = await child.communicate()
    assert child.returncode != 1, errors
    assert b"Traceback" not in errors
    return {"stdout": output, "stderr": errors, "title": title}


async def misuse(place: Path, arguments: tuple[str, ...]) -> list[str]:
    """Where a command shows the key that it was given in the wrong place; its own arguments are the user's."""
    (place / "seeds.jsonl").write_text('{"instruction": "Sing"}\n')
    model = f"{{model: 'openai:m@http://127.0.0.1:9/v1', api_key_env: {CANARY}}}"
    (place / "key.yaml").write_text(f"models: {{strong: {model}, target: {model}}}\n")
    texts = await outputs([sys.executable, "-m", "codeclm", *arguments], place)
    return [f"{arguments}: {name}" for name in ("stdout", "stderr") if shows(texts[name])]


def shows(text: bytes) -> bool:
    return any(part.encode() in text for part in PARTS)
