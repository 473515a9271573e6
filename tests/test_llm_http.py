"""HTTP against real servers on loopback, well and badly behaved."""

from __future__ import annotations

import asyncio
import gzip
import inspect
import os
import resource
import shutil
import socket
import ssl
import subprocess
import zlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import orjson
import pytest
from aiohttp import web
from aiohttp.client_reqrep import ConnectionKey

from codeclm.errors import (
    AnswerTooLarge,
    CodecLMError,
    ConnectionFailed,
    EndpointRefused,
    MalformedAnswer,
    RateLimited,
    StaleConnection,
    TimedOut,
    Unreachable,
)
from codeclm.llm.http import ANSWER_LIMIT_BYTES, Post, open_session
from codeclm.llm.secret import Secret
from tests.chat_server import (
    OK,
    Answer,
    Talk,
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
BODY = b'{"model": "m"}'


@asynccontextmanager
async def posting(base_url: str, timeout_s: float = 30) -> AsyncIterator[Post]:
    async with open_session() as session:
        yield Post(session, base_url, "/chat/completions", key=Secret(KEY), timeout_s=timeout_s)


async def failure(answer: Answer, timeout_s: float = 30) -> Exception:
    async with chat_server(answer) as server, posting(server.base_url, timeout_s) as post:
        error = await outcome(post.send(BODY))
    assert isinstance(error, Exception)
    return error


async def test_a_call_is_one_post() -> None:
    """It carries the body, the key, and nothing that a server could set on us."""
    cookie = {"Set-Cookie": "session=1", "X-Request-Id": "7"}
    async with (
        chat_server(always(201, OK, cookie)) as server,
        posting(server.base_url) as post,
    ):
        await post.send(BODY)
        answer = await post.send(BODY)
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
        await keyed.send(BODY)
        await Post(session, server.base_url, "/m").send(BODY)
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
                assert (await post.send(BODY)).status == status
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
            assert (await post.send(BODY)).status == 200
            with pytest.raises(StaleConnection, match="closed the connection while it was idle"):
                await post.send(BODY)


@pytest.mark.parametrize("begun", [b"HTTP/1.1 2", b"HTTP/1.1 200 OK\r\nContent-Le"])
async def test_an_answer_that_had_begun_is_not_stale(begun: bytes) -> None:
    """Where a byte of an answer came, the call arrived, and may be billed."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(written())
        await read_request(reader)
        writer.write(begun)

    async with raw_server(talk) as server, posting(server.base_url) as post:
        await post.send(BODY)
        with pytest.raises(ConnectionFailed) as caught:
            await post.send(BODY)
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
            await post.send(BODY)
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
        await post.send(BODY)
        with pytest.raises(MalformedAnswer, match="was cut short"):
            await post.send(BODY)
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
            await post.send(BODY)


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
                await post.send(BODY)


def chunked(blocks: int) -> Answer:
    """A body of so many MiB without its length being told."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        await response.prepare(request)
        for _ in range(blocks):
            await response.write(b" " * 2**20)
        await response.write(b"!")
        return response

    return answer


async def test_an_answer_may_be_large_but_not_endless() -> None:
    """A body just under the limit is read, however it is sent; one over it is dropped on the way."""
    limit_mib = ANSWER_LIMIT_BYTES >> 20
    for answer in (chunked(limit_mib - 1), always(200, b" " * (ANSWER_LIMIT_BYTES - 1) + b"!")):
        async with chat_server(answer) as server, posting(server.base_url) as post:
            assert (await post.send(BODY)).body.strip() == b"!"
    for answer in (chunked(limit_mib + 5), always(200, b" " * (ANSWER_LIMIT_BYTES + 1))):
        error = await failure(answer)
        assert isinstance(error, AnswerTooLarge)
        assert str(error) == "the answer is larger than 16 MiB"


async def test_a_gigabyte_is_refused_by_its_length() -> None:
    """What says that it is too large is not read at all, and its connection is closed."""
    closed = asyncio.Event()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_request(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000000\r\n\r\n ")
        await reader.read()
        closed.set()

    async with raw_server(talk) as server, posting(server.base_url) as post:
        with pytest.raises(AnswerTooLarge):
            await post.send(BODY)
        await closed.wait()


@pytest.mark.parametrize("encoding", ["gzip", "deflate"])
async def test_a_bomb_does_not_unfold(encoding: str) -> None:
    """200 MiB in 200 kB are given up at the limit, counted after decompression."""
    plain = b" " * (200 * 2**20)
    packed = gzip.compress(plain, 1) if encoding == "gzip" else zlib.compress(plain, 1)
    error = await failure(always(200, packed, {"Content-Encoding": encoding}))
    assert isinstance(error, AnswerTooLarge)
    assert str(error) == "the answer is larger than 16 MiB"


async def test_a_compressed_answer_is_read() -> None:
    """A server that compresses unasked is understood, and broken compression is malformed."""
    gzipped = {"Content-Encoding": "gzip"}
    packed = gzip.compress(b"plain")
    async with (
        chat_server(always(200, packed, gzipped)) as server,
        posting(server.base_url) as post,
    ):
        assert (await post.send(BODY)).body == b"plain"
        assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert isinstance(await failure(always(200, b"rubbish", gzipped)), MalformedAnswer)


async def test_the_next_call_after_a_failure_works() -> None:
    """Whatever came before, the session goes on."""
    answers = in_turn(chunked(20), always(200, b"rubbish", {"Content-Encoding": "gzip"}), fine)
    async with chat_server(answers) as server, posting(server.base_url) as post:
        failures = [await outcome(post.send(BODY)) for _ in range(2)]
        assert [type(each) for each in failures] == [AnswerTooLarge, MalformedAnswer]
        assert (await post.send(BODY)).status == 200


async def test_no_more_open_files_is_a_rate_limit() -> None:
    """The endpoint is slowed, and no item fails for it; a file closed, calls work again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with chat_server() as server, posting(server.base_url) as post:
        lowest = os.dup(0)  # the lowest free number: a limit there leaves none
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            error = await outcome(post.send(BODY))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert isinstance(error, RateLimited)
        assert "no more files may be open" in str(error)
        assert (await post.send(BODY)).status == 200


async def test_nobody_there() -> None:
    """A refused connection is transient; the message names the URL and the reason."""
    with socket.socket() as silent:  # bound, so that nobody else gets the port; not listening
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        async with posting(f"http://127.0.0.1:{port}/v1") as post:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{port}/v1: .*refused"):
                await post.send(BODY)


async def test_plain_http_behind_an_https_url() -> None:
    """TLS that cannot be agreed on is no connection, and the message says so."""
    async with chat_server() as server, posting(server.base_url.replace("http:", "https:")) as post:
        with pytest.raises(Unreachable, match="no TLS"):
            await post.send(BODY)


async def test_a_certificate_that_nobody_signed_stops_the_run(tmp_path: Path) -> None:
    """No later call could succeed."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*self_signed(tmp_path))

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=context)
    url = f"https://localhost:{server.sockets[0].getsockname()[1]}/v1"
    async with server, posting(url) as post:
        with pytest.raises(EndpointRefused, match=f"certificate of {url} is not trusted"):
            await post.send(BODY)


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=localhost"
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate, key


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
            call = group.create_task(post.send(BODY))
            await arrived.wait()
            call.cancel()
        await gone.wait()
    assert call.cancelled()


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

    class Failing:
        async def post(self, *arguments: object, **named: object) -> object:
            raise error

    post = Post(Failing(), "http://127.0.0.1:1/v1", "/m", key=Secret(KEY))  # type: ignore[arg-type]
    translated = await outcome(post.send(BODY))
    assert isinstance(translated, CodecLMError)
    assert translated.__cause__ is translated.__context__ is None
    assert KEY not in repr(translated)


@pytest.mark.parametrize(
    ("name", "kind", "said"),
    [
        ("ConnectionTimeoutError", Unreachable, "no connection to http://h/v1 within 15 s"),
        ("ClientConnectorDNSError", Unreachable, "no connection to http://h/v1: "),
        ("ClientConnectorCertificateError", EndpointRefused, "is not trusted"),
        ("InvalidURL", EndpointRefused, "is not a URL that can be called"),
        ("TimeoutError", TimedOut, "no complete answer from http://h/v1 within 9 s"),
        ("ServerTimeoutError", TimedOut, "no complete answer"),
        ("ClientPayloadError", MalformedAnswer, "was cut short"),
        ("ClientResponseError", MalformedAnswer, "is not HTTP"),
        ("ServerDisconnectedError", StaleConnection, "while it was idle"),
        ("ClientOSError", StaleConnection, "while it was idle"),
        ("ConnectionResetError", StaleConnection, "while it was idle"),
    ],
)
async def test_errors_are_told_apart(name: str, kind: type[CodecLMError], said: str) -> None:
    """What may be tried again at once, later or never is another error each."""
    error = next(each for each in instances() if type(each).__name__ == name)

    class Failing:
        async def post(self, *arguments: object, **named: object) -> object:
            raise error

    post = Post(Failing(), "http://h/v1", "/m", timeout_s=9)  # type: ignore[arg-type]
    with pytest.raises(kind, match=said) as caught:
        await post.send(BODY)
    assert type(caught.value) is kind
