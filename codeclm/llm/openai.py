"""An OpenAI-compatible endpoint over aiohttp: the only file that talks to the network with it."""

from __future__ import annotations

import errno
import os
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from contextvars import ContextVar
from functools import partial
from typing import Any

import aiohttp

from codeclm.errors import (
    CodecLMError,
    ConnectionFailed,
    EndpointRefused,
    MalformedAnswer,
    TimedOut,
    Unreachable,
)
from codeclm.llm.chat import ChatRequest, Completion
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.secret import Secret, redact
from codeclm.llm.wire import payload, read_completion

__all__ = ["ANSWER_LIMIT_BYTES", "OpenAIChat", "open_session"]

ANSWER_LIMIT_BYTES = 16 * 2**20
CONNECT_S = 15
KEEP_ALIVE_S = 4  # common servers drop an idle connection after 5 s
DNS_CACHE_S = 300
FREE_REPEATS = 3


# Whether the call of this task made a connection, or took one that was kept alive.
_connected: ContextVar[bool] = ContextVar("_connected", default=False)


class _Connector(aiohttp.TCPConnector):
    """Notes new connections; aiohttp's own tracing does it too, for a fifth of the cost of a call."""

    async def _create_connection(self, *arguments: Any, **named: Any) -> Any:
        _connected.set(True)
        return await super()._create_connection(*arguments, **named)


@asynccontextmanager
async def open_session() -> AsyncIterator[aiohttp.ClientSession]:
    """A session for all endpoints: no limit of its own, no cookies, no default headers."""
    connector = _Connector(limit=0, ttl_dns_cache=DNS_CACHE_S, keepalive_timeout=KEEP_ALIVE_S)
    jar = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=jar, raise_for_status=False
    ) as session:
        yield session


class OpenAIChat:
    """Asks one model of one endpoint; no retries, no limits.

    ``timeout_s`` is for the whole call. Raises TransientError (also for a broken connection or a
    timeout), RequestRefused, or RunStopped where no call can succeed.
    """

    def __init__(
        self,
        session: aiohttp.ClientSession,
        endpoint: Endpoint,
        key: Secret | None = None,
        *,
        send_seed: bool = False,
        extra_body: Mapping[str, object] | None = None,
        timeout_s: float = 600,
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._key = key
        self._url = f"{endpoint.base_url}/chat/completions"
        self._timeout_s = timeout_s
        self._timeout = aiohttp.ClientTimeout(total=timeout_s, sock_connect=CONNECT_S)
        self._payload = partial(
            payload, model=endpoint.model, send_seed=send_seed, extra_body=extra_body
        )
        self._redact = partial(redact, secret=key)

    def __repr__(self) -> str:
        return f"OpenAIChat({self._endpoint.model!r} at {self._endpoint.base_url})"

    async def complete(self, request: ChatRequest) -> Completion:
        """One POST, and up to three more where an idle connection closed under it."""
        outcome = await self._outcome(self._payload(request))
        if isinstance(outcome, Completion):
            return outcome
        raise outcome

    async def _outcome(self, body: bytes) -> Completion | CodecLMError:
        """The answer, or an error without frames and causes: those hold headers, and so the key."""
        try:
            status, headers, answer = await self._exchange(body)
            return read_completion(
                status, headers, answer, endpoint=self._endpoint, redact=self._redact
            )
        except CodecLMError as error:
            failure = error
        except (aiohttp.ClientError, OSError) as error:
            failure = self._translated(error)
        failure.__context__ = failure.__cause__ = None
        return failure.with_traceback(None)

    async def _exchange(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        """Post, and again at once if the server closed an idle connection as it was used again."""
        for _ in range(FREE_REPEATS):
            _connected.set(False)
            try:
                return await self._post(body)
            except (aiohttp.ServerDisconnectedError, aiohttp.ClientOSError, ConnectionError):
                if _connected.get():
                    raise
        return await self._post(body)

    async def _post(self, body: bytes) -> tuple[int, Mapping[str, str], bytes]:
        headers = {"Content-Type": "application/json", "Accept-Encoding": "identity"}
        if self._key is not None:
            headers["Authorization"] = f"Bearer {self._key.reveal()}"
        response = await self._session.post(
            self._url, data=body, headers=headers, timeout=self._timeout, allow_redirects=False
        )
        try:
            return response.status, response.headers, await _read(response)
        except BaseException:
            response.close()  # read to its end, it gives its connection back by itself
            raise

    def _translated(self, error: Exception) -> CodecLMError:
        where = self._endpoint.base_url
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


async def _read(response: aiohttp.ClientResponse) -> bytes:
    """The body, never more of it in memory than the limit, counted after decompression."""
    length = response.content_length
    if length is not None and length <= ANSWER_LIMIT_BYTES and _is_plain(response):
        return await response.read()
    chunks: list[bytes] = []
    left_bytes = ANSWER_LIMIT_BYTES
    while chunk := await response.content.readany():
        chunks.append(chunk)
        left_bytes -= len(chunk)
        if left_bytes < 0:
            raise MalformedAnswer(f"the answer is larger than {ANSWER_LIMIT_BYTES >> 20} MiB")
    return b"".join(chunks)


def _is_plain(response: aiohttp.ClientResponse) -> bool:
    return response.headers.get("Content-Encoding", "identity") == "identity"


def _reason(error: Exception) -> str:
    """What the operating system says, or the kind of error; never an object with headers in it."""
    cause = getattr(error, "os_error", error)
    number = getattr(cause, "errno", None) or 0
    if number in errno.errorcode:
        return os.strerror(number)
    return getattr(cause, "strerror", None) or type(error).__name__
