"""The channel between two stages."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from codeclm.engine.channel import Channel, ChannelClosed

pytestmark = pytest.mark.anyio


async def settle() -> None:
    """Let every task run until it waits."""
    for _ in range(5):
        await asyncio.sleep(0)


async def test_put_waits_while_the_channel_is_full() -> None:
    """A putter beyond the capacity waits until a getter made room."""
    channel: Channel[int] = Channel(1)
    await channel.put(1)
    async with asyncio.TaskGroup() as group:
        second = group.create_task(channel.put(2))
        await settle()
        assert not second.done()
        assert await channel.get() == 1
        await settle()
        assert second.done()
        assert await channel.get() == 2


async def test_put_front_never_waits_and_goes_first() -> None:
    """The loop edge ignores the capacity and overtakes."""
    channel: Channel[int] = Channel(1)
    await channel.put(1)
    channel.put_front(2)
    channel.put_front(3)
    assert [await channel.get() for _ in range(3)] == [3, 2, 1]


async def test_one_item_wakes_one_getter() -> None:
    """Of several waiting getters exactly the first gets the item."""
    channel: Channel[int] = Channel(1)
    async with asyncio.TaskGroup() as group:
        getters = [group.create_task(channel.get()) for _ in range(3)]
        await settle()
        await channel.put(7)
        await settle()
        assert [getter.done() for getter in getters] == [True, False, False]
        for getter in getters[1:]:
            getter.cancel()


async def test_a_getter_cancelled_after_it_was_served_gives_the_item_back() -> None:
    """An item handed to a getter that is cancelled before it ran is the next one out."""
    channel: Channel[int] = Channel(4)
    async with asyncio.TaskGroup() as group:
        getter = group.create_task(channel.get())
        await settle()
        await channel.put(1)
        await channel.put(2)
        getter.cancel()
    assert [await channel.get(), await channel.get()] == [1, 2]


async def test_a_cancelled_putter_leaves_nothing_behind() -> None:
    """What a cancelled putter wanted to put is never seen."""
    channel: Channel[int] = Channel(1)
    await channel.put(1)
    async with asyncio.TaskGroup() as group:
        putter = group.create_task(channel.put(2))
        await settle()
        putter.cancel()
    assert await channel.get() == 1
    channel.close()
    with pytest.raises(ChannelClosed):
        await channel.get()


@pytest.mark.parametrize("discard", [False, True])
async def test_close_ends_both_sides(discard: bool) -> None:
    """After close nothing goes in; what is inside comes out first, unless it is discarded."""
    channel: Channel[int] = Channel(2)
    await channel.put(1)
    channel.close(discard=discard)
    with pytest.raises(ChannelClosed):
        await channel.put(2)
    with pytest.raises(ChannelClosed):
        channel.put_front(2)
    if not discard:
        assert await channel.get() == 1
    with pytest.raises(ChannelClosed):
        await channel.get()


async def test_close_wakes_waiters() -> None:
    """Getters and putters that wait at the close learn of it."""
    empty: Channel[int] = Channel(1)
    full: Channel[int] = Channel(1)
    await full.put(1)

    async def expect_closed(act: Callable[[], object]) -> None:
        with pytest.raises(ChannelClosed):
            await act()  # type: ignore[misc]

    async with asyncio.TaskGroup() as group:
        group.create_task(expect_closed(empty.get))
        group.create_task(expect_closed(lambda: full.put(2)))
        await settle()
        empty.close()
        full.close()


@given(
    capacity=st.integers(1, 8),
    putters=st.lists(st.integers(0, 9), min_size=1, max_size=20),
    getters=st.integers(1, 8),
    cancelled=st.sets(st.integers(0, 40)),
)
def test_nothing_is_lost_or_doubled(
    capacity: int, putters: list[int], getters: int, cancelled: set[int]
) -> None:
    """Every accepted item is taken exactly once and in order, whoever is cancelled when."""

    async def scenario() -> None:
        channel: Channel[int] = Channel(capacity)
        accepted: list[int] = []
        taken: list[int] = []

        async def put(item: int, pause: int) -> None:
            for _ in range(pause):
                await asyncio.sleep(0)
            await channel.put(item)
            accepted.append(item)

        async def get() -> None:
            try:
                while True:
                    taken.append(await channel.get())
            except ChannelClosed:
                pass

        async with asyncio.TaskGroup() as group:
            takers = [group.create_task(get()) for _ in range(getters)]
            makers = [group.create_task(put(i, pause)) for i, pause in enumerate(putters)]
            for step in range(40):
                if step in cancelled:
                    tasks = [*takers[1:], *makers]
                    tasks[step % len(tasks)].cancel()
                await asyncio.sleep(0)
            await asyncio.wait(makers)
            channel.close()
        # A putter cancelled in the very moment it was admitted has put its item all the same.
        assert sorted(set(taken)) == sorted(taken)
        assert set(accepted) <= set(taken)

    asyncio.run(scenario())


async def test_who_gets_a_later_item_goes_on_later() -> None:
    """A getter that need not wait does not start before one that was woken for the item before."""
    channel: Channel[int] = Channel(8)
    started: list[int] = []

    async def work() -> None:
        started.append(await channel.get())

    async with asyncio.TaskGroup() as group:
        group.create_task(work())
        await settle()
        await channel.put(1)  # for the one that waits, and does not run yet
        await channel.put(2)
        await channel.put(3)
        await work()
        await work()
    assert started == [1, 2, 3]


async def test_a_cancelled_getter_that_let_others_go_first_loses_nothing() -> None:
    """What it had in hand goes back to the front."""
    channel: Channel[int] = Channel(8)
    async with asyncio.TaskGroup() as group:
        first = group.create_task(channel.get())
        await settle()
        for number in (1, 2, 3):
            await channel.put(number)
        second = channel.get()
        second.send(None)  # it holds 2 and waits until the first one runs
        with pytest.raises(asyncio.CancelledError):
            second.throw(asyncio.CancelledError())
    assert first.result() == 1
    assert [await channel.get(), await channel.get()] == [2, 3]
