"""Before anything is spent: is there a server, and does it take a small request of ours?"""

from __future__ import annotations

import asyncio
import errno
import os
from urllib.parse import urlsplit

from codeclm.errors import (
    Declined,
    EmptyAnswer,
    MalformedAnswer,
    ModelError,
    ToolCallAnswer,
    UsageError,
)
from codeclm.llm.chat import ChatModel, ChatRequest, Message, Usage

__all__ = ["PROMPT", "STAGE", "check_answers", "check_reachable"]

REACHABLE_WITHIN_S = 5
ANSWERED_WITHIN_S = 120
STAGE = "preflight"
PROMPT = "Reply with OK."
ALIVE = (Declined, EmptyAnswer, ToolCallAnswer)
"""Answers that are of no use, to a question that nobody needs answered."""


async def check_reachable(base_url: str) -> None:
    """Open a TCP connection to ``base_url``. Raises UsageError within 5 s if nobody is there."""
    parts = urlsplit(base_url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        async with asyncio.timeout(REACHABLE_WITHIN_S):
            _, writer = await asyncio.open_connection(parts.hostname, port)
    except TimeoutError:
        raise UsageError(f"no server at {base_url} (no answer in time)") from None
    except OSError as error:
        number = error.errno or 0
        reason = os.strerror(number) if number in errno.errorcode else error.strerror or str(error)
        raise UsageError(f"no server at {base_url} ({reason})") from None
    writer.close()


async def check_answers(
    model: ChatModel,
    name: str,
    *,
    temperature: float | None,
    max_tokens: int | None,
    within_s: float = ANSWERED_WITHIN_S,
) -> Usage:
    """Ask ``model`` (with its retries and limits, without a cache) one tiny question, as the run will ask.

    Returns the tokens that it took. What it does not take of the request is learnt here once, and not by all calls of
    the run at the same time.
    Raises UsageError, or RunStopped where key, model, URL or quota are refused; each says it in one line.
    """
    asked = ChatRequest(
        (Message("user", PROMPT),), temperature, max_tokens, stage=STAGE, priority=-1
    )
    try:
        async with asyncio.timeout(within_s):
            return (await model.complete(asked)).usage
    except ALIVE:
        return Usage()
    except TimeoutError:
        message = f"{name} does not answer a tiny request within {within_s:.0f} s"
        raise UsageError(message) from None
    except MalformedAnswer as error:
        hint = "is its URL that of a chat API, as http://127.0.0.1:8000/v1?"
        raise UsageError(f"{name} answers, but with no chat completion: {error}; {hint}") from None
    except ModelError as error:
        raise UsageError(f"{name} does not answer a tiny request: {error}") from None
