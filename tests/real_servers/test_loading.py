"""A server that is asked before its model is loaded."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import DEVNULL
from pathlib import Path

import pytest

from codeclm.llm.chat import ChatRequest, Completion, Message
from tests.real_servers.asking import client
from tests.real_servers.child import environ, free_port
from tests.real_servers.conftest import skip_without
from tests.real_servers.llama_cpp import KEY, MODEL, OWN_NAME, own_command
from tests.real_servers.server import Server
from tests.virtual_time import outcome

pytestmark = [pytest.mark.real_servers, pytest.mark.anyio]

ANSWERS_WITHIN_S = 60


async def kinds_until_answered(server: Server) -> list[str]:
    """Ask again and again; the names of what comes before the first answer."""
    kinds: list[str] = []
    request = ChatRequest((Message("user", "Hi"),), max_tokens=2)
    async with client(server) as chat, asyncio.timeout(ANSWERS_WITHIN_S):
        while not isinstance(answer := await outcome(chat.complete(request)), Completion):
            kinds.append(type(answer).__name__)
            await asyncio.sleep(0)
    return kinds


async def test_a_start_is_waited_for(tmp_path: Path) -> None:
    """llama-server is at first unreachable, then loading, then answers: nothing of it is for ever."""
    skip_without(OWN_NAME)
    port = free_port()
    command = [*own_command(tmp_path), "--port", str(port)]
    server = Server(OWN_NAME, "", f"http://127.0.0.1:{port}/v1", MODEL, KEY)
    child = await asyncio.create_subprocess_exec(
        *command, env=environ(tmp_path), stdout=DEVNULL, stderr=DEVNULL
    )
    try:
        kinds = await kinds_until_answered(server)
    finally:
        child.terminate()
        await child.wait()
    print(sorted((kind, kinds.count(kind)) for kind in set(kinds)))
    assert set(kinds) <= {"Unreachable", "ModelLoading"}
