"""What must hold of every real server: whole answers, many at once, connections kept, calls given up."""

from __future__ import annotations

import asyncio

import pytest

from codeclm.llm.chat import ChatRequest, Completion, Message
from tests.real_servers.asking import client
from tests.real_servers.relay import relay
from tests.real_servers.server import Server

pytestmark = [pytest.mark.real_servers, pytest.mark.anyio]

AT_ONCE = 32
IDLE_S = 6  # the servers here close an idle connection after 5 s


def asked(draw: int = 0) -> ChatRequest:
    """Greedy: a drawn answer of a random model is now and then empty."""
    return ChatRequest((Message("user", "Hi"),), temperature=0, max_tokens=8, draw=draw)


async def test_an_answer_is_a_completion(server: Server) -> None:
    """Text, a finish reason that is known, and the tokens that were used."""
    async with client(server) as chat:
        answer = await chat.complete(asked())
    assert isinstance(answer, Completion)
    assert answer.text
    assert answer.finish_reason in {"stop", "length"}
    assert answer.usage.input_tokens
    assert answer.usage.output_tokens


async def test_many_at_once(server: Server) -> None:
    """32 calls at the same time are all answered."""
    async with client(server) as chat, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(chat.complete(asked(n)), name=f"call {n}") for n in range(AT_ONCE)
        ]
    assert all(call.result().finish_reason in {"stop", "length"} for call in calls)


async def test_a_connection_is_kept(server: Server) -> None:
    """Calls in turn share one connection; after a pause in which it was closed the next call is answered."""
    async with relay(server.base_url) as middle, client(server, base_url=middle.base_url) as chat:
        for draw in range(5):
            await chat.complete(asked(draw))
        assert middle.connections == 1
        await asyncio.sleep(IDLE_S)
        await chat.complete(asked(5))
        assert middle.connections == 2


async def test_a_call_that_is_given_up(server: Server) -> None:
    """A client that goes away in the middle of an answer leaves a server that answers the next one."""
    async with (
        relay(server.base_url) as middle,
        client(server, base_url=middle.base_url, fields=server.slow) as chat,
    ):
        async with asyncio.TaskGroup() as group:
            call = group.create_task(chat.complete(asked()), name="given up")
            await middle.a_request_is_under_way()
            call.cancel()
        assert call.cancelled()
    async with client(server) as chat:
        assert (await chat.complete(asked())).finish_reason in {"stop", "length"}
