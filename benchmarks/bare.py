"""The limit: nothing but aiohttp, uvloop and orjson, as someone writes it who knows them. A measured process.

With ``calm`` the garbage collector looks as seldom as this project's command has it.
"""

from __future__ import annotations

import gc
import json
import resource
import sys

import aiohttp
import orjson
import uvloop

from benchmarks.drive import drive, prompt

HEADERS = {"Content-Type": "application/json"}


async def main(base_url: str, calls: int, in_flight: int, warm_up: int) -> None:
    url = f"{base_url}/chat/completions"
    connector = aiohttp.TCPConnector(limit=0)
    async with aiohttp.ClientSession(
        connector=connector, cookie_jar=aiohttp.DummyCookieJar()
    ) as session:

        async def call(number: int) -> str:
            message = {"role": "user", "content": prompt(number)}
            asked = {"model": "m", "messages": [message], "temperature": 0.7, "max_tokens": 1000}
            async with session.post(url, data=orjson.dumps(asked), headers=HEADERS) as response:
                answer = orjson.loads(await response.read())
                return str(answer["choices"][0]["message"]["content"])

        print(await drive(call, calls, in_flight, warm_up))


if __name__ == "__main__":
    options = json.loads(sys.argv[1])
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    if options.pop("calm"):
        gc.freeze()
        gc.set_threshold(100_000, 20, 100)
    uvloop.run(main(**options))
