"""The bare `openai` SDK in a loop that appends its answers to a file; ``--option`` aiohttp or httpx is its transport.

Settings: "OpenAI Python API library", sections "With aiohttp" ("for improved concurrency performance") and
"Configuring the HTTP client". uvloop is more than its documentation asks for.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator

import httpx2
import uvloop
from job import KEY, MODEL, Job, read_job
from openai import AsyncOpenAI, DefaultAioHttpClient, DefaultAsyncHttpxClient


async def run(job: Job) -> None:
    """Ask all prompts, so many at a time."""
    prompts = iter(job.prompts())
    transport = DefaultAioHttpClient if job.option == "aiohttp" else DefaultAsyncHttpxClient
    # By default only 100 connections are kept: each further call would open one.
    limits = httpx2.Limits(max_connections=job.in_flight, max_keepalive_connections=job.in_flight)
    with (job.place / "answers.jsonl").open("w") as kept:
        async with AsyncOpenAI(
            base_url=job.base_url, api_key=KEY, http_client=transport(limits=limits)
        ) as client:

            async def ask() -> None:
                for prompt in prompts:
                    told = await client.chat.completions.create(
                        model=MODEL, messages=[{"role": "user", "content": prompt}]
                    )
                    kept.write(json.dumps([prompt, told.choices[0].message.content]) + "\n")

            async with asyncio.TaskGroup() as group:
                for _ in range(job.in_flight):
                    group.create_task(ask())


def rows(job: Job) -> Iterator[tuple[str, str]]:
    """What is on file."""
    with (job.place / "answers.jsonl").open() as kept:
        for line in kept:
            prompt, text = json.loads(line)
            yield prompt, text


if __name__ == "__main__":
    found = read_job()
    uvloop.run(run(found))
    found.tell(rows(found))
