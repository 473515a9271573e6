"""The simulated server over real HTTP: shapes of answers and errors, limits, faults, counters, closing."""

from __future__ import annotations

import asyncio

import aiohttp
import orjson
import pytest

from codeclm.errors import UsageError
from codeclm.simulator import ServerOptions, SimulatorServer, World
from tests.serving import ASKED, get, in_flight, post, serving, with_faults

pytestmark = pytest.mark.anyio

FOREVER_S = 3600.0


async def test_a_completion_has_the_shape_of_openais() -> None:
    """Id, object, choices and usage are where clients look for them, and the text is the world's."""
    async with serving(wall_clock=lambda: 1234.5) as (server, client):
        status, body, headers = await post(server, client, {**ASKED, "seed": 1, "temperature": 0.7})
    answer = World(0).answer("sim-strong", ASKED["messages"], temperature=0.7, seed=1)  # type: ignore[arg-type]
    assert status == 200
    assert headers["Content-Type"].startswith("application/json")
    assert body["id"].startswith("chatcmpl-")
    assert (body["object"], body["created"], body["model"]) == (
        "chat.completion",
        1234,
        "sim-strong",
    )
    [choice] = body["choices"]
    assert choice["message"] == {"role": "assistant", "content": answer.text, "refusal": None}
    assert (choice["index"], choice["finish_reason"]) == (0, "stop")
    assert body["usage"] == {
        "prompt_tokens": answer.input_tokens,
        "completion_tokens": answer.output_tokens,
        "total_tokens": answer.input_tokens + answer.output_tokens,
    }


async def test_the_path_works_without_v1_and_content_may_come_in_parts() -> None:
    """Base URLs with and without /v1 lead to the same answer, and so do text parts."""
    parts = [{"type": "text", "text": "Explain "}, {"type": "text", "text": "bread."}]
    in_parts = {**ASKED, "messages": [{"role": "user", "content": parts}], "seed": 1}
    async with serving() as (server, client):
        _, one, _ = await post(server, client, {**ASKED, "seed": 1})
        url = server.base_url.removesuffix("/v1") + "/chat/completions"
        async with client.post(url, data=orjson.dumps(in_parts)) as response:
            other = orjson.loads(await response.read())
    assert one["choices"] == other["choices"]


@pytest.mark.parametrize("limit", ["max_tokens", "max_completion_tokens"])
async def test_a_cut_answer_says_so(limit: str) -> None:
    """Both names of the limit cut the answer, and the finish reason tells."""
    async with serving() as (server, client):
        _, body, _ = await post(server, client, {**ASKED, limit: 5})
    assert body["choices"][0]["finish_reason"] == "length"
    assert body["usage"]["completion_tokens"] == 5


async def test_models_health_and_stats() -> None:
    """The other addresses answer, and the counters can be read by another process."""
    async with serving(ServerOptions(record_calls=True)) as (server, client):
        models = await get(server, client, "/v1/models")
        assert [entry["id"] for entry in models["data"]] == list(World(0).models)
        assert await get(server, client, "/health") == {"status": "ok"}
        for _ in range(2):
            await post(server, client)
        stats = await get(server, client, "/stats")
    assert stats == server.log.as_dict()
    assert (stats["requests"], stats["answered"], stats["paid_again"]) == (2, 2, 1)
    assert stats["by_kind"] == {"respond": 2}
    assert stats["by_model"] == {"sim-strong": 2}
    assert stats["by_status"] == {"200": 2}
    assert (server.log.in_flight, server.log.max_in_flight) == (0, 1)


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        (b'{"model": "sim-strong"', None),
        (b"[1]", None),
        ({"messages": ASKED["messages"]}, "model"),
        ({"model": "sim-strong"}, "messages"),
        ({**ASKED, "messages": []}, "messages"),
        ({**ASKED, "messages": ["hello"]}, "messages[0].role"),
        ({**ASKED, "messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
        ({**ASKED, "messages": [{"role": "user", "content": None}]}, "messages[0].content"),
        (
            {**ASKED, "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            "messages[0].content",
        ),
        ({**ASKED, "stream": True}, "stream"),
        ({**ASKED, "n": 2}, "n"),
        ({**ASKED, "temperature": 3}, "temperature"),
        ({**ASKED, "temperature": "warm"}, "temperature"),
        ({**ASKED, "seed": 1.5}, "seed"),
        ({**ASKED, "max_tokens": 0}, "max_tokens"),
    ],
)
async def test_bad_requests_are_refused_in_openais_shape(fields: object, param: str | None) -> None:
    """400, with the parameter that is wrong."""
    async with serving() as (server, client):
        status, body, _ = await post(server, client, fields)
    assert status == 400
    assert set(body["error"]) == {"message", "type", "param", "code"}
    assert (body["error"]["type"], body["error"]["param"]) == ("invalid_request_error", param)
    assert server.log.answered == 0


async def test_unknown_models_paths_and_methods() -> None:
    """404 for what does not exist, 405 for what is asked for in the wrong way."""
    async with serving() as (server, client):
        status, body, _ = await post(server, client, {**ASKED, "model": "gpt-9"})
        assert (status, body["error"]["code"]) == (404, "model_not_found")
        async with client.get(f"{server.base_url}/embeddings") as response:
            assert response.status == 404
            assert "error" in orjson.loads(await response.read())
        async with client.get(f"{server.base_url}/chat/completions") as response:
            assert (response.status, response.headers["Allow"]) == (405, "POST")


async def test_a_body_that_is_too_large_is_refused() -> None:
    """413 in the same shape, and the server goes on."""
    async with serving() as (server, client):
        huge = {**ASKED, "messages": [{"role": "user", "content": "x" * 2_000_000}]}
        assert (await post(server, client, huge))[0] == 413
        assert (await post(server, client))[0] == 200


async def test_a_key_is_asked_for_if_there_is_one() -> None:
    """Without the right key everything about models is refused, and the key is not echoed."""
    async with serving(ServerOptions(api_key="s3cret")) as (server, client):
        for key in (None, "wrong-canary", "s3cret2"):
            status, body, _ = await post(server, client, key=key)
            assert (status, body["error"]["code"]) == (401, "invalid_api_key")
            assert "canary" not in str(body)
            assert "s3cret" not in str(body)
        async with client.get(f"{server.base_url}/models") as response:
            assert response.status == 401
        assert (await post(server, client, key="s3cret"))[0] == 200


async def test_more_requests_than_the_minute_allows_are_refused_until_there_is_room() -> None:
    """429 with what is needed to wait: Retry-After, its milliseconds, and the state of the limit."""
    now = 100.0
    async with serving(ServerOptions(requests_per_minute=2), clock=lambda: now) as (server, client):
        _, _, headers = await post(server, client)
        assert headers["x-ratelimit-limit-requests"] == "2"
        assert headers["x-ratelimit-remaining-requests"] == "1"
        now += 10.25
        await post(server, client)
        status, body, headers = await post(server, client)
        assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
        assert (headers["Retry-After"], headers["retry-after-ms"]) == ("50", "49750")
        assert headers["x-ratelimit-remaining-requests"] == "0"
        assert headers["x-ratelimit-reset-requests"] == "50s"
        now += 49.75
        assert (await post(server, client))[0] == 200
        assert (await post(server, client))[0] == 429
    assert server.log.by_status == {200: 3, 429: 2}


async def test_more_in_flight_than_allowed_are_refused() -> None:
    """The request beyond the limit gets a 429 at once; those under way are answered when the server closes."""
    options = ServerOptions(latency_s=FOREVER_S, max_in_flight=2, retry_after_s=0.25)
    statuses = []

    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
        async with SimulatorServer(World(0), options) as server:
            under_way = [group.create_task(post(server, client)) for _ in range(2)]
            await in_flight(server, 2)
            status, body, headers = await post(server, client)
            assert (status, body["error"]["code"]) == (429, "rate_limit_exceeded")
            assert (headers["Retry-After"], headers["retry-after-ms"]) == ("1", "250")
        statuses = [(await task)[0] for task in under_way]
    assert statuses == [200, 200]
    assert server.log.max_in_flight == 2


async def test_a_queueing_server_lets_requests_wait() -> None:
    """With a queue nothing is refused, whatever arrives at once."""
    options = ServerOptions(latency_s=0.001, max_in_flight=2, queue=True)
    async with serving(options) as (server, client), asyncio.TaskGroup() as group:
        tasks = [group.create_task(post(server, client)) for _ in range(20)]
    assert {task.result()[0] for task in tasks} == {200}
    assert server.log.answered == 20


@pytest.mark.parametrize("fault", ["500", "502", "503", "504", "529"])
async def test_server_errors_come_as_json_and_as_gateway_pages(fault: str) -> None:
    """Both kinds of body, in turn, with the status asked for."""
    kinds = []
    async with serving(with_faults(f"{fault}=1")) as (server, client):
        for _ in range(4):
            async with client.post(
                f"{server.base_url}/chat/completions", data=orjson.dumps(ASKED)
            ) as response:
                assert response.status == int(fault)
                kinds.append(response.content_type)
    assert kinds == ["text/html", "application/json"] * 2
    assert server.log.by_fault == {fault: 4}


async def test_an_injected_429_says_how_long_to_wait() -> None:
    """Retry-After is what the options say."""
    async with serving(with_faults("429=1", retry_after_s=2.0)) as (server, client):
        status, _, headers = await post(server, client)
    assert status == 429
    assert (headers["Retry-After"], headers["retry-after-ms"]) == ("2", "2000")


async def test_a_reset_breaks_the_connection_without_an_answer() -> None:
    """The client sees the connection go, and the server takes new ones."""
    async with serving(with_faults("reset=1")) as (server, client):
        for _ in range(3):
            with pytest.raises((aiohttp.ClientOSError, aiohttp.ServerDisconnectedError)):
                await post(server, client)
        assert await get(server, client, "/health") == {"status": "ok"}
    assert server.log.by_fault == {"reset": 3}
    assert server.log.answered == 0


async def test_a_cut_answer_is_shorter_than_promised() -> None:
    """The client is told the whole length and gets half."""
    async with serving(with_faults("cut=1")) as (server, client):
        url = f"{server.base_url}/chat/completions"
        with pytest.raises(aiohttp.ClientPayloadError):
            async with client.post(url, data=orjson.dumps(ASKED)) as response:
                assert response.status == 200
                await response.read()
        assert await get(server, client, "/health") == {"status": "ok"}


async def test_malformed_and_empty_answers() -> None:
    """Broken JSON with status 200, and a completion with null content; neither counts as answered."""
    async with serving(with_faults("malformed=1")) as (server, client):
        with pytest.raises(orjson.JSONDecodeError):
            await post(server, client)
        assert server.log.by_status == {200: 1}
        assert server.log.answered == 0
    async with serving(with_faults("empty=1")) as (server, client):
        status, body, _ = await post(server, client)
        assert status == 200
        assert body["choices"][0]["message"]["content"] is None
        assert server.log.answered == 0


async def test_a_request_that_times_out_hangs_until_the_client_gives_up() -> None:
    """No answer ever; when the client goes away the server lets go of the request."""
    async with serving(with_faults("timeout=1")) as (server, client):
        async with asyncio.TaskGroup() as group:
            hanging = group.create_task(post(server, client))
            await in_flight(server, 1)
            hanging.cancel()
        while server.log.in_flight:
            await asyncio.sleep(0)
        assert server.log.abandoned == 1


async def test_closing_the_server_ends_hanging_requests() -> None:
    """Shutdown does not wait for what would never be answered; the client sees the connection go."""
    async with aiohttp.ClientSession() as client, asyncio.TaskGroup() as group:
        async with SimulatorServer(World(0), with_faults("timeout=1")) as server:
            hanging = [group.create_task(gone(server, client)) for _ in range(5)]
            await in_flight(server, 5)
        assert [await task for task in hanging] == [True] * 5


async def gone(server: SimulatorServer, client: aiohttp.ClientSession) -> bool:
    """Whether the connection broke before an answer came."""
    try:
        await post(server, client)
    except aiohttp.ClientError:
        return True
    return False


async def test_the_server_closes_while_keep_alive_connections_are_open() -> None:
    """Idle connections do not hold the server up, and the port is free afterwards."""
    async with aiohttp.ClientSession() as client:
        async with SimulatorServer(World(0)) as server:
            await post(server, client)
        async with SimulatorServer(World(0), port=int(server.base_url.split(":")[2][:-3])):
            await post(server, client)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.168.1.2", "example.org", ""])
async def test_only_loopback_is_served(host: str) -> None:
    """Nobody else on the network can reach the simulator."""
    with pytest.raises(UsageError, match="loopback"):
        SimulatorServer(World(0), host=host)


async def test_a_taken_port_is_a_usage_error() -> None:
    """The message names the address."""
    async with SimulatorServer(World(0)) as server:
        port = int(server.base_url.split(":")[2][:-3])
        with pytest.raises(UsageError, match=f"127.0.0.1:{port}"):
            async with SimulatorServer(World(0), port=port):
                pass


async def test_recorded_calls_tell_paid_from_received() -> None:
    """Equal bodies are counted once each time they arrive, and as paid only when answered."""
    options = with_faults("500=0.5", record_calls=True)
    async with serving(options) as (server, client):
        statuses = [(await raw_status(server, client)) for _ in range(40)]
    assert server.log.received.total() == 40
    assert server.log.paid.total() == statuses.count(200) == server.log.answered
    assert 0 < statuses.count(200) < 40
    assert server.log.paid_again == statuses.count(200) - 1


async def raw_status(server: SimulatorServer, client: aiohttp.ClientSession) -> int:
    url = f"{server.base_url}/chat/completions"
    async with client.post(url, data=orjson.dumps(ASKED)) as response:
        await response.read()
        return response.status


async def test_answers_do_not_depend_on_concurrency() -> None:
    """What comes back for a seed is the same, one at a time or all at once with jittered latency."""
    asked = [{**ASKED, "seed": i, "temperature": 0.7} for i in range(30)]
    options = ServerOptions(latency_s=0.002, latency_jitter=1.0)
    async with serving() as (server, client):
        alone = [(await post(server, client, fields))[1]["choices"] for fields in asked]
    async with serving(options) as (server, client), asyncio.TaskGroup() as group:
        tasks = [group.create_task(post(server, client, fields)) for fields in asked]
    assert [task.result()[1]["choices"] for task in tasks] == alone
