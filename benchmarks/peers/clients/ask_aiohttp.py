"""The floor: a bare aiohttp loop that appends its answers to a file, with no limits, checks, cache or resume."""

from __future__ import annotations

import asyncio
import gc
from collections.abc import Iterator

import aiohttp
import orjson
import uvloop
from job import MODEL, Job, read_job


async def run(job: Job) -> None:
    """Ask all prompts, so many at a time."""
    prompts = iter(job.prompts())
    connector = aiohttp.TCPConnector(limit=0)
    cookies = aiohttp.DummyCookieJar()
    async with aiohttp.ClientSession(connector=connector, cookie_jar=cookies) as session:
        with (job.place / "answers.jsonl").open("wb") as kept:

            async def ask() -> None:
                for prompt in prompts:
                    message = {"role": "user", "content": prompt}
                    body = orjson.dumps({"model": MODEL, "messages": [message]})
                    async with session.post(
                        f"{job.base_url}/chat/completions", data=body
                    ) as answer:
                        told = orjson.loads(await answer.read())
                    text = told["choices"][0]["message"]["content"]
                    kept.write(orjson.dumps([prompt, text], option=orjson.OPT_APPEND_NEWLINE))

            async with asyncio.TaskGroup() as group:
                for _ in range(job.in_flight):
                    group.create_task(ask())


def rows(job: Job) -> Iterator[tuple[str, str]]:
    """What is on file."""
    with (job.place / "answers.jsonl").open("rb") as kept:
        for line in kept:
            prompt, text = orjson.loads(line)
            yield prompt, text


if __name__ == "__main__":
    found = read_job()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    uvloop.run(run(found))
    found.tell(rows(found))
