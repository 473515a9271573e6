"""OpenAI-compatible endpoints: what is asked, and what comes of an answer, over real HTTP."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from codeclm.errors import (
    EndpointRefused,
    MalformedAnswer,
    RateLimited,
    RequestRefused,
    ServerError,
)
from codeclm.llm.access import direct_model, new_dialect
from codeclm.llm.catalogue import Quirks
from codeclm.llm.chat import ChatRequest, Completion, Message, Usage
from codeclm.llm.dialect import Dialect
from codeclm.llm.direct import DirectModel, body_of
from codeclm.llm.endpoint import Endpoint
from codeclm.llm.http import open_session
from codeclm.llm.openai import fields
from codeclm.llm.secret import Secret
from tests.chat_server import OK, Answer, always, chat_server, fine, in_turn
from tests.virtual_time import outcome

pytestmark = pytest.mark.anyio

KEY = "canary-0123456789"
ASKED = ChatRequest((Message("user", "Hi"),), temperature=0.7, max_tokens=20, draw=4)
YES = Completion("yes", "stop", Usage(3, 1))
WORDS = (Message("system", "Be brief."), Message("user", "Größe?"))
MESSAGES = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Größe?"},
]
SCHEMA = {"name": "n", "schema": {"type": "object"}}


@asynccontextmanager
async def chat(base_url: str, send_seed: bool = False) -> AsyncIterator[DirectModel]:
    async with open_session() as session:
        endpoint, quirks = Endpoint(base_url, "m", "EXAMPLE_API_KEY"), Quirks()
        yield direct_model(
            session, endpoint, quirks, new_dialect(quirks), key=Secret(KEY), send_seed=send_seed
        )


async def failure(answer: Answer) -> Exception:
    async with chat_server(answer) as server, chat(server.base_url) as model:
        error = await outcome(model.complete(ASKED))
    assert isinstance(error, Exception)
    return error


@pytest.mark.parametrize(
    ("request_", "send_seed", "expected"),
    [
        (ChatRequest(WORDS, draw=7), False, {}),
        (
            ChatRequest(WORDS, temperature=0.0, max_tokens=5, stage="judge", priority=2),
            False,
            {"temperature": 0.0, "max_tokens": 5},
        ),
        (ChatRequest(WORDS, draw=7), True, {"seed": 7}),
        (
            ChatRequest(WORDS, schema=SCHEMA),
            False,
            {
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "n", "schema": {"type": "object"}, "strict": True},
                }
            },
        ),
    ],
)
def test_fields(request_: ChatRequest, send_seed: bool, expected: dict[str, Any]) -> None:
    """What is asked is sent, and what is not said is left out."""
    written = body_of(Dialect().written(fields(request_, "m", send_seed), {}))
    assert orjson.loads(written) == {"model": "m", "messages": MESSAGES, **expected}


async def test_text_that_is_no_unicode_is_refused_before_it_is_sent() -> None:
    """Half of a surrogate pair in a message fails this item, not the run."""
    async with chat_server() as server, chat(server.base_url) as model:
        with pytest.raises(RequestRefused, match="cannot be written as JSON"):
            await model.complete(ChatRequest((Message("user", "\ud83d"),)))
    assert server.requests == []


async def test_a_call_is_one_post() -> None:
    """It carries the payload and the key."""
    async with chat_server() as server, chat(server.base_url, send_seed=True) as model:
        assert await model.complete(ASKED) == YES
    (received,) = server.requests
    assert received.path == "/v1/chat/completions"
    assert received.headers["Authorization"] == f"Bearer {KEY}"
    assert received.body == {
        "model": "m",
        "messages": [{"role": "user", "content": "Hi"}],
        "temperature": 0.7,
        "max_tokens": 20,
        "seed": 4,
    }


async def test_error_answers_become_errors() -> None:
    """Status, headers and body of a real answer arrive in the error."""
    error = await failure(always(429, {"error": {"message": "slow"}}, {"Retry-After": "7"}))
    assert isinstance(error, RateLimited)
    assert error.retry_after_s == 7
    assert str(error) == "HTTP 429: slow"
    assert isinstance(await failure(always(502, b"<html>busy</html>")), ServerError)
    assert isinstance(await failure(always(422, {"detail": "no"})), RequestRefused)
    assert isinstance(await failure(always(200, b"not json")), MalformedAnswer)
    assert "EXAMPLE_API_KEY" in str(await failure(always(401)))


async def test_redirects_are_told() -> None:
    """They are not followed, and the error says what to do."""
    error = await failure(always(307, b"", {"Location": "http://127.0.0.1:1/v1"}))
    assert isinstance(error, EndpointRefused)
    assert "redirects are not followed" in str(error)


async def test_reasoning_is_kept_apart() -> None:
    """Under either name that servers give it, or between tags, it is no part of the text."""
    messages: list[dict[str, object]] = [
        {"content": "yes", "reasoning_content": "Hm."},
        {"content": "yes", "reasoning": "Hm."},
        {"content": "<think>Hm.</think>yes"},
    ]
    answers = (always(200, {"choices": [{"message": message}]}) for message in messages)
    async with chat_server(in_turn(*answers)) as server, chat(server.base_url) as model:
        for _ in messages:
            completion = await model.complete(ASKED)
            assert (completion.text, completion.reasoning) == ("yes", "Hm.")


async def test_the_next_call_after_a_failure_works() -> None:
    """Whatever came before, the session goes on."""
    answers = in_turn(always(500), always(200, b""), always(200, OK), fine)
    async with chat_server(answers) as server, chat(server.base_url) as model:
        failures = [await outcome(model.complete(ASKED)) for _ in range(2)]
        assert [type(each) for each in failures] == [ServerError, MalformedAnswer]
        assert await model.complete(ASKED) == YES


async def test_repr_shows_no_key() -> None:
    """A model may be logged."""
    async with chat("http://127.0.0.1:1/v1") as model:
        assert repr(model) == "DirectModel('m' at http://127.0.0.1:1/v1)"
