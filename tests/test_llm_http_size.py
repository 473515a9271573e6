"""Answers of any size over HTTP: what is read, and what is dropped on the way."""

from __future__ import annotations

import asyncio
import gzip
import zlib

import pytest
from aiohttp import web

from codeclm.errors import (
    AnswerTooLarge,
    MalformedAnswer,
)
from codeclm.llm.http import ANSWER_LIMIT_BYTES
from tests.chat_server import (
    Answer,
    always,
    chat_server,
    fine,
    in_turn,
    raw_server,
    read_request,
    written,
)
from tests.posting import posting, send
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio


async def failure(answer: Answer, timeout_s: float = 30) -> Exception:
    async with chat_server(answer) as server, posting(server.base_url, timeout_s) as post:
        error = await outcome(send(post))
    assert isinstance(error, Exception)
    return error


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
            assert (await send(post)).body.strip() == b"!"
    for answer in (chunked(limit_mib + 5), always(200, b" " * (ANSWER_LIMIT_BYTES + 1))):
        error = await failure(answer)
        assert isinstance(error, AnswerTooLarge)
        assert str(error) == "the answer is larger than 16 MiB"


async def test_a_question_may_be_large() -> None:
    """One of some MiB is sent whole, its length told, and without a warning of it."""
    sent = b'{"model": "' + b"m" * (3 * 2**20) + b'"}'
    came: list[bytes] = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(await read_request(reader))
        writer.write(written())

    async with raw_server(talk) as server, posting(server.base_url) as post:
        assert (await send(post, sent)).status == 200
    assert [each.partition(b"\r\n\r\n")[2] for each in came] == [sent]


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
            await send(post)
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
        assert (await send(post)).body == b"plain"
        assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert isinstance(await failure(always(200, b"rubbish", gzipped)), MalformedAnswer)


async def test_the_next_call_after_a_failure_works() -> None:
    """Whatever came before, the session goes on."""
    answers = in_turn(chunked(20), always(200, b"rubbish", {"Content-Encoding": "gzip"}), fine)
    async with chat_server(answers) as server, posting(server.base_url) as post:
        failures = [await outcome(send(post)) for _ in range(2)]
        assert [type(each) for each in failures] == [AnswerTooLarge, MalformedAnswer]
        assert (await send(post)).status == 200
