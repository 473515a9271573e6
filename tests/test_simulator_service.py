"""How long answers of the simulated server take: queues, saturation, length; exactly, in virtual time."""

from __future__ import annotations

import asyncio

import pytest

from codeclm.simulator import Schedule, ServerOptions
from codeclm.simulator.endpoint import Endpoint
from tests.test_simulator_limits import ask, in_virtual_time
from tests.virtual_time import settled


def calls_a_second(
    options: ServerOptions, clients: int, until_s: float = 60.0
) -> tuple[float, float]:
    """Throughput and latency that so many clients meet, each asking again at once."""
    latencies = []

    async def client(endpoint: Endpoint) -> None:
        loop = asyncio.get_running_loop()
        while endpoint.second() < until_s:
            began_at = loop.time()
            await ask(endpoint)
            latencies.append(loop.time() - began_at)

    async def drive(endpoint: Endpoint) -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(clients):
                group.create_task(client(endpoint))

    endpoint = in_virtual_time(options, drive)
    assert set(endpoint.log.by_status) == {200}
    return len(latencies) / endpoint.second(), sum(latencies) / len(latencies)


@pytest.mark.parametrize(
    "options",
    [
        ServerOptions(latency_s=1.0, capacity=8),
        ServerOptions(latency_s=1.0, max_in_flight=8, queue=True),
    ],
    ids=["slows down", "queues"],
)
def test_throughput_saturates_and_latency_rises(options: ServerOptions) -> None:
    """Up to capacity each client adds throughput; beyond, only waiting; and nobody is refused."""
    throughput, latency_s = calls_a_second(options, 4)
    assert throughput == pytest.approx(4, rel=0.05)
    assert latency_s == pytest.approx(1)
    for clients in (16, 32):
        throughput, latency_s = calls_a_second(options, clients)
        assert throughput == pytest.approx(8, rel=0.08)
        assert latency_s == pytest.approx(clients / 8, rel=0.1)


def test_capacity_and_slots_step_up_and_down() -> None:
    """Throughput follows the schedule."""
    for options in (
        ServerOptions(latency_s=1.0, capacity=Schedule.parse("4@0,16@60")),
        ServerOptions(latency_s=1.0, max_in_flight=Schedule.parse("4@0,16@60"), queue=True),
    ):
        before, _ = calls_a_second(options, 32, 60.0)
        both, _ = calls_a_second(options, 32, 180.0)
        assert before == pytest.approx(4, rel=0.15)
        assert both == pytest.approx((4 * 60 + 16 * 120) / 180, rel=0.15)


def test_latency_grows_with_the_answer() -> None:
    """A base, and so much for each token of the answer."""

    async def drive(endpoint: Endpoint) -> None:
        for max_tokens in (1, 50):
            before_s = endpoint.second()
            await ask(endpoint, max_tokens=max_tokens)
            assert endpoint.second() - before_s == pytest.approx(0.5 + 0.002 * max_tokens)

    in_virtual_time(ServerOptions(latency_s=0.5, token_latency_s=0.002), drive)


def test_who_gives_up_waiting_takes_no_slot() -> None:
    """A cancelled request leaves the queue, before its turn or as it comes, and those behind move up."""

    async def drive(endpoint: Endpoint) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = []
            for _ in range(4):
                tasks.append(group.create_task(ask(endpoint)))
                await settled()
            tasks[1].cancel()
            await asyncio.sleep(1.0)
            tasks[2].cancel()
            await tasks[3]
            assert endpoint.second() == pytest.approx(2.0)
            assert (await ask(endpoint)).status == 200
        assert (endpoint.log.abandoned, endpoint.log.answered) == (2, 3)

    in_virtual_time(ServerOptions(latency_s=1.0, max_in_flight=1, queue=True), drive)


def test_a_closed_endpoint_answers_all_that_queue_at_once() -> None:
    """Nobody is left behind when the server stops."""

    async def drive(endpoint: Endpoint) -> None:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(ask(endpoint)) for _ in range(5)]
            await settled()
            endpoint.close()
        assert {task.result().status for task in tasks} == {200}
        assert endpoint.second() == 0

    in_virtual_time(ServerOptions(latency_s=99.0, max_in_flight=2, queue=True), drive)
