"""Two answers at the same time, neither thrown away for the other's failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Coroutine
from typing import Any, TypeGuard, TypeVar

from codeclm.errors import CodecLMError, TransientError

__all__ = ["both"]

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Coroutine[Any, Any, A], second: Coroutine[Any, Any, B]) -> tuple[A, B]:
    """Await both at the same time and to the end: where one fails, the answer of the other is paid for and kept.

    Raises the CodecLMError of the first that has one, but rather one that is final than one that may pass: to ask both
    again would be in vain. Any other exception of ``first``, and being cancelled, cancels ``second`` at once.
    """
    # No TaskGroup: it costs as much again as the task.
    other = asyncio.get_running_loop().create_task(_settled(second))
    try:
        one = await _settled(first)
        another = await other
    finally:
        if not other.done():
            other.cancel()
            await asyncio.wait((other,))
        second.close()  # where its task was cancelled before it began
    if isinstance(one, CodecLMError):
        raise another if isinstance(one, TransientError) and _is_final(another) else one
    if isinstance(another, CodecLMError):
        raise another
    return one, another


def _is_final(outcome: object) -> TypeGuard[CodecLMError]:
    return isinstance(outcome, CodecLMError) and not isinstance(outcome, TransientError)


async def _settled(answer: Awaitable[A]) -> A | CodecLMError:
    try:
        return await answer
    except CodecLMError as error:
        return error
