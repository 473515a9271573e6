"""HTTP over aiohttp: the only file that talks to the network with it."""

from __future__ import annotations

import errno
import os
import ssl
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from io import BytesIO
from typing import Any, NamedTuple

import aiohttp

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
from codeclm.llm.deadlines import Deadlines
from codeclm.llm.secret import Secret, bare

__all__ = ["ANSWER_LIMIT_BYTES", "Answer", "Post", "Session", "open_session"]

Session = aiohttp.ClientSession

JSON = "application/json"
ANSWER_LIMIT_BYTES = 16 * 2**20
ONE_PIECE_BYTES = 2**20  # a larger body is sent in pieces: the loop would stand still for it
HEADER_LIMIT_BYTES = 16 * 2**10  # for one of them
CONNECT_S = 15
KEEP_ALIVE_S = 4  # common servers drop an idle connection after 5 s
DNS_CACHE_S = 300
NO_MORE_FILES = (errno.EMFILE, errno.ENFILE)

# Before these versions of Python, TLS connections that are not closed cleanly are never freed.
LEAKS_TLS = sys.version_info < (3, 12, 8) or (3, 13, 0) <= sys.version_info < (3, 13, 1)

# Whether the call of this task made a connection, or took one that was kept alive.
_connected: ContextVar[bool] = ContextVar("_connected", default=False)


class _Connector(aiohttp.TCPConnector):
    """Notes new connections; aiohttp's own tracing does it too, for a fifth of the cost of a call."""

    async def _create_connection(self, *arguments: Any, **named: Any) -> Any:
        _connected.set(True)
        return await super()._create_connection(*arguments, **named)


@asynccontextmanager
async def open_session() -> AsyncIterator[Session]:
    """A session for all endpoints: no limit of its own, no cookies, no default headers."""
    connector = _Connector(
        limit=0,
        ttl_dns_cache=DNS_CACHE_S,
        keepalive_timeout=KEEP_ALIVE_S,
        enable_cleanup_closed=LEAKS_TLS,
    )
    async with Session(
        connector=connector,
        cookie_jar=aiohttp.DummyCookieJar(),
        raise_for_status=False,
        max_line_size=HEADER_LIMIT_BYTES,
        max_field_size=HEADER_LIMIT_BYTES,
    ) as session:
        yield session


class Answer(NamedTuple):
    """A whole HTTP answer. ``headers`` are looked up in any case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Post:
    """Posts JSON to one URL, within ``timeout_s`` for the whole call; no retries, no redirects.

    The key goes out in ``key_header``, as a bearer token where that is Authorization. What fails is returned, not
    raised: TransientError, AnswerTooLarge, or EndpointRefused where no call can succeed, without frames and causes,
    for those would hold headers, and so the key.
    """

    def __init__(
        self,
        session: Session,
        base_url: str,
        path: str,
        *,
        key: Secret | None = None,
        key_header: str = "Authorization",
        headers: Mapping[str, str] | None = None,
        timeout_s: float = 600,
    ) -> None:
        self._session = session
        self._where = base_url
        self._url = base_url + path
        self._key = key
        self._key_header = key_header
        # Answers are not worth the time that compression takes.
        self._headers = {"Content-Type": JSON, "Accept-Encoding": "identity", **(headers or {})}
        self._timeout_s = timeout_s
        self._deadlines = Deadlines(timeout_s)
        self._timeout = aiohttp.ClientTimeout(total=None, sock_connect=CONNECT_S)

    async def send(self, body: bytes) -> Answer | CodecLMError:
        """One POST, and its answer read to the end; or the error that it ended in."""
        _connected.set(False)
        response: aiohttp.ClientResponse | None = None
        try:
            with self._deadlines.block():
                response = await self._session.post(
                    self._url,
                    data=_payload(body),
                    headers=self._all_headers(),
                    timeout=self._timeout,
                    allow_redirects=False,
                )
                return Answer(response.status, response.headers, await _read(response))
        except BaseException as error:
            if response is not None:
                response.close()  # read to its end, it gives its connection back by itself
            if isinstance(error, CodecLMError):
                return bare(error)
            if isinstance(error, aiohttp.ClientError | OSError):
                stale = self._stale(error) if response is None else None
                return bare(stale or self._translated(error))
            raise

    def _all_headers(self) -> Mapping[str, str]:
        if self._key is None:
            return self._headers
        kind = "Bearer " if self._key_header == "Authorization" else ""
        return {**self._headers, self._key_header: kind + self._key.reveal()}

    def _stale(self, error: Exception) -> StaleConnection | None:
        """The error where a kept connection broke before a byte of an answer came."""
        broken = (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError)
        connecting = _connected.get() or isinstance(error, aiohttp.ClientConnectorError)
        if connecting or not isinstance(error, broken):
            return None
        if isinstance(error, aiohttp.ServerDisconnectedError) and not isinstance(
            error.message, str
        ):
            return None  # the message is then what came of the answer
        return StaleConnection(f"{self._where} had closed the connection while it was idle")

    def _translated(self, error: Exception) -> CodecLMError:
        where = self._where
        if _number(error) in NO_MORE_FILES:
            return RateLimited(
                f"no more files may be open, so there is no connection to {where}; "
                "raise the limit (ulimit -n) or lower max_in_flight"
            )
        match error:
            case aiohttp.ClientConnectorCertificateError():
                return EndpointRefused(f"the certificate of {where} is not trusted")
            case aiohttp.InvalidURL():
                return EndpointRefused(f"{where} is not a URL that can be called")
            case aiohttp.ConnectionTimeoutError():
                return Unreachable(f"no connection to {where} within {CONNECT_S} s")
            case aiohttp.ClientConnectorError():
                return Unreachable(f"no connection to {where}: {_reason(error)}")
            case TimeoutError():
                return TimedOut(f"no complete answer from {where} within {self._timeout_s:g} s")
            case aiohttp.ClientPayloadError() | aiohttp.ClientResponseError():
                return MalformedAnswer(f"the answer of {where} was cut short or is not HTTP")
            case _:
                return ConnectionFailed(f"the connection to {where} failed: {_reason(error)}")


def _payload(body: bytes) -> aiohttp.Payload:
    """``body`` as aiohttp sends it; that it need not find out itself what it is saves 2 % of a call."""
    if len(body) <= ONE_PIECE_BYTES:
        return aiohttp.BytesPayload(body, content_type=JSON)
    return aiohttp.BytesIOPayload(BytesIO(body), content_type=JSON)


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, never more of it in memory than the limit, counted after decompression."""
    length = response.content_length or 0
    if length > ANSWER_LIMIT_BYTES:
        raise _too_large()
    if length and _is_plain(response):
        return await response.read()
    chunks: list[bytes] = []
    left_bytes = ANSWER_LIMIT_BYTES
    while chunk := await response.content.readany():
        chunks.append(chunk)
        left_bytes -= len(chunk)
        if left_bytes < 0:
            raise _too_large()
    return b"".join(chunks)


def _too_large() -> AnswerTooLarge:
    return AnswerTooLarge(f"the answer is larger than {ANSWER_LIMIT_BYTES >> 20} MiB")


def _is_plain(response: aiohttp.ClientResponse) -> bool:
    return response.headers.get("Content-Encoding", "identity") == "identity"


def _number(error: Exception) -> int:
    """The operating system's number of the error, 0 where it has none."""
    return getattr(getattr(error, "os_error", error), "errno", None) or 0


def _reason(error: Exception) -> str:
    """What the operating system says, or the kind of error; never an object with headers in it."""
    cause, number = getattr(error, "os_error", error), _number(error)
    if isinstance(cause, ssl.SSLError):
        return f"no TLS ({getattr(cause, 'reason', None) or 'failed'})"
    if number in errno.errorcode:
        return os.strerror(number)
    return getattr(cause, "strerror", None) or type(error).__name__
