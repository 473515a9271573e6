"""The items of a source, whatever it is: an iterable, an async one, or an async generator, which is closed with it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Iterable
from contextlib import aclosing
from typing import TypeVar

__all__ = ["each_of"]

T = TypeVar("T")

ITEMS_A_TURN = 1_000
"""Gone through before other tasks get a turn: at a resume there may be nothing to do for any of them."""


async def each_of(items: Iterable[T] | AsyncIterable[T]) -> AsyncGenerator[T, None]:
    """Every item, in order."""
    if isinstance(items, AsyncGenerator):
        async with aclosing(items):
            async for item in items:
                yield item
    elif isinstance(items, AsyncIterable):
        async for item in items:
            yield item
    else:
        for number, item in enumerate(items, 1):
            yield item
            if not number % ITEMS_A_TURN:
                await asyncio.sleep(0)
