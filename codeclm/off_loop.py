"""Blocking work off the event loop, waited for to its end."""

from __future__ import annotations

from asyncio import CancelledError, get_running_loop, shield, wait
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

__all__ = ["off_loop"]

P = ParamSpec("P")
T = TypeVar("T")


async def off_loop(work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """What ``work`` returns, or raises, in a thread.

    Cancelled, this waits until ``work`` is over all the same: what works on files must not outlast who closes them.
    """
    ended = get_running_loop().run_in_executor(None, partial(work, *args, **kwargs))
    try:
        return await shield(ended)
    except CancelledError:
        while not ended.done():
            with suppress(CancelledError):
                await wait([ended])
        with suppress(CancelledError):
            ended.exception()  # nobody asks for it any more
        raise
