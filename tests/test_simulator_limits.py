"""Limits of the simulated server, hidden and told, that step up and down; exactly, in virtual time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from itertools import count
from typing import Any

import orjson
import pytest

from codeclm.simulator import Schedule, ServerOptions, World
from codeclm.simulator.anthropic_wire import AnthropicWire
from codeclm.simulator.endpoint import Endpoint
from codeclm.simulator.openai_wire import OpenAIWire
from codeclm.simulator.reply import Reply
from tests.serving import ASKED, post, serving
from tests.virtual_time import VirtualLoop, run_virtual

OPENAI = OpenAIWire()
BODY = orjson.dumps(ASKED)


def in_virtual_time(
    options: ServerOptions, drive: Callable[[Endpoint], Coroutine[Any, Any, None]]
) -> Endpoint:
    """The endpoint after ``drive``, on a loop whose clock jumps."""

    async def main(loop: VirtualLoop) -> Endpoint:
        endpoint = Endpoint(World(0), options, loop.time, loop.time)
        await drive(endpoint)
        return endpoint

    return run_virtual(main)


async def ask(endpoint: Endpoint, **fields: Any) -> Reply:
    return await endpoint.chat(OPENAI, orjson.dumps({**ASKED, **fields}), {})


async def arrivals(endpoint: Endpoint, every_s: float, until_s: float) -> None:
    """A request every so often, whatever becomes of the others."""
    async with asyncio.TaskGroup() as group:
        for n in count():
            if n * every_s >= until_s:
                return
            group.create_task(ask(endpoint))
            await asyncio.sleep(every_s)


def test_a_hidden_rate_steps_up_and_down() -> None:
    """Of more requests than it allows, as many are let in as the schedule says, and the rest is told nothing."""
    options = ServerOptions(
        rate_limit=Schedule.parse_rate("5/s@0,10/s@60,2/s@120"), rate_burst=2, quiet_limits=True
    )
    endpoint = in_virtual_time(options, lambda endpoint: arrivals(endpoint, 1 / 16, 180))
    for start_s, rate in ((0, 5), (60, 10), (120, 2)):
        span = endpoint.log.timeline.between(start_s + 1, start_s + 59)
        assert span.admitted == pytest.approx(rate * 58, rel=0.03)
        assert span.admitted + span.refused == span.by_status.total() == 16 * 58
    starts = list(endpoint.log.timeline.starts)
    assert all(later - start > 0.099 for start, later in zip(starts, starts[2:], strict=False))


def test_calls_in_flight_step_up_and_down() -> None:
    """The limit that holds is the one of the moment; peaks and time in flight are on record."""
    options = ServerOptions(latency_s=2.0, max_in_flight=Schedule.parse("4@0,8@60,2@120"))
    endpoint = in_virtual_time(options, lambda endpoint: arrivals(endpoint, 0.125, 180))
    for start_s, limit in ((0, 4), (60, 8), (120, 2)):
        span = endpoint.log.timeline.between(start_s + 5, start_s + 55)
        assert span.peak_in_flight == limit
        assert span.in_flight_s == pytest.approx(limit * 50, rel=0.1)
        assert span.refused_share > 0.1


def test_input_tokens_are_taken_before_and_output_tokens_when_they_are_known() -> None:
    """Both limits hold on average over the minutes, and output may be overdrawn by what is under way only."""
    asked_tokens, minutes = 4, 10
    for limited in ("input_tokens", "output_tokens"):
        rate = Schedule.parse_rate("60/m" if limited == "input_tokens" else "3000/m")
        options = ServerOptions(latency_s=1.0, **{limited: rate})  # type: ignore[arg-type]
        endpoint = in_virtual_time(options, lambda endpoint: arrivals(endpoint, 0.5, 600))
        log = endpoint.log
        assert log.by_status[429] > 100
        if limited == "input_tokens":
            assert log.input_tokens == log.answered * asked_tokens
            assert log.input_tokens == pytest.approx(60 * (minutes + 1), rel=0.05)
        else:
            assert log.output_tokens == pytest.approx(3000 * (minutes + 1), rel=0.05)


def test_a_request_larger_than_a_full_bucket_is_let_in_when_it_is_full() -> None:
    """Nothing waits for ever for what cannot be."""

    async def drive(endpoint: Endpoint) -> None:
        large = [{"role": "user", "content": "word " * 400}]
        assert (await ask(endpoint, messages=large)).status == 200
        refused = await ask(endpoint, messages=large)
        assert refused.status == 429
        await asyncio.sleep(int(refused.headers["retry-after-ms"]) / 1000)
        assert (await ask(endpoint, messages=large)).status == 200

    in_virtual_time(ServerOptions(input_tokens=Schedule.parse_rate("100/m")), drive)


def test_limits_hold_for_each_model_or_for_all() -> None:
    """The second model has room where limits are per model, and none where they are the server's."""

    async def both(endpoint: Endpoint) -> None:
        for model in ("sim-strong", "sim-strong", "sim-target", "sim-target"):
            await ask(endpoint, model=model)

    rate = Schedule.parse_rate("1/m")
    together = in_virtual_time(ServerOptions(rate_limit=rate), both)
    assert together.log.by_status == {200: 1, 429: 3}
    apart = in_virtual_time(ServerOptions(rate_limit=rate, limits_per_model=True), both)
    assert apart.log.by_status == {200: 2, 429: 2}
    assert apart.log.timeline.between(0).refused == 2


def test_what_is_told_about_limits_is_true() -> None:
    """After the wait that a 429 asks for there is room, and the headers tell of each limit, in both dialects."""
    options = ServerOptions(
        rate_limit=Schedule.parse_rate("2/s"),
        input_tokens=Schedule.parse_rate("600/m"),
        output_tokens=Schedule.parse_rate("60000/m"),
    )

    async def drive(endpoint: Endpoint) -> None:
        replies = [await ask(endpoint) for _ in range(3)]
        assert [reply.status for reply in replies] == [200, 200, 429]
        assert orjson.loads(replies[2].body)["error"]["type"] == "requests"
        assert replies[0].headers["x-ratelimit-limit-requests"] == "2"
        assert replies[0].headers["x-ratelimit-remaining-requests"] == "1"
        assert replies[0].headers["x-ratelimit-limit-tokens"] == "600"
        assert replies[0].headers["x-ratelimit-remaining-tokens"] == "596"
        assert (replies[2].headers["Retry-After"], replies[2].headers["retry-after-ms"]) == (
            "1",
            "500",
        )
        await asyncio.sleep(0.5)
        body = orjson.dumps({**ASKED, "max_tokens": 9})
        reply = await endpoint.chat(AnthropicWire(), body, {"anthropic-version": "2023-06-01"})
        assert reply.status == 200
        named = {name.removeprefix("anthropic-ratelimit-"): v for name, v in reply.headers.items()}
        assert named["requests-remaining"] == "0"
        assert named["input-tokens-limit"] == "600"
        assert named["output-tokens-limit"] == "60000"
        assert named["requests-reset"] == "1970-01-01T00:16:41Z"

    in_virtual_time(options, drive)


@pytest.mark.anyio
async def test_quiet_limits_tell_nothing_over_http() -> None:
    """No header and no word says which limit there is; the hint is the one of the options."""
    options = ServerOptions(
        rate_limit=Schedule.parse_rate("1/m"), quiet_limits=True, retry_after_s=7.0
    )
    async with serving(options, clock=lambda: 5.0) as (server, client):
        _, _, told = await post(server, client)
        status, body, headers = await post(server, client)
    assert status == 429
    assert headers["Retry-After"] == "7"
    assert not any("ratelimit" in name.lower() for name in (*told, *headers))
    assert body["error"] == {
        "message": "Too many requests.",
        "type": "error",
        "param": None,
        "code": None,
    }


def test_hints_come_to_a_share_of_the_429s_or_to_none() -> None:
    """Half of them with ``hint_share`` 0.5; none where there is nothing to ask for, whatever the limit knows."""

    async def drive(endpoint: Endpoint) -> None:
        replies = [await endpoint.chat(OPENAI, BODY, {}) for _ in range(401)]
        hinted.append(sum("Retry-After" in reply.headers for reply in replies))

    hinted: list[int] = []
    rate = Schedule.parse_rate("1/h")
    for options in (
        ServerOptions(rate_limit=rate),
        ServerOptions(rate_limit=rate, hint_share=0.5),
        ServerOptions(rate_limit=rate, retry_after_s=None),
    ):
        in_virtual_time(options, drive)
    assert hinted[0] == 400
    assert hinted[1] == pytest.approx(200, abs=40)
    assert hinted[2] == 0
