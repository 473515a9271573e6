"""Two answers at the same time, neither thrown away for the other's failure."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

from codeclm.errors import CodecLMError

__all__ = ["both"]

A = TypeVar("A")
B = TypeVar("B")


async def both(first: Awaitable[A], second: Awaitable[B]) -> tuple[A, B]:
    """Await both at the same time and to the end: where one fails, the answer of the other is paid for and kept.

    Raises the CodecLMError of the first that has one; any other exception cancels the other at once.
    """
    try:
        async with asyncio.TaskGroup() as group:
            other = group.create_task(_settled(second))
            one = await _settled(first)
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    another = other.result()
    if isinstance(one, CodecLMError):
        raise one
    if isinstance(another, CodecLMError):
        raise another
    return one, another


async def _settled(answer: Awaitable[A]) -> A | CodecLMError:
    try:
        return await answer
    except CodecLMError as error:
        return error
