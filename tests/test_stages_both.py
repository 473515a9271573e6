"""Two answers at the same time, and which of two errors counts."""

from __future__ import annotations

import asyncio
import gc

import pytest

from codeclm.errors import CodecLMError, Filtered, QuotaExhausted, ServerError, TimedOut
from codeclm.stages.both import both

pytestmark = pytest.mark.anyio


async def ending(outcome: CodecLMError | str) -> str:
    if isinstance(outcome, CodecLMError):
        raise outcome
    return outcome


async def test_both_answers() -> None:
    """In the order in which they were asked for."""
    assert await both(ending("one"), ending("other")) == ("one", "other")


@pytest.mark.parametrize(
    ("one", "other", "expected"),
    [
        (ServerError("a"), "fine", "a"),
        ("fine", ServerError("b"), "b"),
        (ServerError("a"), TimedOut("b"), "a"),
        (Filtered("a"), QuotaExhausted("b"), "a"),
        (Filtered("a"), TimedOut("b"), "a"),
        (TimedOut("a"), Filtered("b"), "b"),
        (TimedOut("a"), QuotaExhausted("b"), "b"),
    ],
)
async def test_what_is_final_counts(
    one: CodecLMError | str, other: CodecLMError | str, expected: str
) -> None:
    """An error that may pass gives way to one that does not: else both would be asked again, one of them in vain."""
    with pytest.raises(CodecLMError, match=expected):
        await both(ending(one), ending(other))


async def test_cancelled_before_the_second_begins() -> None:
    """Nothing is left that was never awaited: such a warning is an error here."""

    async def cancels() -> str:
        task.cancel()
        await asyncio.sleep(0)
        return "one"

    task = asyncio.create_task(both(cancels(), ending("other")))
    await asyncio.wait([task])
    assert task.cancelled()
    gc.collect()
