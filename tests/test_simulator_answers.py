"""Faults that spoil an answer, over real HTTP: what it says, and how its bytes arrive."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp
import orjson
import pytest

from codeclm.simulator import Schedule, ServerOptions, SimulatorServer, World
from tests.serving import ASKED, in_flight, post, serving, with_faults

pytestmark = pytest.mark.anyio

SEEDED = {**ASKED, "seed": 1}
MIB = 1024 * 1024


def plain() -> str:
    """What the answer would be without a fault."""
    return World(0).answer("sim-strong", ASKED["messages"], seed=1).text  # type: ignore[arg-type]


Choice = dict[str, Any]
ANSWERS: list[tuple[str, bool, Callable[[Choice], bool]]] = [
    ("empty", False, lambda c: c["message"]["content"] is None),
    (
        "filtered-answer",
        True,
        lambda c: c["finish_reason"] == "content_filter" and c["message"]["content"] is None,
    ),
    (
        "refusal",
        True,
        lambda c: "sorry" in c["message"]["refusal"] and c["message"]["content"] is None,
    ),
    (
        "length",
        True,
        lambda c: (
            c["finish_reason"] == "length"
            and c["message"]["content"] == plain()[: len(plain()) // 2]
        ),
    ),
    (
        "reasoning",
        False,
        lambda c: c["message"]["content"] is None and c["message"]["reasoning_content"] == plain(),
    ),
    (
        "think",
        True,
        lambda c: (
            c["message"]["content"].startswith("<think>")
            and c["message"]["content"].endswith(f"</think>\n\n{plain()}")
        ),
    ),
    (
        "unclosed-think",
        False,
        lambda c: (
            c["message"]["content"].startswith("<think>")
            and "</think>" not in c["message"]["content"]
            and c["finish_reason"] == "length"
        ),
    ),
    (
        "tool-calls",
        False,
        lambda c: (
            c["finish_reason"] == "tool_calls"
            and c["message"]["content"] is None
            and c["message"]["tool_calls"][0]["function"]["name"] == "search"
        ),
    ),
]


@pytest.mark.parametrize(("fault", "usable", "holds"), ANSWERS, ids=[row[0] for row in ANSWERS])
async def test_an_answer_is_spoilt_as_told(
    fault: str, usable: bool, holds: Callable[[Choice], bool]
) -> None:
    """Status 200; it counts as answered only where there is something in it to use."""
    async with serving(with_faults(f"{fault}=1")) as (server, client):
        status, body, _ = await post(server, client, SEEDED)
    assert status == 200
    assert holds(body["choices"][0])
    assert body["usage"]["prompt_tokens"] > 0
    assert server.log.answered == usable


async def test_usage_and_choices_may_be_missing() -> None:
    """No usage at all; choices by turns empty and null."""
    async with serving(with_faults("no-usage=1")) as (server, client):
        _, body, _ = await post(server, client, SEEDED)
        assert "usage" not in body
        assert body["choices"][0]["message"]["content"] == plain()
    async with serving(with_faults("no-choices=1")) as (server, client):
        found = [(await post(server, client, SEEDED))[1]["choices"] for _ in range(4)]
    assert found == [[], None, [], None]


@pytest.mark.parametrize("fault", ["huge:3", "bomb:3"])
async def test_a_huge_answer_is_as_large_as_told(fault: str) -> None:
    """Blanks, then the answer; no Content-Length warns of them, and packed they are a thousand times smaller."""
    async with (
        serving(with_faults(f"{fault}=1")) as (server, client),
        client.post(f"{server.base_url}/chat/completions", data=orjson.dumps(SEEDED)) as response,
    ):
        length = int(response.headers.get("Content-Length", -1))
        packed = response.headers.get("Content-Encoding") == "gzip"
        body = await response.read()
    assert len(body) > 3 * MIB
    assert body[: 3 * MIB].isspace()
    assert orjson.loads(body)["choices"][0]["message"]["content"] == plain()
    assert packed == fault.startswith("bomb")
    assert 0 < length < 10_000 if packed else length == -1
    assert server.log.answered == 0


async def test_a_trickle_comes_byte_by_byte_until_the_server_closes() -> None:
    """The first byte at once, and then nothing for a second; closing lets the rest out."""
    async with aiohttp.ClientSession() as client:
        async with SimulatorServer(World(0), with_faults("trickle=1")) as server:
            url = f"{server.base_url}/chat/completions"
            response = await client.post(url, data=orjson.dumps(SEEDED))
            assert await response.content.read(100) == b"{"
        assert orjson.loads(b"{" + await response.read())["usage"]
    assert server.log.answered == 0


@pytest.mark.parametrize("fault", ["trickle", "huge:64"])
async def test_who_goes_away_in_the_middle_makes_no_noise(
    fault: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Clients give up on such answers: the server logs nothing and goes on."""
    async with serving(with_faults(f"{fault}@1+1")) as (server, client):
        url = f"{server.base_url}/chat/completions"
        async with client.post(url, data=orjson.dumps(SEEDED)) as response:
            await response.content.read(1)
            response.close()
        assert (await post(server, client))[0] == 200
    assert not caplog.records


async def test_hang_is_timeout() -> None:
    """No answer ever, under either name."""
    async with serving(with_faults("hang=1")) as (server, client), asyncio.TaskGroup() as group:
        hanging = group.create_task(post(server, client))
        await in_flight(server, 1)
        hanging.cancel()
    assert server.log.by_fault == {"hang": 1}


async def test_half_an_answer_is_charged_for_half() -> None:
    """Usage, counters and the limit on output tokens agree."""
    options = with_faults("length=1", output_tokens=Schedule.parse_rate("100000/m"))
    async with serving(options, clock=lambda: 0.0) as (server, client):
        _, body, headers = await post(server, client, SEEDED)
    tokens = body["usage"]["completion_tokens"]
    assert server.log.output_tokens == tokens
    assert headers["x-ratelimit-remaining-tokens"] == str(100_000 - tokens)


async def test_a_refused_format_is_a_bad_parameter() -> None:
    """Servers without structured output name the field."""
    sent = {**ASKED, "response_format": {"type": "json_object"}}
    async with serving(ServerOptions(response_format="refuse")) as (server, client):
        status, body, _ = await post(server, client, sent)
        assert (status, body["error"]["param"]) == (400, "response_format")
        assert body["error"]["code"] == "unsupported_parameter"
        assert (await post(server, client))[0] == 200
    async with serving(ServerOptions(response_format="ignore")) as (server, client):
        _, body, _ = await post(server, client, {**sent, "seed": 1})
    assert body["choices"][0]["message"]["content"] == plain()
