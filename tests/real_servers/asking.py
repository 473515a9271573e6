"""Asking a real server: the raw answer on the wire, and what codeclm's own client makes of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass

import aiohttp

from codeclm.errors import ParameterRefused, TransientError
from codeclm.llm.access import direct_model, new_dialect
from codeclm.llm.catalogue import PROVIDERS
from codeclm.llm.chat import ChatModel, ChatRequest, Completion, Message
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import open_session
from codeclm.llm.secret import Secret
from tests.real_servers.server import Probe, Server
from tests.virtual_time import outcome

__all__ = ["Answer", "check", "client", "client_outcome", "raw_answer"]

TIMEOUT_S = 60


@dataclass(frozen=True, slots=True)
class Answer:
    """What came over the wire; names of headers in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes


@asynccontextmanager
async def client(
    server: Server,
    *,
    model: str | None = None,
    key: str | None = None,
    fields: Mapping[str, object] | None = None,
    base_url: str | None = None,
) -> AsyncIterator[ChatModel]:
    """codeclm's client for ``server``, with some of it replaced."""
    fields = dict(fields or {})
    named = fields.pop("model", model or server.model)
    endpoint = Endpoint(base_url or server.base_url, str(named), "SERVER_API_KEY")
    given = server.key if key is None else key
    secret = Secret(given) if given else None
    async with open_session() as session:
        quirks = PROVIDERS["litellm"].quirks
        yield direct_model(
            session,
            endpoint,
            quirks,
            new_dialect(quirks),
            key=secret,
            extra_body=fields,
            timeout_s=TIMEOUT_S,
        )


async def client_outcome(server: Server, probe: Probe) -> Completion | Exception:
    """What the client returns or raises; of several calls the first that is refused."""
    request = ChatRequest((Message("user", probe.prompt),))
    async with (
        client(server, model=probe.model, key=probe.key, fields=probe.fields) as chat,
        asyncio.TaskGroup() as group,
    ):
        calls = [
            group.create_task(outcome(chat.complete(request)), name=f"call {n}")
            for n in range(probe.crowd)
        ]
    outcomes = [call.result() for call in calls]
    return next((one for one in outcomes if isinstance(one, Exception)), outcomes[0])


async def raw_answer(server: Server, probe: Probe) -> Answer:
    """The answer as it is; of several calls the first that is refused."""
    async with aiohttp.ClientSession() as session, asyncio.TaskGroup() as group:
        calls = [
            group.create_task(_post(session, server, probe), name=f"post {n}")
            for n in range(probe.crowd)
        ]
    answers = [call.result() for call in calls]
    return max(answers, key=lambda answer: answer.status)


async def _post(session: aiohttp.ClientSession, server: Server, probe: Probe) -> Answer:
    body: dict[str, object] = {
        "model": probe.model or server.model,
        "messages": [{"role": "user", "content": probe.prompt}],
        **probe.fields,
    }
    body = {name: value for name, value in body.items() if value is not None}
    key = server.key if probe.key is None else probe.key
    headers = {"Authorization": f"Bearer {key}"} if key else {}
    url = f"{server.base_url}/chat/completions"
    async with session.post(url, json=body, headers=headers) as response:
        named = {name.lower(): value for name, value in response.headers.items()}
        return Answer(response.status, named, await response.read())


def check(got: Completion | Exception, probe: Probe) -> None:
    """``got`` is what ``probe`` must amount to."""
    if probe.error is None:
        assert isinstance(got, Completion), repr(got)
        assert got.finish_reason == probe.finish_reason
        return
    assert type(got).__name__ == probe.error, repr(got)
    if probe.retry_after_s is not None:
        assert isinstance(got, TransientError)
        assert got.retry_after_s == probe.retry_after_s
    if probe.parameter:
        assert isinstance(got, ParameterRefused)
        assert got.parameter == probe.parameter
