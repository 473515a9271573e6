"""The floor: a bare aiohttp loop that appends its answers to a file, with no limits, checks, cache or resume."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import aiohttp
import orjson
import uvloop
from job import MODEL, Job, read_job


async def run(job: Job) -> None:
    """Ask all prompts, so many at a time."""
    prompts = iter(job.prompts())
    connector = aiohttp.TCPConnector(limit=0)
    async with (
        aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar()) as session,
        asyncio.TaskGroup() as group,
    ):
        with (job.place / "answers.jsonl").open("wb") as kept:

            async def ask() -> None:
                for prompt in prompts:
                    message = {"role": "user", "content": prompt}
                    body = orjson.dumps({"model": MODEL, "messages": [message]})
                    async with session.post(f"{job.base_url}/chat/completions", data=body) as answer:
                        told = orjson.loads(await answer.read())
                    text = told["choices"][0]["message"]["content"]
                    kept.write(orjson.dumps([prompt, text], option=orjson.OPT_APPEND_NEWLINE))

            tasks = [group.create_task(ask()) for _ in range(job.in_flight)]
            await asyncio.wait(tasks)


def rows(job: Job) -> Iterator[tuple[str, str]]:
    """What is on file."""
    with (job.place / "answers.jsonl").open("rb") as kept:
        for line in kept:
            prompt, text = orjson.loads(line)
            yield prompt, text


if __name__ == "__main__":
    found = read_job()
    uvloop.run(run(found))
    found.tell(rows(found))
