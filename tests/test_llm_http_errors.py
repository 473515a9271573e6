"""Every way in which no answer comes is an error of this package, named for what it is."""

from __future__ import annotations

import asyncio
import inspect
import os
import resource
import shutil
import socket
import ssl
import subprocess
from pathlib import Path

import aiohttp
import pytest
from aiohttp.client_reqrep import ConnectionKey

from codeclm.errors import (
    CodecLMError,
    EndpointRefused,
    MalformedAnswer,
    RateLimited,
    StaleConnection,
    TimedOut,
    Unreachable,
)
from codeclm.llm.http import Post
from codeclm.llm.secret import Secret
from tests.chat_server import (
    chat_server,
)
from tests.posting import KEY, posting, send
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio


async def test_no_more_open_files_is_a_rate_limit() -> None:
    """The endpoint is slowed, and no item fails for it; a file closed, calls work again."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    async with chat_server() as server, posting(server.base_url) as post:
        lowest = os.dup(0)  # the lowest free number: a limit there leaves none
        os.close(lowest)
        resource.setrlimit(resource.RLIMIT_NOFILE, (lowest, hard))
        try:
            error = await outcome(send(post))
        finally:
            resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        assert isinstance(error, RateLimited)
        assert "no more files may be open" in str(error)
        assert (await send(post)).status == 200


async def test_nobody_there() -> None:
    """A refused connection is transient; the message names the URL and the reason."""
    with socket.socket() as silent:  # bound, so that nobody else gets the port; not listening
        silent.bind(("127.0.0.1", 0))
        port = silent.getsockname()[1]
        async with posting(f"http://127.0.0.1:{port}/v1") as post:
            with pytest.raises(Unreachable, match=f"127.0.0.1:{port}/v1: .*refused"):
                await send(post)


async def test_plain_http_behind_an_https_url() -> None:
    """TLS that cannot be agreed on is no connection, and the message says so."""
    async with chat_server() as server, posting(server.base_url.replace("http:", "https:")) as post:
        with pytest.raises(Unreachable, match="no TLS"):
            await send(post)


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
            await send(post)


def self_signed(directory: Path) -> tuple[Path, Path]:
    """A certificate for this machine, and its key."""
    if not shutil.which("openssl"):
        pytest.skip("openssl is not installed")
    certificate, key = directory / "cert.pem", directory / "key.pem"
    command = "openssl req -x509 -nodes -newkey rsa:2048 -days 2 -subj /CN=localhost"
    files = ["-out", str(certificate), "-keyout", str(key)]
    subprocess.run([*command.split(), *files], check=True, capture_output=True)
    return certificate, key


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
    translated = await outcome(send(post))
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
        await send(post)
    assert type(caught.value) is kind
