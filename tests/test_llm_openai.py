"""The provider against a real server on loopback, well and badly behaved."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import socket
import ssl
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import aiohttp
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from codeclm.errors import (
    CodecLMError,
    ConnectionFailed,
    EndpointRefused,
    MalformedAnswer,
    RateLimited,
    RequestRefused,
    ServerError,
    TimedOut,
    Unreachable,
)
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.openai import ANSWER_LIMIT_BYTES, OpenAIChat, open_session
from codeclm.llm.secret import Secret
from tests.chat_server import (
    OK,
    Answer,
    always,
    chat_server,
    fine,
    in_turn,
    raw_server,
    read_request,
    written,
)
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio

KEY = "canary-0123456789"
ASKED = ChatRequest((Message("user", "Hi"),), temperature=0.7, max_tokens=20, draw=4)
YES = Completion("yes", "stop", Usage(3, 1))


@asynccontextmanager
async def chat(
    base_url: str, timeout_s: float = 30, send_seed: bool = False
) -> AsyncIterator[OpenAIChat]:
    async with open_session() as session:
        endpoint = Endpoint(base_url, "m", "EXAMPLE_API_KEY")
        yield OpenAIChat(session, endpoint, Secret(KEY), timeout_s=timeout_s, send_seed=send_seed)


async def failure(answer: Answer, timeout_s: float = 30) -> Exception:
    async with chat_server(answer) as server, chat(server.base_url, timeout_s) as model:
        error = await outcome(model.complete(ASKED))
    assert isinstance(error, Exception)
    return error


async def test_a_call_is_one_post() -> None:
    """It carries the payload, the key, and nothing that a server could set on us."""
    cookie = {"Set-Cookie": "session=1"}
    async with (
        chat_server(always(200, OK, cookie)) as server,
        chat(server.base_url, send_seed=True) as model,
    ):
        assert await model.complete(ASKED) == YES
        assert await model.complete(ASKED) == YES
    assert len(server.requests) == 2
    assert server.requests[1].body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "max_tokens": 20,
        "seed": 4,
    }
    headers = server.requests[1].headers
    assert headers["Authorization"] == f"Bearer {KEY}"
    assert headers["Content-Type"] == "application/json"
    assert "Cookie" not in headers


async def test_without_a_key_none_is_sent() -> None:
    """A local server without keys gets no header for one."""
    async with chat_server() as server, open_session() as session:
        model = OpenAIChat(session, Endpoint(server.base_url, "m"))
        assert await model.complete(ASKED) == YES
    assert "Authorization" not in server.requests[0].headers


async def test_error_answers_become_errors() -> None:
    """Status, headers and body of a real answer arrive in the error."""
    error = await failure(always(429, {"error": {"message": "slow"}}, {"Retry-After": "7"}))
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 7
    assert str(error) == "HTTP 429: slow"
    assert isinstance(await failure(always(503, b"<html>busy</html>")), ServerError)
    assert isinstance(await failure(always(422, {"detail": "no"})), RequestRefused)
    assert isinstance(await failure(always(200, b"not json")), MalformedAnswer)
    assert "EXAMPLE_API_KEY" in str(await failure(always(401)))


async def test_redirects_are_not_followed() -> None:
    """The key goes nowhere but to the base URL."""
    async with chat_server() as elsewhere:
        location = {"Location": f"{elsewhere.base_url}/chat/completions"}
        for status in (301, 302, 307, 308):
            error = await failure(always(status, b"", location))
            assert isinstance(error, EndpointRefused)
            assert "redirects are not followed" in str(error)
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
async def test_a_connection_closed_while_idle_costs_nothing(talk: object) -> None:
    """Calls on kept connections that the server drops are repeated at once, unseen from outside."""
    async with raw_server(talk) as server, chat(server.base_url) as model:  # type: ignore[arg-type]
        for _ in range(20):
            assert await model.complete(ASKED) == YES


async def test_a_new_connection_that_breaks_is_a_failure() -> None:
    """What a server closes before the first answer is not repeated for free: it may be billed."""
    connections = 0

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        await read_request(reader)

    async with raw_server(talk) as server, chat(server.base_url) as model:
        with pytest.raises(ConnectionFailed):
            await model.complete(ASKED)
    assert connections == 1


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

    async with raw_server(talk) as server, chat(server.base_url) as model:
        await model.complete(ASKED)
        with pytest.raises(MalformedAnswer, match="was cut short"):
            await model.complete(ASKED)
    assert connections == 1


@pytest.mark.parametrize(
    "rubbish",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 abc OK\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * 10**5,
    ],
)
async def test_what_is_not_http_is_malformed(rubbish: bytes) -> None:
    """Another protocol behind the port, or endless headers, is an error of this package."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(rubbish)
        await writer.drain()

    async with raw_server(talk) as server, chat(server.base_url) as model:
        with pytest.raises((MalformedAnswer, ConnectionFailed)):
            await model.complete(ASKED)


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
        async with raw_server(talk) as server, chat(server.base_url, timeout_s=0.2) as model:
            with pytest.raises(TimedOut, match=r"no complete answer .* within 0\.2 s"):
                await model.complete(ASKED)


def chunked(blocks: int) -> Answer:
    """A body of so many MiB without its length being told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(blocks):
            await response.write(b" " * 2**20)
        await response.write(b'{"choices": [{"message": {"content": "yes"}}]}')
        return response

    return answer


async def test_an_answer_may_be_large_but_not_endless() -> None:
    """A body just under the limit is read, however it is sent; one over it is dropped on the way."""
    limit_mib = ANSWER_LIMIT_BYTES >> 20
    large = b" " * (ANSWER_LIMIT_BYTES - 2000) + b'{"choices": [{"message": {"content": "yes"}}]}'
    for answer in (chunked(limit_mib - 1), always(200, large)):
        async with chat_server(answer) as server, chat(server.base_url) as model:
            assert (await model.complete(ASKED)).text == "yes"
    for answer in (chunked(limit_mib + 5), always(200, b" " * (ANSWER_LIMIT_BYTES + 1))):
        error = await failure(answer)
        assert isinstance(error, MalformedAnswer)
        assert str(error) == "the answer is larger than 16 MiB"


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_does_not_unfold(encoding: str) -> None:
    """200 MiB in 200 kB are given up at the limit, counted after decompression."""
    plain = b" " * (200 * 2**20)
    packed = gzip.compress(plain, 1) if encoding == "gzip" else zlib.compress(plain, 1)
    error = await failure(always(200, packed, {"Content-Encoding": encoding}))
    assert str(error) == "the answer is larger than 16 MiB"


async def test_a_compressed_answer_is_read() -> None:
    """A server that compresses unasked is understood, and broken compression is malformed."""
    packed = gzip.compress(b'{"choices": [{"message": {"content": "yes"}}]}')
    gzipped = {"Content-Encoding": "gzip"}
    async with (
        chat_server(always(200, packed, gzipped)) as server,
        chat(server.base_url) as model,
    ):
        assert (await model.complete(ASKED)).text == "yes"
    assert isinstance(await failure(always(200, b"rubbish", gzipped)), MalformedAnswer)


async def test_the_next_call_after_a_failure_works() -> None:
    """Whatever came before, the session goes on."""
    answers = in_turn(always(500), chunked(20), always(200, b""), fine)
    async with chat_server(answers) as server, chat(server.base_url) as model:
        failures = [await outcome(model.complete(ASKED)) for _ in range(3)]
        assert [type(each) for each in failures] == [ServerError, MalformedAnswer, MalformedAnswer]
        assert await model.complete(ASKED) == YES


async def test_nobody_there() -> None:
    """A refused connection is transient; the message names the URL and the reason."""
    with socket.socket() as silent:  # bound, so that nobody else gets the port; not listening
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        async with chat(f"http://127.0.0.1:{port}/v1") as model:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{port}/v1: .*refused"):
                await model.complete(ASKED)


async def test_plain_http_behind_an_https_url() -> None:
    """TLS that cannot be agreed on is a failed connection."""
    async with chat_server() as server, chat(server.base_url.replace("http:", "https:")) as model:
        with pytest.raises(ConnectionFailed):
            await model.complete(ASKED)


async def test_cancelling_a_call_closes_its_connection() -> None:
    """The server sees that nobody waits any more."""
    gone = asyncio.Event()
    arrived = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        arrived.set()
        await reader.read()
        gone.set()

    async with raw_server(talk) as server, chat(server.base_url) as model:
        async with asyncio.TaskGroup() as group:
            call = group.create_task(model.complete(ASKED))
            await arrived.wait()
            call.cancel()
        await gone.wait()
    assert call.cancelled()


async def test_repr_shows_no_key() -> None:
    """A model may be logged."""
    async with chat("http://127.0.0.1:1/v1") as model:
        assert repr(model) == "OpenAIChat('m' at http://127.0.0.1:1/v1)"


def instances() -> list[Exception]:
    """One of each error that aiohttp's client can raise, and those of the layers below it."""
    info = aiohttp.RequestInfo(None, "POST", {"Authorization": KEY})  # type: ignore[arg-type]
    key = ConnectionKey("h", 1, True, True, None, None, None)
    certificate = ssl.SSLCertVerificationError("bad")
    found: list[Exception] = [
        OSError(5, "I/O"),
        TimeoutError(),
        ConnectionResetError(),
        ssl.SSLError(),
    ]
    for name in aiohttp.client_exceptions.__all__:
        kind = getattr(aiohttp.client_exceptions, name)
        if issubclass(kind, aiohttp.ClientConnectorCertificateError):
            found.append(kind(key, certificate))
        elif issubclass(kind, aiohttp.ClientConnectorError):
            found.append(kind(key, OSError(111, "refused")))
        elif issubclass(kind, aiohttp.ClientResponseError):
            found.append(kind(info, ()))
        elif issubclass(kind, aiohttp.ServerFingerprintMismatch):
            found.append(kind(b"a", b"b", "h", 1))
        elif issubclass(kind, aiohttp.ClientError) and not inspect.isabstract(kind):
            found.append(kind("http://x") if issubclass(kind, aiohttp.InvalidURL) else kind())
    return found


@pytest.mark.parametrize("error", instances(), ids=lambda error: type(error).__name__)
async def test_every_error_of_aiohttp_is_translated(error: Exception) -> None:
    """Whatever aiohttp raises becomes an error of this package, alone and without headers."""

    class Session:
        async def post(self, *arguments: object, **named: object) -> object:
            raise error

    endpoint = Endpoint("http://127.0.0.1:1/v1", "m")
    model = OpenAIChat(Session(), endpoint, Secret(KEY))  # type: ignore[arg-type]
    translated = await outcome(model.complete(ASKED))
    assert isinstance(translated, CodecLMError)
    assert translated.__cause__ is translated.__context__ is None
    assert KEY not in repr(translated)


async def test_a_certificate_that_is_not_trusted_stops_the_run() -> None:
    """No later call could succeed."""
    error = next(e for e in instances() if isinstance(e, aiohttp.ClientConnectorCertificateError))

    class Session:
        async def post(self, *arguments: object, **named: object) -> object:
            raise error

    model = OpenAIChat(Session(), Endpoint("https://x/v1", "m"))  # type: ignore[arg-type]
    with pytest.raises(EndpointRefused, match="certificate of https://x/v1 is not trusted"):
        await model.complete(ASKED)
