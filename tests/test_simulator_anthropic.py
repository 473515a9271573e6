"""The Anthropic-native route of the simulated server, over real HTTP: the same world in other shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aiohttp
import orjson
import pytest

from codeclm.simulator import Schedule, ServerOptions, SimulatorServer, World
from tests.serving import serving, with_faults

pytestmark = pytest.mark.anyio

VERSION = {"anthropic-version": "2023-06-01"}
SAYS = [{"role": "user", "content": "Explain bread."}]
ASKED = {"model": "sim-strong", "max_tokens": 1000, "temperature": 0, "messages": SAYS}


async def post(
    server: SimulatorServer,
    client: aiohttp.ClientSession,
    fields: object = None,
    headers: Mapping[str, str] = VERSION,
) -> tuple[int, Any, Mapping[str, str]]:
    """Status, JSON body and headers of the answer to a request for a message."""
    url, body = f"{server.base_url}/messages", orjson.dumps(fields or ASKED)
    async with client.post(url, data=body, headers=headers) as response:
        return response.status, orjson.loads(await response.read()), response.headers.copy()


async def test_a_message_has_the_shape_of_anthropics() -> None:
    """The same world answers, in blocks, with its own names for why it stopped and what it took."""
    async with serving() as (server, client):
        status, body, headers = await post(server, client)
        assert (status, body["type"], body["role"]) == (200, "message", "assistant")
        answer = World(0).answer("sim-strong", SAYS, temperature=0)
        assert body["content"] == [{"type": "text", "text": answer.text}]
        assert (body["stop_reason"], body["stop_sequence"]) == ("end_turn", None)
        assert body["usage"]["input_tokens"] == answer.input_tokens
        assert body["usage"]["output_tokens"] == answer.output_tokens
        assert body["id"].startswith("msg_")
        assert headers["request-id"].startswith("req_")
        _, body, _ = await post(server, client, {**ASKED, "max_tokens": 5})
        assert (body["stop_reason"], body["usage"]["output_tokens"]) == ("max_tokens", 5)
    assert server.log.by_kind == {"respond": 2}


async def test_a_system_prompt_is_a_message_of_its_own_to_the_world() -> None:
    """As text or in blocks, it makes the same answer as a system message elsewhere."""
    messages = [{"role": "system", "content": "Be brief."}, *SAYS]
    wanted = World(0).answer("sim-strong", messages, temperature=0).text
    async with serving() as (server, client):
        for system in ("Be brief.", [{"type": "text", "text": "Be brief."}]):
            _, body, _ = await post(server, client, {**ASKED, "system": system})
            assert body["content"][0]["text"] == wanted


@pytest.mark.parametrize(
    ("change", "word"),
    [
        ({"max_tokens": None}, "max_tokens"),
        ({"max_tokens": 0}, "max_tokens"),
        ({"temperature": 1.5}, "temperature"),
        ({"seed": 1}, "seed: Extra inputs are not permitted"),
        ({"messages": [{"role": "system", "content": "x"}]}, "role"),
        ({"messages": []}, "messages"),
        ({"stream": True}, "Streaming"),
        ({"output_config": {"format": {"type": "yaml"}}}, "schema"),
    ],
)
async def test_bad_requests_are_refused_in_anthropics_shape(
    change: dict[str, Any], word: str
) -> None:
    """400, with the field in the message."""
    async with serving() as (server, client):
        status, body, _ = await post(server, client, {**ASKED, **change})
    assert status == 400
    assert body["type"] == "error"
    assert set(body["error"]) == {"type", "message"}
    assert body["error"]["type"] == "invalid_request_error"
    assert word in body["error"]["message"]


async def test_headers_are_asked_for() -> None:
    """The version always, the key if there is one, in its own header."""
    async with serving(ServerOptions(api_key="s3cret")) as (server, client):
        for headers in ({}, {"x-api-key": "wrong"}, {"Authorization": "Bearer s3cret"}):
            status, body, _ = await post(server, client, headers=headers)
            assert (status, body["error"]["type"]) == (401, "authentication_error")
            assert "s3cret" not in str(body)
        status, body, _ = await post(server, client, headers={"x-api-key": "s3cret"})
        assert (status, "anthropic-version" in body["error"]["message"]) == (400, True)
        status, _, _ = await post(server, client, headers={"x-api-key": "s3cret", **VERSION})
        assert status == 200
        url = f"{server.base_url}/models"
        async with client.get(url, headers={"x-api-key": "s3cret"}) as response:
            assert response.status == 200


async def test_an_unknown_model_is_not_found() -> None:
    """404 in the same shape."""
    async with serving() as (server, client):
        status, body, _ = await post(server, client, {**ASKED, "model": "claude-9"})
    assert (status, body["error"]["type"]) == (404, "not_found_error")


@pytest.mark.parametrize(
    ("fault", "status", "kind"),
    [
        ("401", 401, "authentication_error"),
        ("403", 403, "permission_error"),
        ("429", 429, "rate_limit_error"),
        ("quota", 429, "rate_limit_error"),
        ("overloaded", 529, "overloaded_error"),
        ("outage:500", 500, "api_error"),
        ("outage:504", 504, "timeout_error"),
        ("context", 400, "invalid_request_error"),
    ],
)
async def test_faults_are_told_in_anthropics_shape(fault: str, status: int, kind: str) -> None:
    """The same faults, in the words of this API."""
    async with serving(with_faults(f"{fault}=1")) as (server, client):
        got, body, _ = await post(server, client)
    assert (got, body["type"], body["error"]["type"]) == (status, "error", kind)
    if fault == "quota":
        assert body["error"]["details"]["error_code"] == "enforced_spend_limit_reached"
    if fault == "context":
        assert body["error"]["message"].startswith("prompt is too long")


@pytest.mark.parametrize(
    ("fault", "stop_reason", "blocks"),
    [
        ("refusal", "refusal", ["text"]),
        ("filtered-answer", "refusal", []),
        ("length", "max_tokens", ["text"]),
        ("reasoning", "end_turn", ["thinking"]),
        ("tool-calls", "tool_use", ["tool_use"]),
        ("empty", "end_turn", []),
        ("no-choices", "end_turn", []),
    ],
)
async def test_answers_are_spoilt_in_anthropics_shape(
    fault: str, stop_reason: str, blocks: list[str]
) -> None:
    """The same faults as blocks and stop reasons."""
    async with serving(with_faults(f"{fault}=1")) as (server, client):
        status, body, _ = await post(server, client)
    assert (status, body["stop_reason"]) == (200, stop_reason)
    assert [block["type"] for block in body["content"]] == blocks


async def test_both_apis_share_their_limits() -> None:
    """What one took is missing to the other."""
    options = ServerOptions(rate_limit=Schedule.parse_rate("1/m"))
    async with serving(options, clock=lambda: 0.0, wall_clock=lambda: 0.0) as (server, client):
        url = f"{server.base_url}/chat/completions"
        async with client.post(url, data=orjson.dumps(ASKED)) as response:
            assert response.status == 200
        status, body, headers = await post(server, client)
    assert (status, body["error"]["type"]) == (429, "rate_limit_error")
    assert headers["Retry-After"] == "60"
    assert headers["anthropic-ratelimit-requests-remaining"] == "0"
    assert headers["anthropic-ratelimit-requests-reset"] == "1970-01-01T00:01:00Z"


async def test_a_schema_may_be_asked_for() -> None:
    """By the field of today and by that of the beta."""
    schema = {"type": "object", "properties": {"response": {"type": "string"}}}
    wanted = {"type": "json_schema", "schema": schema}
    async with serving() as (server, client):
        for fields in ({"output_config": {"format": wanted}}, {"output_format": wanted}):
            _, body, _ = await post(server, client, {**ASKED, **fields})
            said = orjson.loads(body["content"][0]["text"])
            assert said["response"] == World(0).answer("sim-strong", SAYS, temperature=0).text
