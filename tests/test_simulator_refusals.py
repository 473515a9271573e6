"""Faults that keep a call from being answered, over real HTTP: what status, what body, and when."""

from __future__ import annotations

from typing import Any

import aiohttp
import orjson
import pytest

from codeclm.simulator import SimulatorServer
from tests.serving import ASKED, get, post, serving, with_faults

pytestmark = pytest.mark.anyio

# Fault, status, and where in the body which value stands.
SHAPES: list[tuple[str, int, dict[tuple[str | int, ...], Any]]] = [
    ("400", 400, {("error", "type"): "invalid_request_error"}),
    ("401", 401, {("error", "code"): "invalid_api_key"}),
    ("403", 403, {("error", "type"): "invalid_request_error"}),
    ("404", 404, {("error", "code"): "model_not_found"}),
    ("408", 408, {("error", "code"): None}),
    ("429", 429, {("error", "code"): "rate_limit_exceeded"}),
    ("429-nohint", 429, {("error", "code"): "rate_limit_exceeded"}),
    ("quota", 429, {("error", "type"): "insufficient_quota", ("error", "param"): None}),
    ("quota:openai", 429, {("error", "code"): "insufficient_quota"}),
    (
        "quota:anthropic",
        429,
        {("error", "details", "error_code"): "enforced_spend_limit_reached", ("type",): "error"},
    ),
    (
        "quota:gemini",
        429,
        {
            (0, "error", "status"): "RESOURCE_EXHAUSTED",
            (0, "error", "details", 1, "retryDelay"): "37025s",
            (
                0,
                "error",
                "details",
                0,
                "violations",
                0,
                "quotaId",
            ): "GenerateRequestsPerDayPerProjectPerModel-FreeTier",
        },
    ),
    ("quota:openrouter", 402, {("error", "code"): 402}),
    ("overloaded", 503, {("error", "code"): "server_is_overloaded"}),
    ("overloaded:anthropic", 529, {("error", "type"): "overloaded_error", ("type",): "error"}),
    ("overloaded:mistral", 503, {("object",): "error"}),
    ("overloaded:ollama", 503, {("error", "type"): "api_error"}),
    ("overloaded:sglang", 503, {("message",): "The request queue is full."}),
    ("overloaded:tgi", 429, {("error_type",): "overloaded"}),
    ("slow-down", 503, {("error", "code"): "slow_down"}),
    (
        "loading",
        503,
        {("error", "type"): "unavailable_error", ("error", "message"): "Loading model"},
    ),
    ("outage", 503, {("error", "type"): "server_error"}),
    ("outage:529", 529, {("error", "type"): "server_error"}),
    (
        "filtered",
        400,
        {
            ("error", "code"): "content_filter",
            ("error", "innererror", "code"): "ResponsibleAIPolicyViolation",
        },
    ),
    ("context", 400, {("error", "code"): "context_length_exceeded"}),
    ("error200", 200, {("error", "code"): 502}),
    ("error200:429", 200, {("error", "code"): 429}),
]


@pytest.mark.parametrize(("fault", "status", "found"), SHAPES, ids=[row[0] for row in SHAPES])
async def test_a_refusal_has_the_shape_of_its_server(
    fault: str, status: int, found: dict[tuple[str | int, ...], Any]
) -> None:
    """Status and body are as real servers send them, and nothing counts as answered."""
    async with serving(with_faults(f"{fault}@2+1", record_calls=True)) as (server, client):
        assert (await post(server, client))[0] == 200
        got, body, headers = await post(server, client)
        assert (await post(server, client))[0] == 200
    assert got == status
    for path, value in found.items():
        part = body
        for key in path:
            part = part[key]
        assert part == value
    assert ("Retry-After" in headers) == (fault == "429")
    assert server.log.by_fault == {fault: 1}
    assert (server.log.requests, server.log.answered, server.log.paid_again) == (3, 2, 1)


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_an_outage_may_be_a_gateways_page(status: int) -> None:
    """HTML, each time."""
    async with serving(with_faults(f"outage:html{status}=1")) as (server, client):
        for _ in range(2):
            url = f"{server.base_url}/chat/completions"
            async with client.post(url, data=orjson.dumps(ASKED)) as response:
                assert (response.status, response.content_type) == (status, "text/html")


async def test_a_parameter_is_refused_until_it_is_no_longer_sent() -> None:
    """max_tokens gives way to max_completion_tokens; temperature is refused for its value."""
    faults = with_faults("bad-parameter:max_tokens@1,bad-parameter:temperature@1")
    async with serving(faults) as (server, client):
        sent = {**ASKED, "max_tokens": 5, "temperature": 0.5}
        status, body, _ = await post(server, client, sent)
        assert status == 400
        assert (body["error"]["param"], body["error"]["code"]) == (
            "max_tokens",
            "unsupported_parameter",
        )
        assert "max_completion_tokens" in body["error"]["message"]
        sent["max_completion_tokens"] = sent.pop("max_tokens")
        status, body, _ = await post(server, client, sent)
        assert (status, body["error"]["param"]) == (400, "temperature")
        assert body["error"]["code"] == "unsupported_value"
        del sent["temperature"]
        status, body, _ = await post(server, client, sent)
    assert status == 200
    assert body["usage"]["completion_tokens"] == 5


async def test_faults_come_in_seconds_since_the_first_request() -> None:
    """The clock starts with the first request, not with the server."""
    now = 500.0
    faults = with_faults("loading@0s-20s,outage:529@30s-40s")
    async with serving(faults, clock=lambda: now) as (server, client):
        now += 1000
        statuses = []
        for _ in range(5):
            statuses.append((await post(server, client))[0])
            now += 10
    assert statuses == [503, 503, 200, 529, 200]
    seconds = {row.second: dict(row.by_status) for row in server.log.timeline}
    assert seconds == {0: {503: 1}, 10: {503: 1}, 20: {200: 1}, 30: {529: 1}, 40: {200: 1}}


async def test_while_a_server_is_down_its_limits_are_too() -> None:
    """Neither does a limit answer in its place, nor is anything taken from it."""
    now = 0.0
    faults = with_faults("outage:html502@10s-20s", requests_per_minute=1)
    async with serving(faults, clock=lambda: now) as (server, client):
        statuses = []
        for second in (0, 1, 10, 11, 20, 60):
            now = second
            statuses.append(await status(server, client))
    assert statuses == [200, 429, 502, 502, 429, 200]
    assert server.log.by_fault == {"outage:html502": 2}


async def status(server: SimulatorServer, client: aiohttp.ClientSession) -> int:
    async with client.post(f"{server.base_url}/chat/completions", json=ASKED) as response:
        return response.status


async def connects(server: SimulatorServer) -> bool:
    """Whether a new connection is taken."""
    async with aiohttp.ClientSession() as client:
        try:
            return bool(await get(server, client, "/health"))
        except aiohttp.ClientConnectorError:
            return False


async def until(server: SimulatorServer, *, up: bool) -> None:
    """Return when new connections are taken, or no longer taken."""
    while await connects(server) != up:
        pass


async def test_in_an_outage_nobody_listens_until_it_is_over() -> None:
    """New connections are refused, old ones broken, and afterwards the same port answers again."""
    now = 0.0
    faults = with_faults("outage:refuse@10s-20s")
    async with serving(faults, clock=lambda: now) as (server, client):
        assert (await post(server, client))[0] == 200
        url, now = server.base_url, 10.0
        await until(server, up=False)
        with pytest.raises(aiohttp.ClientConnectionError):
            await post(server, client)
        now = 20.0
        await until(server, up=True)
        assert server.base_url == url
        assert (await post(server, client))[0] == 200
    assert server.log.answered == 2


async def test_a_server_closes_in_the_middle_of_an_outage() -> None:
    """Leaving does not wait for the outage to end, and an error inside the block comes out as it is."""
    now = 0.0
    faults = with_faults("outage:refuse@10s-20s")
    with pytest.raises(ZeroDivisionError):
        async with serving(faults, clock=lambda: now) as (server, client):
            assert (await post(server, client))[0] == 200
            now = 15.0
            await until(server, up=False)
            raise ZeroDivisionError


async def test_a_kept_alive_connection_closes_as_it_is_used_again() -> None:
    """Before a byte, without a reset; a request on a new connection is answered, and counts no fault."""
    async with serving(with_faults("reset-reused=1")) as (server, client):
        for _ in range(3):
            assert (await post(server, client))[0] == 200
            with pytest.raises(aiohttp.ServerDisconnectedError):
                await post(server, client)
    assert server.log.by_fault == {"reset-reused": 3}
    assert (server.log.answered, dict(server.log.by_status)) == (3, {200: 3})
