"""What the simulated server has on record: calls by the second, and preflight calls apart."""

from __future__ import annotations

import aiohttp
import pytest

from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.serving import ASKED, get, post, serving, with_faults

pytestmark = pytest.mark.anyio

PREFLIGHT = {"messages": [{"role": "user", "content": "Reply with OK."}], "max_tokens": 16}


async def test_every_model_answers_a_preflight_call() -> None:
    """ "OK.", counted on its own, and never as paid again: each session asks it anew."""
    async with serving(ServerOptions(record_calls=True)) as (server, client):
        for model in World(0).models * 2:
            _, body, _ = await post(server, client, {**PREFLIGHT, "model": model})
            assert body["choices"][0]["message"]["content"] == "OK."
        for _ in range(2):
            await post(server, client)
        stats = await get(server, client, "/stats")
    assert stats["by_kind"] == {"preflight": 6, "respond": 2}
    assert (stats["answered"], stats["paid_again"]) == (8, 1)


async def test_only_the_whole_prompt_is_a_preflight_call() -> None:
    """A prompt that mentions it is a prompt like any other."""
    async with serving() as (server, client):
        for said in ("Reply with OK. Then go on.", "reply with ok.", "Reply with OK"):
            messages = [{"role": "user", "content": said}]
            await post(server, client, {"model": "sim-judge", "messages": messages})
    assert server.log.by_kind == {"respond": 3}


async def test_stats_tell_what_happened_second_by_second() -> None:
    """Admitted, refused, statuses and faults are there for another process to read."""
    now = 7.0
    options = with_faults("500@3+1", max_in_flight=1, requests_per_minute=4)
    async with serving(options, clock=lambda: now) as (server, client):
        for _ in range(6):
            await post_any(server, client)
            now += 0.5
        stats = await get(server, client, "/stats")
    assert stats["by_fault"] == {"500": 1}
    assert stats["seconds"] == [
        second(0, 2, 0, {"200": 2}),
        second(1, 2, 0, {"500": 1, "200": 1}),
        second(2, 0, 2, {"429": 2}) | {"peak_in_flight": 0},
    ]
    assert list(server.log.timeline.starts) == [0, 0.5, 1, 1.5]
    assert server.log.timeline.between(1).refused_share == 0.5


def second(
    number: int, admitted: int, refused: int, by_status: dict[str, int]
) -> dict[str, object]:
    return {
        "second": number,
        "admitted": admitted,
        "refused": refused,
        "peak_in_flight": 1,
        "in_flight_s": 0.0,
        "by_status": by_status,
    }


async def post_any(server: SimulatorServer, client: aiohttp.ClientSession) -> None:
    """A request, whatever kind of body the answer has."""
    async with client.post(f"{server.base_url}/chat/completions", json=ASKED) as response:
        await response.read()
