"""Two answers at the same time, and which of two errors counts."""

from __future__ import annotations

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


async def test_what_is_cancelled_before_it_begins() -> None:
    """The first breaks at once: the second leaves no warning that it was never awaited, which is an error here."""

    async def breaks() -> str:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await both(breaks(), ending("other"))
    gc.collect()
