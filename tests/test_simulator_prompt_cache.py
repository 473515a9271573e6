"""The simulated prompt cache: what was asked before need not be read again, in the words of both APIs."""

from __future__ import annotations

from typing import Any

import aiohttp
import pytest

from codeclm.simulator import ServerOptions, SimulatorServer, World
from codeclm.simulator.call import ChatCall
from codeclm.simulator.prompt_cache import BLOCK_TOKENS, PromptCache

pytestmark = pytest.mark.anyio

LONG = "Rate the answers of two assistants to the same instruction. " * 20
OPENAI = {"model": "sim-strong", "messages": [{"role": "user", "content": LONG + "A"}]}
ANTHROPIC = {**OPENAI, "max_tokens": 100}


def call(text: str, model: str = "m") -> ChatCall:
    return ChatCall(model, ({"role": "user", "content": text},), 1.0, None, None)


def test_a_beginning_that_was_asked_is_known() -> None:
    """Whole blocks from the start, as far as two prompts agree; each model has its own."""
    cache = PromptCache()
    assert cache.read(call(LONG + "A")) == 0
    again = cache.read(call(LONG + "B"))
    assert 0 < again <= len(LONG) / 4
    assert again % BLOCK_TOKENS == 0
    assert cache.read(call("X" + LONG)) == 0
    assert cache.read(call(LONG + "A", "n")) == 0
    assert cache.read(call("short")) == 0


async def usage(server: SimulatorServer, path: str, body: Any) -> dict[str, Any]:
    headers = {"anthropic-version": "2023-06-01"}
    async with (
        aiohttp.ClientSession() as session,
        session.post(server.base_url + path, json=body, headers=headers) as response,
    ):
        counts: dict[str, Any] = (await response.json())["usage"]
        return counts


async def test_both_apis_report_it() -> None:
    """OpenAI's input counts hold what was cached, Anthropic's do not; the bill knows it as well."""
    async with SimulatorServer(World(), ServerOptions(prompt_cache=True)) as server:
        first = await usage(server, "/chat/completions", OPENAI)
        second = await usage(server, "/chat/completions", OPENAI)
        third = await usage(server, "/messages", ANTHROPIC)
        bill = server.log.bills["sim-strong"]
    assert first["prompt_tokens_details"]["cached_tokens"] == 0
    cached = second["prompt_tokens_details"]["cached_tokens"]
    assert 0 < cached <= second["prompt_tokens"] == first["prompt_tokens"]
    assert third["cache_read_input_tokens"] == cached
    assert third["input_tokens"] + cached == first["prompt_tokens"]
    assert (bill.calls, bill.cached_input_tokens) == (3, 2 * cached)
    assert bill.input_tokens == 3 * first["prompt_tokens"]


async def test_without_it_nothing_is_said() -> None:
    """A server without a prompt cache has no such field."""
    async with SimulatorServer(World()) as server:
        assert "prompt_tokens_details" not in await usage(server, "/chat/completions", OPENAI)
