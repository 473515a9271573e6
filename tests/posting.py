"""What tests of HTTP share: something that posts, with a key that must not show."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from codeclm.llm.http import Answer, Post, open_session
from codeclm.llm.secret import Secret

KEY = "canary-0123456789"
BODY = b'{"model": "m"}'


@asynccontextmanager
async def posting(base_url: str, timeout_s: float = 30) -> AsyncIterator[Post]:
    async with open_session() as session:
        yield Post(session, base_url, "/chat/completions", key=Secret(KEY), timeout_s=timeout_s)


async def send(post: Post, body: bytes = BODY) -> Answer:
    """The answer; raises the error that there is in its place."""
    sent = await post.send(body)
    if isinstance(sent, Answer):
        return sent
    raise sent
