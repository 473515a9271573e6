"""This project's client, opened as a run opens it: limits on, every answer on disk before use. A measured process."""

from __future__ import annotations

import json
import sys
from pathlib import Path

from benchmarks.drive import drive, prompt
from codeclm.console import run_loop
from codeclm.ledger import Ledger
from codeclm.llm.chat import ChatRequest, Message
from codeclm.llm.providers import Models
from codeclm.llm.spec import ModelSpec
from codeclm.llm.store import AnswerStore


async def main(base_url: str, directory: str, calls: int, in_flight: int, warm_up: int) -> None:
    spec = ModelSpec(f"openai:m@{base_url}", max_in_flight=in_flight, adaptive=False)
    ledger = Ledger()
    async with (
        Models(on_event=ledger, environ={}) as models,
        AnswerStore(Path(directory), on_event=ledger) as store,
    ):
        model = models.open(spec, store)

        async def call(number: int) -> str:
            asked = ChatRequest((Message("user", prompt(number)),), 0.7, 1000, stage="respond")
            return (await model.complete(asked)).text

        print(await drive(call, calls, in_flight, warm_up))


if __name__ == "__main__":
    run_loop(main(**json.loads(sys.argv[1])))
