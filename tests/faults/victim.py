"""Calls servers that mean no good, in a process of its own that measures its memory; prints JSON."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

from codeclm.errors import CodecLMError
from codeclm.llm.cache import Store
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import MemoryStore
from tests.faults.caller import memory_bytes


async def call(url: str, timeout_s: float) -> dict[str, Any]:
    """One call, with what it took."""
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, began_s, error = memory_bytes(), time.monotonic(), "none"
    store: Store = MemoryStore()
    spec = ModelSpec(f"openai:m@{url}", timeout_s=timeout_s, attempts=1)
    async with Models(environ={}) as models:
        try:
            await models.open(spec, store).complete(ChatRequest((Message("user", "Hi"),)))
        except CodecLMError as raised:
            error = type(raised).__name__
        took_s = time.monotonic() - began_s
    return {"took_s": took_s, "error": error, "peak_bytes": memory_bytes("VmHWM") - before}


async def main(urls: list[str], timeout_s: float, at_once: int) -> None:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(call(url, timeout_s)) for url in urls[:at_once]]
    found = [task.result() for task in tasks]
    for url in urls[at_once:]:
        found.append(await call(url, timeout_s))
    print(json.dumps(found))


if __name__ == "__main__":
    asyncio.run(main(*json.loads(sys.argv[1])))
