"""HTTP against real servers on loopback, well and badly behaved."""

from __future__ import annotations

import asyncio
import socket

import orjson
import pytest

from codeclm.errors import (
    ConnectionFailed,
    MalformedAnswer,
    StaleConnection,
    TimedOut,
)
from codeclm.llm.http import Post, open_session
from codeclm.llm.secret import Secret
from tests.chat_server import (
    OK,
    Talk,
    always,
    chat_server,
    raw_server,
    read_request,
    written,
)
from tests.posting import KEY, posting, send

pytestmark = pytest.mark.anyio


async def test_a_call_is_one_post() -> None:
    """It carries the body, the key, and nothing that a server could set on us."""
    cookie = {"Set-Cookie": "session=1", "X-Request-Id": "7"}
    async with (
        chat_server(always(201, OK, cookie)) as server,
        posting(server.base_url) as post,
    ):
        await send(post)
        answer = await send(post)
    assert (answer.status, orjson.loads(answer.body)) == (201, OK)
    assert answer.headers["x-request-id"] == answer.headers["X-REQUEST-ID"] == "7"
    assert [each.body for each in server.requests] == [{"model": "m"}] * 2
    headers = server.requests[1].headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "application/json"
    assert "Cookie" not in headers


async def test_a_key_travels_as_its_header_wants() -> None:
    """Bare in a header of its own, and other headers go along; without a key there is none."""
    async with chat_server() as server, open_session() as session:
        extra = {"anthropic-version": "2023-06-01"}
        keyed = Post(
            session, server.base_url, "/m", key=Secret(KEY), key_header="x-api-key", headers=extra
        )
        await send(keyed)
        await send(Post(session, server.base_url, "/m"))
    first, second = (each.headers for each in server.requests)
    assert (first["x-api-key"], first["anthropic-version"]) == (KEY, "2023-06-01")
    assert "Authorization" not in first
    assert not {"Authorization", "x-api-key", "anthropic-version"} & set(second)
    assert {each.path for each in server.requests} == {"/v1/m"}


async def test_redirects_are_not_followed() -> None:
    """The key goes nowhere but to the base URL."""
    async with chat_server() as elsewhere:
        location = {"Location": f"{elsewhere.base_url}/chat/completions"}
        for status in (301, 302, 307, 308):
            async with (
                chat_server(always(status, b"", location)) as server,
                posting(server.base_url) as post,
            ):
                assert (await send(post)).status == status
        assert elsewhere.requests == []


async def close_after_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers as if the connection were kept, and closes it when it is used again."""
    await read_request(reader)
    writer.write(written())
    await read_request(reader)


async def reset_after_each(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As above, but the connection is reset."""
    await read_request(reader)
    writer.write(written())
    await read_request(reader)
    linger = (1).to_bytes(4, "little") + (0).to_bytes(4, "little")
    writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    writer.transport.abort()


@pytest.mark.parametrize("talk", [close_after_each, reset_after_each])
async def test_a_connection_closed_while_idle_is_told_apart(talk: Talk) -> None:
    """A call on a kept connection that the server drops is stale; the next one gets a fresh one."""
    async with raw_server(talk) as server, posting(server.base_url) as post:
        for _ in range(10):
            assert (await send(post)).status == 200
            with pytest.raises(StaleConnection, match="closed the connection while it was idle"):
                await send(post)


@pytest.mark.parametrize("begun", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_an_answer_that_had_begun_is_not_stale(begun: bytes) -> None:
    """Where a byte of an answer came, the call arrived, and may be billed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(written())
        await read_request(reader)
        writer.write(begun)

    async with raw_server(talk) as server, posting(server.base_url) as post:
        await send(post)
        with pytest.raises(ConnectionFailed) as caught:
            await send(post)
    assert not isinstance(caught.value, StaleConnection)


async def test_a_new_connection_that_breaks_is_a_failure() -> None:
    """What a server closes before the first answer is not repeated for free: it may be billed."""
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)

    async with raw_server(talk) as server, posting(server.base_url) as post:
        with pytest.raises(ConnectionFailed) as caught:
            await send(post)
    assert connections == 1
    assert not isinstance(caught.value, StaleConnection)


async def test_an_answer_cut_in_the_middle_is_malformed() -> None:
    """Half a body on a kept connection is neither an answer nor repeated for free."""
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)
        writer.write(written())
        await read_request(reader)
        writer.write(written()[:-20])

    async with raw_server(talk) as server, posting(server.base_url) as post:
        await send(post)
        with pytest.raises(MalformedAnswer, match="was cut short"):
            await send(post)
    assert connections == 1


@pytest.mark.parametrize(
    "rubbish",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10**5,
        b"HTTP/1.1 200 OK\r\n" + b"X: x\r\n" * 10**5,
    ],
)
async def test_what_is_not_http_is_malformed(rubbish: bytes) -> None:
    """Another protocol behind the port, or endless headers, is an error of this package."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(rubbish)
        await writer.drain()

    async with raw_server(talk) as server, posting(server.base_url) as post:
        with pytest.raises((MalformedAnswer, ConnectionFailed)):
            await send(post)


async def test_a_server_that_never_answers_times_out() -> None:
    """Neither silence nor one byte at a time outlasts the timeout."""

    async def silent(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        await reader.read()

    async def trickling(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        for byte in written():
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)

    for talk in (silent, trickling):
        async with raw_server(talk) as server, posting(server.base_url, timeout_s=0.2) as post:
            with pytest.raises(TimedOut, match=r"no complete answer .* within 0\.2 s"):
                await send(post)


async def test_cancelling_a_call_closes_its_connection() -> None:
    """The server sees that nobody waits any more."""
    gone = asyncio.Event()
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()
        gone.set()

    async with raw_server(talk) as server, posting(server.base_url) as post:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(send(post))
            await arrived.wait()
            call.cancel()
        await gone.wait()
    assert call.cancelled()
