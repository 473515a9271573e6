"""Deadlines: what takes too long ends at its time, and nothing else does."""

from __future__ import annotations

import asyncio

import pytest

from codeclm.llm.deadlines import Deadlines

pytestmark = pytest.mark.anyio

SHORT_S, LONG_S = 0.01, 600.0


async def wait_for_ever(deadlines: Deadlines) -> None:
    with deadlines.block():
        await asyncio.Event().wait()


async def test_what_takes_too_long_ends() -> None:
    """Each of many with TimeoutError, and nothing of them is left."""
    deadlines = Deadlines(SHORT_S)
    ends = await asyncio.gather(
        *(wait_for_ever(deadlines) for _ in range(100)), return_exceptions=True
    )
    assert [type(end) for end in ends] == [TimeoutError] * 100
    assert not len(deadlines)


async def test_each_has_its_own_time() -> None:
    """What begins when another one is due already has all of its time; what ends in time is not touched."""
    deadlines = Deadlines(SHORT_S)
    ended: list[str] = []

    async def wait(name: str) -> None:
        with pytest.raises(TimeoutError):
            await wait_for_ever(deadlines)
        ended.append(name)

    async with asyncio.TaskGroup() as group:
        group.create_task(wait("first"))
        await asyncio.sleep(SHORT_S / 2)
        with deadlines.block():
            await asyncio.sleep(0)
        assert len(deadlines) == 1
        group.create_task(wait("second"))
    assert ended == ["first", "second"]
    task = asyncio.current_task()
    assert task is not None
    assert not task.cancelling()


async def test_a_cancellation_is_none_of_its_business() -> None:
    """A task that somebody cancels ends as cancelled, with its deadline far away."""
    deadlines = Deadlines(LONG_S)
    task = asyncio.create_task(wait_for_ever(deadlines))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert not len(deadlines)


async def test_a_cancellation_at_the_deadline_counts() -> None:
    """Cancelled and due in the same moment, a task ends as cancelled: who cancelled it waits for that."""
    deadlines = Deadlines(SHORT_S)

    async def be_cancelled() -> None:
        task = asyncio.current_task()
        assert task is not None
        with deadlines.block():
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:  # the deadline's
                task.cancel()
                raise

    task = asyncio.create_task(be_cancelled())
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_an_error_goes_on_as_it_is() -> None:
    """What a block raises itself is not changed."""
    deadlines = Deadlines(LONG_S)
    with pytest.raises(ValueError, match="broken"), deadlines.block():
        raise ValueError("broken")
    assert not len(deadlines)
