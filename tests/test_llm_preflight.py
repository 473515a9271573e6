"""Before anything is spent: each thing that may be wrong is one line; what is alive is good enough."""

from __future__ import annotations

import asyncio

import pytest

from codeclm.errors import (
    CodecLMError,
    EmptyAnswer,
    EndpointRefused,
    Filtered,
    MalformedAnswer,
    QuotaExhausted,
    Refused,
    RunStopped,
    ServerError,
    ToolCallAnswer,
    UsageError,
)
from codeclm.llm.chat import ChatRequest
from codeclm.llm.preflight import PROMPT, check_answers, check_reachable
from codeclm.llm.scripted import ScriptedModel
from tests.chat_server import chat_server
from tests.running import nobody_listening

pytestmark = pytest.mark.anyio


async def check(error: CodecLMError | None) -> ScriptedModel:
    def answer(request: ChatRequest) -> str:
        if error is not None:
            raise error
        return "OK"

    model = ScriptedModel(answer)
    await check_answers(model, "openai:m", temperature=0.7, max_tokens=9)
    return model


async def test_it_asks_as_the_run_will_ask() -> None:
    """So what the endpoint does not take is learnt here; and it goes before all else."""
    (request,) = (await check(None)).requests
    assert (request.temperature, request.max_tokens, request.priority) == (0.7, 9, -1)
    assert request.messages[0].content == PROMPT


@pytest.mark.parametrize(
    "error",
    [Filtered("filter"), Refused("no"), EmptyAnswer("nothing"), ToolCallAnswer("tools")],
    ids=lambda error: type(error).__name__,
)
async def test_alive_is_enough(error: CodecLMError) -> None:
    """Nobody needs this answer: a refusal of it is no reason to stop."""
    await check(error)


@pytest.mark.parametrize(
    ("error", "kind", "says"),
    [
        (
            ServerError("502 (5 attempts)"),
            UsageError,
            "openai:m does not answer a tiny request: 502",
        ),
        (MalformedAnswer("<html>"), UsageError, "is its URL that of a chat API"),
        (EndpointRefused("no such model"), RunStopped, "no such model"),
        (QuotaExhausted("no money"), RunStopped, "no money"),
    ],
    ids=lambda one: type(one).__name__,
)
async def test_what_is_wrong_is_one_line(
    error: CodecLMError, kind: type[CodecLMError], says: str
) -> None:
    """With the model's name, and where there is one, how to mend it."""
    with pytest.raises(kind) as caught:
        await check(error)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)


async def test_silence_is_told() -> None:
    """After the time that was given."""

    async def answer(request: ChatRequest) -> str:
        await asyncio.Event().wait()
        return ""

    with pytest.raises(UsageError, match="does not answer a tiny request within 0 s"):
        await check_answers(
            ScriptedModel(answer), "m", temperature=None, max_tokens=None, within_s=0.01
        )


async def test_somebody_must_be_there() -> None:
    """A port that refuses is told with the reason; one that takes connections will do."""
    with nobody_listening() as url, pytest.raises(UsageError, match="Connection refused"):
        await check_reachable(url)
    async with chat_server() as server:
        await check_reachable(server.base_url)
