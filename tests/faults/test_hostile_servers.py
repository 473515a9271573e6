"""F13: servers that trickle, keep silent, or never stop sending. Each call ends in time and takes little memory."""

from __future__ import annotations

import asyncio
import json
import sys
import zlib
from asyncio.subprocess import PIPE
from contextlib import AsyncExitStack
from functools import partial
from typing import Any

import pytest

from codeclm.llm.http import ANSWER_LIMIT_BYTES
from tests.chat_server import Talk, raw_server, read_request, written
from tests.faults.bench import Measure, Scale
from tests.loops import ON_UVLOOP

pytestmark = [
    pytest.mark.anyio,
    ON_UVLOOP,
]

MIB = 2**20
BLOCK = b" " * MIB


async def trickle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, skip: int) -> None:
    """All but the first ``skip`` bytes of an answer come one a second."""
    await read_request(reader)
    answer = written()
    writer.write(answer[:skip])
    for byte in answer[skip:]:
        writer.write(bytes([byte]))
        await asyncio.sleep(1)


async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_request(reader)
    await reader.read()


async def deaf(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """The connection is taken, and nothing is ever read."""
    await asyncio.Event().wait()


async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, head: bytes) -> None:
    """A gigabyte, or as much of it as is taken."""
    await read_request(reader)
    writer.write(b"HTTP/1.1 200 OK\r\n" + head + b"\r\n")
    chunked = b"chunked" in head
    for _ in range(1024):
        writer.write(b"%x\r\n%b\r\n" % (MIB, BLOCK) if chunked else BLOCK)
        await writer.drain()


async def bomb(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, packed: bytes
) -> None:
    await read_request(reader)
    writer.write(written(packed, "Content-Encoding: gzip"))
    await writer.drain()
    await reader.read()


def zeros(mebibytes: int) -> bytes:
    """So many MiB of zeros as gzip packs them: a thousand to one."""
    packer = zlib.compressobj(9, zlib.DEFLATED, 31)
    block = bytes(MIB)
    return b"".join([*(packer.compress(block) for _ in range(mebibytes)), packer.flush()])


SLOW: dict[str, Talk] = {
    "slow loris, from the first byte": partial(trickle, skip=0),
    "slow loris in the body": partial(trickle, skip=60),
    "accepted, never answered": silence,
    "accepted, never read": deaf,
}


@pytest.mark.timeout(300)
async def test_f13(scale: Scale, measure: Measure) -> None:
    """What is slow ends at its timeout; what is large ends at the cap, with at most twice that in memory."""
    timeout_s = scale(1.0, 10.0)
    large: dict[str, Talk] = {
        "1 GB body": partial(flood, head=b"Content-Length: 1073741824\r\n"),
        "1 GB body in chunks": partial(flood, head=b"Transfer-Encoding: chunked\r\n"),
        "gzip bomb 1000:1": partial(bomb, packed=zeros(scale(64, 1024))),
    }
    async with AsyncExitStack() as stack:
        urls = [
            (await stack.enter_async_context(raw_server(talk))).base_url
            for talk in [*SLOW.values(), *large.values()]
        ]
        found = await call_each(urls, timeout_s)
    bar_s = timeout_s + max(0.05 * timeout_s, 0.5)
    for name, call in zip([*SLOW, *large], found, strict=True):
        met = call["took_s"] <= bar_s and (name in large or call["error"] == "TimedOut")
        bar = f"<= {bar_s:.4g}, the timeout {timeout_s:g} + {'5 %' if scale.whole else 'noise'}"
        measure("F13", f"{name}: ends after (s)", call["took_s"], bar, met=met)
        assert call["error"] != "none", name
    limit = 2 * ANSWER_LIMIT_BYTES
    for name, call in zip(large, found[len(SLOW) :], strict=True):
        peak = f"{call['peak_bytes'] / MIB:.1f} MiB"
        measure(
            "F13", f"{name}: peak extra memory", peak, "<= 32 MiB", met=call["peak_bytes"] <= limit
        )


async def call_each(urls: list[str], timeout_s: float) -> list[dict[str, Any]]:
    """One call to each, in a process of its own: how long it took, what it raised, its extra memory at the peak."""
    options = json.dumps([urls, timeout_s, len(SLOW)])
    command = [sys.executable, "-m", "tests.faults.victim", options]
    child = await asyncio.create_subprocess_exec(*command, stdout=PIPE)
    output, _ = await child.communicate()
    result: list[dict[str, Any]] = json.loads(output)
    return result
